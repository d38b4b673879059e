package book

import (
	"context"
	"encoding/json"

	"github.com/porthouse/porthouse/schema"
)

// house is what the house says of all rooms.
type house struct {
	defaults  schema.Rules // of a room that says nothing
	transient schema.Rules // of one made by NEW ROOM
	ceilings  schema.Ceilings
}

func newHouse(defaults schema.Said, ceilings schema.Ceilings) *house {
	return &house{
		defaults:  ceilings.Clamp(defaults.Over(schema.DefaultRules())),
		transient: ceilings.Clamp(defaults.Over(schema.NewRoomRules())),
		ceilings:  ceilings,
	}
}

// Rejudge puts other defaults and ceilings in the place of those that Open was
// given. Rooms whose rules in force differ by that are told as changed; what
// they say for themselves stays, also beyond new ceilings.
func (b *Book) Rejudge(defaults schema.Said, ceilings schema.Ceilings) {
	b.alter(func() (any, error) {
		next := newHouse(defaults, ceilings)
		b.house.Store(next)
		for _, room := range b.Rooms() {
			before := room.Rules.String() // secrets and drivers have no defaults
			room.Rules = room.Said.Over(next.defaults)
			if room.Rules.String() != before {
				b.remember(func() { b.rooms[room.Name] = room }, Change{RoomChanged: room.Name})
			}
		}
		return nil, nil
	})
}

// Defaults are the rules of a room that says nothing, within the ceilings: of
// one that was made by NEW ROOM, or of any other.
func (b *Book) Defaults(newRoom bool) schema.Rules {
	if newRoom {
		return b.house.Load().transient
	}
	return b.house.Load().defaults
}

// NewRoomRules judges the rules that a room is made with by NEW ROOM. What it
// says stands over Defaults(true) if it is transient; a persistent one says for
// itself what differs from Defaults(false). Unless an admin makes it, it is
// within the ceilings. A plain password was hashed before (Hashed).
func (b *Book) NewRoomRules(patch schema.Patch, by schema.Identity, persistent bool) (schema.Said, schema.Rules, *schema.Refusal) {
	if persistent {
		return b.keptRules(patch, by)
	}
	said, rules, refusal := schema.Said{}.Apply(patch, b.Defaults(true))
	return b.within(said, rules, by, refusal)
}

// addedRules are those of room add.
func (b *Book) addedRules(patch schema.Patch, by schema.Identity) (schema.Said, schema.Rules, *schema.Refusal) {
	said, rules, refusal := schema.Said{}.Apply(patch, b.Defaults(false))
	return b.within(said, rules, by, refusal)
}

// keptRules are those of NEW ROOM with "keep": such a room is hidden, where it
// does not say otherwise.
func (b *Book) keptRules(patch schema.Patch, by schema.Identity) (schema.Said, schema.Rules, *schema.Refusal) {
	said, rules, refusal := schema.Said{}.Apply(patch, b.Defaults(false))
	follows := !said.Over(schema.Rules{}).Visible && said.Over(schema.Rules{Visible: true}).Visible
	if refusal == nil && follows && rules.Visible != b.Defaults(true).Visible {
		var hidden schema.Patch
		if hidden, refusal = schema.ParseRules([]byte(`{"visible":false}`)); refusal == nil {
			said, rules, refusal = said.Apply(hidden, b.Defaults(false))
		}
	}
	return b.within(said, rules, by, refusal)
}

func (b *Book) within(said schema.Said, rules schema.Rules, by schema.Identity, refusal *schema.Refusal) (schema.Said, schema.Rules, *schema.Refusal) {
	if refusal == nil && !by.Admin {
		refusal = rules.Within(b.house.Load().ceilings)
	}
	if refusal == nil && !by.Admin {
		refusal = rules.DriverKept(schema.Rules{})
	}
	return said, rules, refusal
}

// ChangedRules judges a change of a room's rules, over the Defaults that the
// room follows. Unless an admin makes it, what it touches is within the
// ceilings, and it leaves the driver as it is. A plain password was hashed before (Hashed).
func (b *Book) ChangedRules(said schema.Said, defaults schema.Rules, patch schema.Patch, by schema.Identity) (schema.Said, schema.Rules, *schema.Refusal) {
	next, rules, refusal := said.Apply(patch, defaults)
	if refusal == nil && !by.Admin {
		refusal = rules.ChangeWithin(b.house.Load().ceilings, patch)
	}
	if refusal == nil && !by.Admin {
		refusal = rules.DriverKept(said.Over(defaults))
	}
	return next, rules, refusal
}

// Keep makes a persistent room by NEW ROOM with "keep", with the rules as they
// were said; nil for none. As Do it refuses or fails.
func (b *Book) Keep(ctx context.Context, name string, rules json.RawMessage, by schema.Identity) (Room, *schema.Refusal, error) {
	op := schema.Operation{Noun: "room", Verb: "add", Name: name, By: by}
	if len(rules) > 0 && !json.Valid(rules) {
		return Room{}, malformed("rules: no JSON"), nil
	}
	if len(rules) > 0 {
		op.Values = marshalled(values{"rules": rules})
	}
	_, err := admitted(op)
	var room Room
	if err == nil {
		room, err = b.makeRoom(ctx, op, b.keptRules)
	}
	refusal, err := apart(err)
	return room, refusal, err
}
