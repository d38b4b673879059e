package supervisor

import (
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// change is one thing that happened to something that lives in the house.
type change interface{ merge(r *registry) }

type (
	sequenceRow  store.Sequence    // appeared or changed; Rooms is not looked at
	sequenceGone schema.SequenceID // and its subscriptions
	roomJoined   store.Subscription
	roomLeft     store.Subscription
	roomMade     store.Room // or changed; a transient one
	roomGone     string     // a transient one
	puddleRow    store.Puddle
	puddleGone   int // the slot, with its sequences and their subscriptions
)

func (c sequenceRow) merge(r *registry) {
	row := store.Sequence(c)
	if before, lives := r.standingOf(row.ID); lives && before.client != row.Client {
		r.clients.remove(before.client, row.ID)
	}
	if row.Client != "" {
		r.clients.add(row.Client, row.ID)
	}
	e := r.entryOf(row.ID)
	e.row = &row
	r.touch(e)
}

func (c sequenceGone) merge(r *registry) {
	id := schema.SequenceID(c)
	if before, lives := r.standingOf(id); lives {
		r.clients.remove(before.client, id)
		for _, room := range before.rooms {
			r.attendance.remove(room, id)
		}
	}
	e := r.entryOf(id)
	e.gone, e.row, e.rooms = true, nil, nil
	r.touch(e)
}

func (c roomJoined) merge(r *registry) {
	if !r.lives(c.Sequence) { // ignore stale joins
		return
	}
	r.attendance.add(c.Room, c.Sequence)
	e := r.entryOf(c.Sequence)
	if e.gone || e.flying || !r.held[c.Sequence].in(c.Room) {
		e.stand(c.Room, true)
	} else {
		delete(e.rooms, c.Room)
	}
	r.touch(e)
}

func (c roomLeft) merge(r *registry) {
	if !r.lives(c.Sequence) {
		return
	}
	r.attendance.remove(c.Room, c.Sequence)
	e := r.entryOf(c.Sequence)
	if !e.gone && (e.flying || r.held[c.Sequence].in(c.Room)) {
		e.stand(c.Room, false)
	} else {
		delete(e.rooms, c.Room)
	}
	r.touch(e)
}

func (c roomMade) merge(r *registry) {
	row := store.Room(c)
	r.touch(r.rooms.set(row.Name, &row))
}

func (c roomGone) merge(r *registry) { r.touch(r.rooms.set(string(c), nil)) }

func (c puddleRow) merge(r *registry) {
	row := store.Puddle(c)
	r.touch(r.puddles.set(row.Slot, &row))
}

func (c puddleGone) merge(r *registry) {
	slot := int(c)
	for id, e := range r.sequences {
		if e.row != nil && e.row.Slot == slot {
			sequenceGone(id).merge(r)
		}
	}
	for id, held := range r.held {
		if int(held.slot) != slot {
			continue
		}
		if e := r.sequences[id]; e == nil || e.row == nil && !e.gone { // not moved, not gone
			sequenceGone(id).merge(r)
		}
	}
	r.touch(r.puddles.set(slot, nil))
}
