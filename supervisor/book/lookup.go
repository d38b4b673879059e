package book

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// Lookups tell what holds now. None of them waits for the disk: during a
// change they tell the old state or the new one. What they return is shared:
// read only.

// Client looks up a client.
func (b *Book) Client(name string) (Client, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	client, found := b.clients[name]
	return client, found
}

// PasswordHash is a client's argon2id hash; false if it has none. Who calls it
// answers for where it goes.
func (b *Book) PasswordHash(client string) (string, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	hash := b.secrets[client].password
	return hash.Reveal(), hash.Set()
}

// TOTPSecret is a client's secret in base32; false if it has none. Who calls
// it answers for where it goes.
func (b *Book) TOTPSecret(client string) (string, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	secret := b.secrets[client].totp
	return secret.Reveal(), secret.Set()
}

// HashToken is what a token is known by: SHA-256 of all of its text.
func HashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// TokenByHash looks up a token, also one that has expired: the caller judges.
func (b *Book) TokenByHash(hash [32]byte) (Token, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	token, found := b.tokens[hash]
	return token, found
}

// tokenByID looks up a token and its hash.
func (b *Book) tokenByID(id string) (Token, [32]byte, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	hash, found := b.hashes[id]
	return b.tokens[hash], hash, found
}

// Room looks up a persistent room by its full name.
func (b *Book) Room(name string) (Room, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	room, found := b.rooms[name]
	return room, found
}

// Rooms lists the persistent rooms by name.
func (b *Book) Rooms() []Room {
	return list(b, b.rooms, func(a, b Room) int { return strings.Compare(a.Name, b.Name) })
}

// Endpoints lists the endpoints by host and name.
func (b *Book) Endpoints() []Endpoint {
	return list(b, b.endpoints, func(a, b Endpoint) int {
		return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Name, b.Name))
	})
}

// HasHost tells whether an endpoint is on a host, given without a port.
func (b *Book) HasHost(host string) bool {
	b.memory.RLock()
	defer b.memory.RUnlock()
	return b.hosts[canonicalHost(host)] > 0
}

// list is what a map holds, in an order.
func list[K comparable, V any](b *Book, of map[K]V, order func(a, b V) int) []V {
	b.memory.RLock()
	all := make([]V, 0, len(of))
	for _, one := range of {
		all = append(all, one)
	}
	b.memory.RUnlock()
	slices.SortFunc(all, order)
	return all
}
