package supervisor

import (
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
		s.loseTrack(slot)
	}
	s.countRooms()
}

func (s *supervisor) countRooms() {
	persistent := int64(s.directory.persistent)
	s.count.persistent.Store(persistent)
	s.count.transient.Store(int64(len(s.rooms)) - persistent)
}

func (s *supervisor) hear(slot *slot, n table.News) {
	slot.recount.hear(n)
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
