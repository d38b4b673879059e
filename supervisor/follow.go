package supervisor

import (
	"sync/atomic"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// roomCount is how many rooms have a member, for who is not the select.
type roomCount struct{ atomic.Int64 }

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

// follow takes a slot's news to the registry.
func (s *supervisor) follow(slot *slot) {
	lost := slot.table.News(func(n table.News) { s.hear(slot, n) })
	if lost {
		s.log.Warn("the registry fell behind a puddle: reading its sockets anew", "puddle", slot.number)
		s.recount(slot)
	}
	s.count.Store(int64(len(s.rooms)))
}

func (s *supervisor) hear(slot *slot, n table.News) {
	switch n.Kind {
	case table.Join:
		s.registry.note(
			sequenceRow{ID: n.ID, Slot: slot.number, State: n.State, Address: n.Address.String(), Since: n.Since},
			roomJoined{Sequence: n.ID, Room: n.Room},
		)
		s.hold(slot, n.Room)
	case table.Leave:
		s.registry.note(roomLeft{Sequence: n.ID, Room: n.Room})
	case table.Gone:
		s.registry.note(sequenceGone(n.ID))
	case table.Hold:
		s.hold(slot, n.Room)
	case table.Release:
		if s.rooms.release(n.Room, slot.number) {
			s.registry.note(roomGone(n.Room))
		}
	}
}

func (s *supervisor) hold(slot *slot, room string) {
	if room != "" && s.rooms.hold(room, slot.number) {
		s.registry.note(roomMade{Name: room, Kind: store.Transient, Made: time.Now()})
	}
}

// recount takes the sockets themselves for the truth about a slot. Of those
// that came or went while it looked, the news tell again.
func (s *supervisor) recount(slot *slot) {
	s.vacate(slot)
	s.noteSlot(slot)
	for seen := range slot.table.Sequences {
		if seen.State == schema.Handshake {
			continue
		}
		s.registry.note(sequenceRow{
			ID: seen.ID, Slot: slot.number, State: seen.State, Address: seen.Address.String(), Since: seen.Since,
		})
		if seen.Room != "" {
			s.registry.note(roomJoined{Sequence: seen.ID, Room: seen.Room})
			s.hold(slot, seen.Room)
		}
	}
}

// vacate takes everything that a slot has out of the registry, with the news
// that were not heard.
func (s *supervisor) vacate(slot *slot) {
	slot.table.News(func(table.News) {})
	s.registry.note(puddleGone(slot.number))
	for _, room := range s.rooms.vacate(slot.number) {
		s.registry.note(roomGone(room))
	}
	s.count.Store(int64(len(s.rooms)))
}
