package book

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// tokenPrefix begins every opaque token.
const tokenPrefix = "pht_"

// tokenView is a token as token list tells it.
type tokenView struct {
	ID      string          `json:"id"`
	Client  string          `json:"client"`
	Expires *time.Time      `json:"expires"` // null: never
	Rooms   json.RawMessage `json:"rooms"`   // null: not limited
}

// newTokenView is the one time that a token is shown.
type newTokenView struct {
	tokenView
	Token string `json:"token"`
}

// String keeps the token out of what is printed by accident.
func (newTokenView) String() string   { return "(token)" }
func (newTokenView) GoString() string { return "(token)" }

func (t Token) view() tokenView {
	view := tokenView{ID: t.ID, Client: t.Client, Rooms: roomsText(t.Rooms)}
	if t.Expires != 0 {
		ends := time.Unix(t.Expires, 0).UTC()
		view.Expires = &ends
	}
	return view
}

// addToken: the client by name or as a value; who is no admin adds its own.
func (b *Book) addToken(ctx context.Context, op schema.Operation) (any, error) {
	said, err := readValues(op, "client", "expires", "rooms")
	if err != nil {
		return nil, err
	}
	client, err := b.tokenClient(op, said)
	if err != nil {
		return nil, err
	}
	if client == "" {
		return nil, malformed("token add: say for which client")
	}
	token, text, err := newToken(client, said)
	if err != nil {
		return nil, err
	}
	hash := HashToken(text)
	row := store.Token{ID: token.ID, Hash: hash, Client: client, Made: time.Now()}
	if token.Expires != 0 {
		row.Expires = time.Unix(token.Expires, 0)
	}
	if token.Rooms != nil {
		row.Rooms = string(roomsText(token.Rooms))
	}
	return b.alter(func() (any, error) {
		if _, err := b.known(op.By, client); err != nil {
			return nil, err
		}
		if err := b.store.AddToken(ctx, row); err != nil {
			return nil, err
		}
		b.remember(func() { b.tokens[hash], b.hashes[token.ID] = token, hash })
		return newTokenView{token.view(), text}, nil
	})
}

// tokenClient is whose tokens are meant: "" for all, an admin only.
func (b *Book) tokenClient(op schema.Operation, said values) (string, error) {
	client := op.Name
	if err := said.read("client", "a client's name", &client); err != nil {
		return "", err
	}
	switch {
	case op.Name != "" && client != op.Name:
		return "", malformed("token %s: two clients are named, %s and %s", op.Verb, shown(op.Name), shown(client))
	case client == "" && op.By.Admin:
		return "", nil
	case client == "":
		client = op.By.Client
	}
	_, err := b.known(op.By, client)
	return client, err
}

// newToken makes a token and its text, which is kept nowhere.
func newToken(client string, said values) (Token, string, error) {
	token := Token{Client: client}
	rooms, refusal := schema.ParseTokenRooms(said["rooms"])
	if refusal != nil {
		return token, "", refusal
	}
	lasts, err := readLifetime(said["expires"])
	if err != nil {
		return token, "", err
	}
	if lasts > 0 {
		token.Expires = time.Now().Add(lasts).Unix()
	}
	var id [8]byte
	var secret [32]byte
	rand.Read(id[:]) // never fails
	rand.Read(secret[:])
	token.ID, token.Rooms = hex.EncodeToString(id[:]), rooms
	return token, tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

func (b *Book) listTokens(_ context.Context, op schema.Operation) (any, error) {
	said, err := readValues(op, "client")
	if err != nil {
		return nil, err
	}
	client, err := b.tokenClient(op, said)
	if err != nil {
		return nil, err
	}
	views := []tokenView{}
	for _, token := range list(b, b.tokens, func(a, b Token) int {
		return cmp.Or(strings.Compare(a.Client, b.Client), strings.Compare(a.ID, b.ID))
	}) {
		if client == "" || token.Client == client {
			views = append(views, token.view())
		}
	}
	return views, nil
}

func (b *Book) revokeToken(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		token, hash, found := b.tokenByID(op.Name)
		if !found || !self(op.By, token.Client) {
			return nil, refuse(schema.NotFound, "there is no token %s: token list tells the ids", shown(op.Name))
		}
		if err := b.store.RemoveToken(ctx, token.ID); err != nil {
			return nil, err
		}
		b.remember(func() { delete(b.tokens, hash); delete(b.hashes, token.ID) },
			Change{TokenRevoked: Revoked{token.Client, token.ID}})
		return token.view(), nil
	})
}

// roomsText writes what schema.ParseTokenRooms reads, in the order in which it
// was said, for the first entry that means a room decides.
func roomsText(rooms schema.TokenRooms) json.RawMessage {
	if rooms == nil {
		return json.RawMessage("null")
	}
	words := map[schema.Scope]string{schema.ScopeAll: "all", schema.ScopeHear: "hear", schema.ScopeSend: "send"}
	names, limited := []string{}, false
	var fields [][]byte
	for _, room := range rooms {
		names = append(names, room.Name)
		limited = limited || room.May != schema.ScopeAll
		fields = append(fields, append(append(marshalled(room.Name), ':'), marshalled(words[room.May])...))
	}
	if !limited {
		return marshalled(names)
	}
	return append(append([]byte{'{'}, bytes.Join(fields, []byte{','})...), '}')
}
