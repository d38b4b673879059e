// Package book is the house's book: who its clients are and what the house
// keeps (tokens, persistent rooms, endpoints). All of it is in memory, read
// when the book is opened; a change is written to SQLite first. A house that
// is up and the command line on one that is down use it alike.
package book

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor/credential"
)

// Book is an open book. Its methods may be called from several goroutines;
// its fields are set before the first of them.
type Book struct {
	// Hasher makes the hash of a password. It is called outside of every lock
	// and may wait; a *schema.Refusal it returns is told to the asker.
	// Open sets one that hashes at once.
	Hasher func(context.Context, schema.PlainPassword) (schema.PasswordHash, error)
	// Primary is the primary host, lowercase: only an admin adds endpoints on
	// it or below it. "": not known.
	Primary string

	store *store.Store
	house atomic.Pointer[house]

	writing sync.Mutex // held by a change, also while it waits for the disk

	memory    sync.RWMutex // guards the fields below; never held over I/O
	clients   map[string]Client
	secrets   map[string]secrets
	tokens    map[[32]byte]Token
	hashes    map[string][32]byte // of tokens, by id
	rooms     map[string]Room
	endpoints map[address]Endpoint
	hosts     map[string]int // how many endpoints each has
	untold    []Change

	telling sync.Mutex // held while listeners are called, for their order
	heard   []func(Change)
}

// Client is what is known of a client.
type Client struct {
	Name     string
	Owner    bool
	Primary  bool
	Admin    bool
	Direct   schema.Direct
	Admits   []string // to its endpoint: clients; "authenticated" or "anyone" alone; empty: nobody
	Password bool     // it has one
	TOTP     bool     // it has a second factor
}

// Identity is what a credential proves that the client itself may use whole.
func (c Client) Identity() schema.Identity {
	return schema.Identity{Client: c.Name, Owner: c.Owner, Primary: c.Primary, Admin: c.Admin, Direct: c.Direct}
}

// secrets are a client's.
type secrets struct {
	password schema.PasswordHash
	totp     schema.OTPSecret
}

// Token is an opaque token without the token.
type Token struct {
	ID      string
	Client  string
	Expires int64 // Unix seconds; 0: never
	Rooms   schema.TokenRooms
}

// Room is a persistent room.
type Room struct {
	Name  string
	Owner string // "" if only admins rule it
	Said  schema.Said
	Rules schema.Rules // in force
	Made  time.Time
}

// Endpoint leads a host, or a name on it, to a room or to a client; the other
// one is "".
type Endpoint struct {
	Host   string // lowercase, without a port
	Name   string // "": the host itself
	Room   string
	Client string
}

// address is an endpoint's key.
type address struct{ host, name string }

// Open reads the book from the database. The defaults and ceilings are the
// house's (--defaults, --ceilings).
//
// Errors: the store's; a row that cannot be read, by its name.
func Open(ctx context.Context, st *store.Store, defaults schema.Said, ceilings schema.Ceilings) (*Book, error) {
	b := &Book{
		Hasher:    hashAtOnce,
		store:     st,
		clients:   make(map[string]Client),
		secrets:   make(map[string]secrets),
		tokens:    make(map[[32]byte]Token),
		hashes:    make(map[string][32]byte),
		rooms:     make(map[string]Room),
		endpoints: make(map[address]Endpoint),
		hosts:     make(map[string]int),
	}
	b.house.Store(newHouse(defaults, ceilings))
	for _, read := range []func(context.Context) error{b.readClients, b.readTokens, b.readRooms, b.readEndpoints} {
		if err := read(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func hashAtOnce(_ context.Context, password schema.PlainPassword) (schema.PasswordHash, error) {
	return schema.StoredPassword(credential.HashPassword(password.Reveal())), nil
}
