package supervisor

import (
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// Where news of a slot were lost (its log went on without the registry, its
// process died, or this supervisor is new), its sockets themselves are the
// truth. What the table does not show of them the puddle tells; news that were
// heard since the others were lost are newer than what it tells.

// recount is the one of a slot, from when news were lost until all is told.
type recount struct {
	told  map[schema.SequenceID]standing // nil: it has not begun
	since []table.News
}

func (r *recount) hear(n table.News) {
	if r != nil && (n.Kind == table.Join || n.Kind == table.Stand || n.Kind == table.Leave) {
		r.since = append(r.since, n)
	}
}

// now is how a sequence stands, as far as the table does not show it.
func (r *recount) now() map[schema.SequenceID]standing {
	for _, n := range r.since {
		now := r.told[n.ID]
		at := slices.Index(now.rooms, n.Room)
		switch {
		case n.Kind == table.Stand:
			now.client = n.Client
		case n.Kind == table.Join:
			now.client = n.Client
			if at < 0 {
				now.rooms = append(slices.Clip(now.rooms), n.Room)
			}
		case at >= 0:
			now.rooms = slices.Delete(slices.Clone(now.rooms), at, at+1)
		}
		r.told[n.ID] = now
	}
	return r.told
}

// loseTrack begins to count a slot's sockets anew. The entries of its rooms are
// looked for at once; the sequences stay as they are known until all are told.
func (s *supervisor) loseTrack(slot *slot) {
	s.log.Debug("news of a puddle were lost: its sockets are counted anew", "puddle", slot.number)
	slot.recount = &recount{}
	s.rooms.vacate(slot.number)
	s.recountRooms(slot)
}

// stand takes what a puddle tells of its sequences.
func (s *supervisor) stand(slot *slot, word *ipc.Stand) {
	s.follow(slot) // it tells of them after the news were lost
	r := slot.recount
	if r == nil {
		return
	}
	if word.First {
		r.told = make(map[schema.SequenceID]standing, len(word.Sequences))
	}
	if r.told == nil {
		return // more was lost since it began: it begins again
	}
	for _, one := range word.Sequences {
		r.told[one.ID] = standing{slot: slot.number, client: one.Client, rooms: one.Rooms}
	}
	if word.Last {
		s.recount(slot)
	}
}

// recount takes a slot's sockets for the truth. Whoever it has had and has no
// more is heard of elsewhere by the time that it is not in the table.
func (s *supervisor) recount(slot *slot) {
	all := slices.Collect(slot.table.Sequences)
	s.followAll()
	if slot.recount == nil || slot.recount.told == nil {
		return // lost again
	}
	now := slot.recount.now()
	slot.recount = nil
	before := s.registry.standings(slot.number)
	for _, seen := range all {
		was := before[seen.ID]
		delete(before, seen.ID)
		switch {
		case seen.State == schema.Handshake:
		case seen.Moves && s.registry.known(seen.ID): // one of the two slots says what becomes of it
		default:
			s.recountSequence(slot, seen, was, now[seen.ID])
		}
	}
	for id := range before {
		s.gone(id)
	}
	s.noteSlot(slot)
}

func (s *supervisor) recountSequence(slot *slot, seen table.Seen, was, now standing) {
	s.registry.note(sequenceRow{
		ID: seen.ID, Slot: slot.number, Client: now.client, State: seen.State, Address: seen.Address.String(), Since: seen.Since,
	})
	switch {
	case seen.Room != "":
		now.rooms = []string{seen.Room}
	case seen.State != schema.InRoom:
		now.rooms = nil
	}
	for _, room := range now.rooms {
		s.registry.note(roomJoined{Sequence: seen.ID, Room: room})
		s.directory.joined(seen.ID, room)
	}
	for _, room := range was.rooms {
		if !slices.Contains(now.rooms, room) {
			s.registry.note(roomLeft{Sequence: seen.ID, Room: room})
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
