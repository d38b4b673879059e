package book

import (
	"context"
	"fmt"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

func (b *Book) readClients(ctx context.Context) error {
	rows, err := b.store.Clients(ctx)
	for _, row := range rows {
		client, err := clientOf(row)
		if err != nil {
			return unreadable("client", row.Name, err)
		}
		b.clients[row.Name] = client
		b.secrets[row.Name] = secrets{row.Password, row.TOTP}
	}
	return err
}

func (b *Book) readTokens(ctx context.Context) error {
	rows, err := b.store.Tokens(ctx)
	for _, row := range rows {
		rooms, refusal := schema.ParseTokenRooms([]byte(row.Rooms))
		if refusal != nil {
			return unreadable("token", row.ID, refusal)
		}
		token := Token{ID: row.ID, Client: row.Client, Rooms: rooms}
		if !row.Expires.IsZero() {
			token.Expires = row.Expires.Unix()
		}
		b.tokens[row.Hash], b.hashes[row.ID] = token, row.Hash
	}
	return err
}

func (b *Book) readRooms(ctx context.Context) error {
	rows, err := b.store.Rooms(ctx)
	for _, row := range rows {
		if row.Kind != store.Persistent {
			continue
		}
		said, refusal := schema.ParseStored([]byte(row.Rules))
		if refusal != nil {
			return unreadable("room", row.Name, refusal)
		}
		b.rooms[row.Name] = Room{row.Name, row.Owner, said, said.Over(b.Defaults(false)), row.Made}
	}
	return err
}

func (b *Book) readEndpoints(ctx context.Context) error {
	rows, err := b.store.Endpoints(ctx)
	for _, row := range rows {
		b.lead(Endpoint{row.Host, row.Path, row.Room, row.Client})
	}
	return err
}

func unreadable(noun, name string, why error) error {
	return fmt.Errorf("read the database: %s %q is stored in a way that this binary does not know (%w): run the binary that wrote it, or put a backup in its place", noun, name, why)
}

// lead and unlead keep the endpoints and the count of each host; with the
// memory locked.
func (b *Book) lead(e Endpoint) {
	key := address{e.Host, e.Name}
	if _, known := b.endpoints[key]; !known {
		b.hosts[e.Host]++
	}
	b.endpoints[key] = e
}

func (b *Book) unlead(host, name string) {
	key := address{host, name}
	if _, known := b.endpoints[key]; !known {
		return
	}
	delete(b.endpoints, key)
	if b.hosts[host]--; b.hosts[host] == 0 {
		delete(b.hosts, host)
	}
}
