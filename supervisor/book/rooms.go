package book

import (
	"context"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// roomView is a room as room show tells it.
type roomView struct {
	Room  string         `json:"room"`
	Owner *string        `json:"owner"` // null: only admins rule it
	Kind  store.RoomKind `json:"kind"`
	Rules schema.Rules   `json:"rules"` // its secrets as true
}

func (r Room) view() roomView {
	view := roomView{Room: r.Name, Kind: store.Persistent, Rules: r.Rules}
	if r.Owner != "" {
		view.Owner = &r.Owner
	}
	return view
}

// ruled is a room that the asker rules; others are missing.
func (b *Book) ruled(by schema.Identity, name string) (Room, error) {
	room, found := b.Room(name)
	if !found || !rules(by, name, room.Owner) {
		return Room{}, refuse(schema.NotFound, "there is no persistent room %s", shown(name))
	}
	return room, nil
}

// judge tells what a room that is made would say, and its rules.
type judge = func(schema.Patch, schema.Identity) (schema.Said, schema.Rules, *schema.Refusal)

func (b *Book) addRoom(ctx context.Context, op schema.Operation) (any, error) {
	room, err := b.makeRoom(ctx, op, b.addedRules)
	if err != nil {
		return nil, err
	}
	return room.view(), nil
}

// makeRoom adds a persistent room.
func (b *Book) makeRoom(ctx context.Context, op schema.Operation, judged judge) (Room, error) {
	said, err := readRoom(op)
	if err == nil {
		err = mayMake(op.By, op.Name)
	}
	if err != nil {
		return Room{}, err
	}
	patch, err := b.Hashed(ctx, said.patch)
	if err != nil {
		return Room{}, err
	}
	room := Room{Name: op.Name, Made: time.UnixMilli(time.Now().UnixMilli())}
	_, err = b.alter(func() (_ any, err error) {
		if _, found := b.Room(op.Name); found {
			return nil, refuse(schema.Exists, "room %s is there already: room set changes it", shown(op.Name))
		}
		if room.Owner, err = b.ownerOf(op.By, op.Name, prefixOf(op.Name), said); err != nil {
			return nil, err
		}
		var refusal *schema.Refusal
		if room.Said, room.Rules, refusal = judged(patch, op.By); refusal != nil {
			return nil, refusal
		}
		return nil, b.putRoom(ctx, room)
	})
	return room, err
}

// putRoom writes a room as it is to be. Within alter.
func (b *Book) putRoom(ctx context.Context, room Room) error {
	row := store.Room{Name: room.Name, Owner: room.Owner, Rules: string(room.Said.Stored()), Made: room.Made}
	if err := b.store.PutRoom(ctx, row); err != nil {
		return err
	}
	b.remember(func() { b.rooms[room.Name] = room }, Change{RoomChanged: room.Name})
	return nil
}

func (b *Book) listRooms(_ context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	views := []roomView{}
	for _, room := range b.Rooms() {
		if rules(op.By, room.Name, room.Owner) {
			views = append(views, room.view())
		}
	}
	return views, nil
}

func (b *Book) showRoom(_ context.Context, op schema.Operation) (any, error) {
	room, err := b.ruled(op.By, op.Name)
	if err == nil {
		_, err = readValues(op)
	}
	if err != nil {
		return nil, err
	}
	return room.view(), nil
}

func (b *Book) setRoom(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := b.ruled(op.By, op.Name); err != nil {
		return nil, err
	}
	said, err := readRoom(op)
	if err != nil {
		return nil, err
	}
	if said.patch.Empty() && !said.owned {
		return nil, malformed("room set: nothing to set; it takes rules and owner")
	}
	patch, err := b.Hashed(ctx, said.patch)
	if err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		room, err := b.ruled(op.By, op.Name)
		if err != nil {
			return nil, err
		}
		if room.Owner, err = b.ownerOf(op.By, op.Name, room.Owner, said); err != nil {
			return nil, err
		}
		var refusal *schema.Refusal
		if room.Said, room.Rules, refusal = b.ChangedRules(room.Said, b.Defaults(false), patch, op.By); refusal != nil {
			return nil, refusal
		}
		if err := b.putRoom(ctx, room); err != nil {
			return nil, err
		}
		return room.view(), nil
	})
}

type goneRoomView struct {
	Room      string   `json:"room"`
	Endpoints []string `json:"endpoints"` // that led to it and are gone too
}

func (b *Book) removeRoom(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		if _, err := b.ruled(op.By, op.Name); err != nil {
			return nil, err
		}
		gone, err := b.store.RemoveRoom(ctx, op.Name)
		if err != nil {
			return nil, err
		}
		changes := []Change{{RoomRemoved: op.Name}}
		if len(gone) > 0 {
			changes = append(changes, Change{EndpointsChanged: true})
		}
		b.remember(func() {
			delete(b.rooms, op.Name)
			for _, e := range gone {
				b.unlead(e.Host, e.Path)
			}
		}, changes...)
		return goneRoomView{op.Name, addresses(gone)}, nil
	})
}
