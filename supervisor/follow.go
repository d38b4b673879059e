package supervisor

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// roomCount is how many rooms there are, for who is not the select.
type roomCount struct{ transient, persistent atomic.Int64 }

// followRest is how long news gather before they are looked at again.
const followRest = 2 * time.Millisecond

// listen tells the select of a slot's news until the poke is closed.
func (s *supervisor) listen(slot *slot) {
	defer close(slot.deaf)
	var counted [8]byte
	for ; ; time.Sleep(followRest) {
		if !slot.table.Doze() {
			if _, err := slot.poke.Read(counted[:]); err != nil {
				return
			}
		}
		select {
		case s.pokes <- slot.number:
		case <-s.leave:
			return
		}
	}
}

// followAll makes what is known of rooms and sequences that of this moment.
func (s *supervisor) followAll() {
	for _, slot := range s.slots {
		s.follow(slot)
	}
}

// follow takes a slot's news to the registry and the directory.
func (s *supervisor) follow(slot *slot) {
	lost := slot.table.News(func(n table.News) { s.hear(slot, n) })
	if lost {
		s.log.Warn("the registry fell behind a puddle: reading its sockets anew", "puddle", slot.number)
		s.recount(slot)
	}
	s.countRooms()
}

func (s *supervisor) countRooms() {
	persistent := int64(s.directory.persistent)
	s.count.persistent.Store(persistent)
	s.count.transient.Store(int64(len(s.rooms)) - persistent)
}

func (s *supervisor) hear(slot *slot, n table.News) {
	switch n.Kind {
	case table.Join:
		s.registry.note(rowOf(slot, n), roomJoined{Sequence: n.ID, Room: n.Room})
		s.rooms.hold(n.Room, slot.number, n.Index)
		s.mayGather(n.Room)
		s.directory.joined(n.ID, n.Room)
	case table.Stand:
		s.registry.note(rowOf(slot, n))
	case table.Leave:
		s.registry.note(roomLeft{Sequence: n.ID, Room: n.Room})
		s.directory.left(n.ID, n.Room)
	case table.Gone:
		s.gone(n.ID)
	case table.Hold:
		s.rooms.hold(n.Room, slot.number, n.Index)
	case table.Release:
		s.rooms.release(n.Room, slot.number)
	}
}

func rowOf(slot *slot, n table.News) sequenceRow {
	return sequenceRow{
		ID: n.ID, Slot: slot.number, Client: n.Client, State: n.State, Address: n.Address.String(), Since: n.Since,
	}
}

// gone takes what a sequence had.
func (s *supervisor) gone(id schema.SequenceID) {
	s.registry.note(sequenceGone(id))
	s.siblings.gone(id)
	delete(s.gather.fixed, id)
	s.directory.gone(id)
}

// recount takes the sockets themselves for the truth about a slot. Whose they
// are, and which rooms one has that is in several, is as it was known. Of those
// that came or went while it looked, the news tell again.
func (s *supervisor) recount(slot *slot) {
	before := s.registry.standings(slot.number)
	s.vacate(slot, func(n table.News) {
		if n.Kind == table.Join || n.Kind == table.Stand {
			known := before[n.ID]
			known.client = n.Client
			before[n.ID] = known
		}
	})
	s.noteSlot(slot)
	s.recountRooms(slot)
	for seen := range slot.table.Sequences {
		if seen.State == schema.Handshake {
			continue
		}
		known := before[seen.ID]
		delete(before, seen.ID)
		s.recountSequence(slot, seen, known)
	}
	for id := range before {
		s.gone(id)
	}
}

func (s *supervisor) recountSequence(slot *slot, seen table.Seen, known standing) {
	s.registry.note(sequenceRow{
		ID: seen.ID, Slot: slot.number, Client: known.client, State: seen.State, Address: seen.Address.String(), Since: seen.Since,
	})
	rooms := known.rooms
	switch {
	case seen.Room != "":
		rooms = []string{seen.Room}
	case seen.State != schema.InRoom:
		rooms = nil
	}
	for _, room := range rooms {
		s.registry.note(roomJoined{Sequence: seen.ID, Room: room})
		s.directory.joined(seen.ID, room)
	}
	for _, room := range known.rooms {
		if !slices.Contains(rooms, room) {
			s.directory.left(seen.ID, room)
		}
	}
}

// recountRooms finds the entries of a slot's rooms. Of two with one name, the
// one that is let go has nobody in it.
func (s *supervisor) recountRooms(slot *slot) {
	t := slot.table
	for index := range t.Rooms {
		r := &t.Rooms[index]
		if r.Length == 0 {
			return // never used, and none after it
		}
		here, held := t.Present(uint32(index), 0)
		if !held {
			continue
		}
		name := r.Name()
		if _, known := s.rooms.index(name, slot.number); !known || here.Members > 0 {
			s.rooms.hold(name, slot.number, uint32(index))
		}
	}
}

// vacate takes everything that a slot has out of the registry, with the news
// that were not heard; missed is called with those.
func (s *supervisor) vacate(slot *slot, missed func(table.News)) {
	slot.table.News(missed)
	s.registry.note(puddleGone(slot.number))
	s.rooms.vacate(slot.number)
}
