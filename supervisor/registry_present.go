package supervisor

import (
	"maps"
	"slices"

	"github.com/porthouse/porthouse/schema"
)

// What is true now, of what the database holds and what is pending.

// sequenceSet is some sequences.
type sequenceSet map[schema.SequenceID]struct{}

// finder finds sequences by what they have: a room, a client.
type finder map[string]sequenceSet

func (f finder) add(key string, id schema.SequenceID) {
	if f[key] == nil {
		f[key] = sequenceSet{}
	}
	f[key][id] = struct{}{}
}

func (f finder) remove(key string, id schema.SequenceID) {
	if delete(f[key], id); len(f[key]) == 0 {
		delete(f, key)
	}
}

// standing is who a sequence is and where.
type standing struct {
	slot   int
	client string // "" for an anonymous one
	rooms  []string
}

// standingOf is what is true of a sequence now; false if there is none.
func (r *registry) standingOf(id schema.SequenceID) (now standing, lives bool) {
	if !r.lives(id) {
		return standing{}, false
	}
	held, e := r.held[id], r.sequences[id]
	if e != nil && e.row != nil {
		now.slot, now.client = e.row.Slot, e.row.Client
	} else {
		now.slot, now.client = int(held.slot), held.client.Value()
	}
	if e == nil || !e.gone {
		for _, room := range held.rooms.names() {
			if in, said := e.said(room); in || !said {
				now.rooms = append(now.rooms, room)
			}
		}
	}
	if e != nil {
		for room, in := range e.rooms {
			if in && (e.gone || !held.in(room)) {
				now.rooms = append(now.rooms, room)
			}
		}
	}
	slices.Sort(now.rooms)
	return now, true
}

// said tells what is pending of a sequence and a room.
func (e *sequenceEntry) said(room string) (in, said bool) {
	if e == nil {
		return false, false
	}
	in, said = e.rooms[room]
	return in, said
}

// sequence tells whose a sequence is and which rooms it is in, sorted; not ok:
// there is none.
func (r *registry) sequence(id schema.SequenceID) (client string, rooms []string, ok bool) {
	now, ok := r.where(id)
	return now.client, now.rooms, ok
}

// where tells a sequence's slot too.
func (r *registry) where(id schema.SequenceID) (now standing, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.standingOf(id)
}

// of lists a client's sequences, sorted.
func (r *registry) of(client string) []schema.SequenceID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.clients[client]))
}

// in lists the sequences in a room, sorted.
func (r *registry) in(room string) []schema.SequenceID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.attendance[room]))
}

// few tells of everybody in a room, unless they are more than n.
func (r *registry) few(room string, n int) map[schema.SequenceID]standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.attendance[room]) > n {
		return nil
	}
	members := make(map[schema.SequenceID]standing, len(r.attendance[room]))
	for id := range r.attendance[room] {
		if now, lives := r.standingOf(id); lives {
			members[id] = now
		}
	}
	return members
}

// standings tells all of a slot's sequences.
func (r *registry) standings(slot int) map[schema.SequenceID]standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[schema.SequenceID]standing)
	note := func(id schema.SequenceID) {
		if now, lives := r.standingOf(id); lives && now.slot == slot {
			all[id] = now
		}
	}
	for id := range r.held {
		note(id)
	}
	for id := range r.sequences {
		note(id)
	}
	return all
}

// known tells whether a sequence was noted and is not gone.
func (r *registry) known(id schema.SequenceID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lives(id)
}
