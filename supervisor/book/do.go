package book

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/schema"
)

// level is who may ask for an operation at all; whose things it reaches, the
// operation itself judges.
type level uint8

const (
	clients level = iota // and owners, and admins
	owners               // and admins
	admins
)

type operation struct {
	level level
	do    func(*Book, context.Context, schema.Operation) (any, error)
}

// operations are all there are. Their errors are a *schema.Refusal, or tell
// that the database failed.
var operations = map[string]operation{
	"client add":      {admins, (*Book).addClient},
	"client list":     {admins, (*Book).listClients},
	"client show":     {clients, (*Book).showClient},
	"client set":      {clients, (*Book).setClient},
	"client passwd":   {clients, (*Book).setPassword},
	"client totp":     {clients, (*Book).setTOTP},
	"client remove":   {admins, (*Book).removeClient},
	"token add":       {clients, (*Book).addToken},
	"token list":      {clients, (*Book).listTokens},
	"token revoke":    {clients, (*Book).revokeToken},
	"room add":        {owners, (*Book).addRoom},
	"room list":       {owners, (*Book).listRooms},
	"room show":       {owners, (*Book).showRoom},
	"room set":        {owners, (*Book).setRoom},
	"room remove":     {owners, (*Book).removeRoom},
	"endpoint add":    {owners, (*Book).addEndpoint},
	"endpoint list":   {owners, (*Book).listEndpoints},
	"endpoint remove": {owners, (*Book).removeEndpoint},
}

// Do does one operation. Its result marshals to the JSON that the contract
// (schema/wire.md) names, and holds a secret only where a secret is shown
// once: token add, client totp. A refusal is the asker's fault, err a failure
// of the database or of the Hasher; where there is either, nothing changed.
func (b *Book) Do(ctx context.Context, op schema.Operation) (result any, refusal *schema.Refusal, err error) {
	known, err := admitted(op)
	if err == nil {
		result, err = known.do(b, ctx, op)
	}
	if refusal, err = apart(err); refusal != nil || err != nil {
		return nil, refusal, err
	}
	return result, nil, nil
}

// apart tells the asker's fault from a failure.
func apart(err error) (*schema.Refusal, error) {
	var refusal *schema.Refusal
	if errors.As(err, &refusal) {
		return refusal, nil
	}
	return nil, err
}

// admitted is the operation, if the asker may ask for it at all.
func admitted(op schema.Operation) (operation, error) {
	name := op.Noun + " " + op.Verb
	known, found := operations[name]
	switch {
	case !found:
		return known, refuse(schema.Unknown, "%s is no operation%s", shown(name), suggestion(name, slices.Sorted(maps.Keys(operations))))
	case op.By.Rooms != nil: // it would open to itself what its token closes
		return known, refuse(schema.Denied, "%s: this token is limited to rooms; use one without limits", name)
	case op.By.Admin:
		return known, nil
	case op.By.Client == "":
		return known, refuse(schema.Denied, "%s: only a client may; authenticate first", name)
	case known.level == admins:
		return known, refuse(schema.Denied, "%s: only an admin may", name)
	case known.level == owners && !op.By.Owner:
		return known, refuse(schema.Denied, "%s: only an owner or an admin may", name)
	}
	return known, nil
}

// self tells whether the asker reaches a client's own things.
func self(by schema.Identity, client string) bool { return by.Admin || by.Client == client }

// rules tells whether the asker rules a room of that name and owner.
func rules(by schema.Identity, name, owner string) bool {
	return by.Admin || by.Owner && (owner == by.Client || prefixOf(name) == by.Client)
}

// prefixOf is the client before a room's slash, "" where there is none.
func prefixOf(room string) string {
	client, _, prefixed := strings.Cut(room, "/")
	if !prefixed {
		return ""
	}
	return client
}
