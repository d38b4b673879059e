package credential

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Base32 of the secret of RFC 6238's vectors, "12345678901234567890".
const vectorSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// book is a house's clients and tokens.
type book struct {
	mu      sync.Mutex
	rows    map[string]schema.Identity
	hashes  map[string]string
	secrets map[string]string
	tokens  map[[32]byte]bookToken
}

type bookToken struct {
	id, client string
	expires    int64
	rooms      schema.TokenRooms
}

func newBook() *book {
	return &book{rows: map[string]schema.Identity{}, hashes: map[string]string{},
		secrets: map[string]string{}, tokens: map[[32]byte]bookToken{}}
}

// add makes a client whose password takes little to check.
func (b *book) add(name, password string) *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows[name] = schema.Identity{Client: name}
	b.hashes[name] = cheap(password)
	return b
}

func (b *book) give(token string, t bookToken) { b.tokens[sha256.Sum256([]byte(token))] = t }

func (b *book) Client(name string) (schema.Identity, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, ok := b.rows[name]
	return row, ok
}

func (b *book) PasswordHash(client string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	hash, ok := b.hashes[client]
	return hash, ok
}

func (b *book) TOTPSecret(client string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	secret, ok := b.secrets[client]
	return secret, ok
}

func (b *book) UseCode([32]byte, int64, int64) bool { return true }

func (b *book) Token(hash [32]byte) (id, client string, expires int64, rooms schema.TokenRooms, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.tokens[hash]
	return t.id, t.client, t.expires, t.rooms, ok
}

// cheap is a hash of the least cost that there is.
func cheap(password string) string {
	salt := []byte("salt of a test")
	key := argon2.IDKey([]byte(password), salt, 1, 8, 1, 16)
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s",
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func newVerifier(t testing.TB, config Config, clients Clients) *Verifier {
	t.Helper()
	v, err := New(config, clients)
	if err != nil {
		t.Fatal(err)
	}
	v.dummy = cheap("nobody's")
	return v
}

func pairOf(client, password string) ipc.Credential {
	return ipc.Credential{Client: client, Password: password}
}

// who is the verdict of one try: "ok", or the code of its refusal.
func who(v *Verifier, c ipc.Credential, address string) string {
	identity, refusal, after := v.Who(context.Background(), c, address)
	switch {
	case refusal == nil && identity.Client == c.Client && c.Token == "":
		return "ok"
	case refusal == nil:
		return "ok as " + identity.Client
	case refusal.Code == schema.Rate && after < 1:
		return "rate without after"
	}
	return string(refusal.Code)
}

func hashes(v *Verifier) uint64 {
	v.pool.mu.Lock()
	defer v.pool.mu.Unlock()
	return v.pool.entered
}
