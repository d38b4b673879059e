package puddle

import (
	"sync/atomic"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
)

// The rooms that this puddle holds: from the supervisor's grant on, as long as
// somebody is in them or on the way.

// announcement is a room that is held since a moment ago and whose peers have
// not all heard of it. Who waits for it is let in when they have.
type announcement struct {
	position uint64 // of the Hold
	missing  uint64 // peers that have not acknowledged it
	since    uint32
	entries  []*entry
}

// retired is a room that nobody is in any more but whose last records the
// peers have not taken over yet.
type retired struct {
	room     uint32
	position uint64
}

// hold is the room of a grant; it opens it and tells the peers if it is not
// held yet. false: there are as many as there can be.
func (p *Puddle) hold(facts *ipc.Room) (uint32, bool) {
	if r, known := p.byName[facts.Name]; known {
		p.learn(r, facts)
		return r, true
	}
	r, ok := p.table.TakeRoom(facts.Name)
	if !ok {
		return 0, false
	}
	for int(r) >= len(p.rooms) {
		p.rooms = append(p.rooms, nil)
	}
	p.rooms[r] = room.New(p.factsOf(facts))
	p.rooms[r].Grant = facts.Grant
	p.noteRoom(r, facts)
	p.byName[facts.Name] = r
	p.table.Add(table.RoomsHere, 1)
	record := p.mustReserve(table.Hold, len(facts.Name), 0)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), facts.Name)
	record.Room, record.Peers = r, p.linked
	_, end := p.commit(record)
	if p.linked != 0 {
		p.openings[r] = &announcement{position: end, missing: p.linked, since: p.now}
	}
	return r, true
}

// unsealed are the rules that were read last: most rooms have the same.
type unsealed struct {
	text  string
	rules schema.Rules
}

// factsOf is what the supervisor told of a room. Rules that this binary cannot
// read let nobody in.
func (p *Puddle) factsOf(told *ipc.Room) room.Facts {
	if p.unsealed.text != string(told.Rules) {
		rules, refusal := schema.Unseal(told.Rules)
		if refusal != nil {
			rules = schema.DefaultRules()
			rules.Access = schema.AccessOwner
		}
		p.unsealed = unsealed{string(told.Rules), rules}
	}
	rules := p.unsealed.rules
	facts := room.Facts{
		Name: told.Name, Incarnation: told.Incarnation, Owner: told.Owner, Maker: told.Maker,
		Persistent: told.Persistent, Rules: rules,
	}
	facts.Easy = facts.Plain()
	return facts
}

// learn takes a room's facts as they are now; who is no longer admitted is put
// out.
func (p *Puddle) learn(r uint32, told *ipc.Room) {
	known := p.rooms[r]
	grant := max(known.Grant, told.Grant)
	if told.Incarnation != known.Incarnation && known.Incarnation != 0 {
		p.emptyRoom(r, "the room is gone")
	}
	known.Facts = p.factsOf(told)
	known.Grant = grant
	p.noteRoom(r, told)
}

// noteRoom writes down what a successor must know of a room.
func (p *Puddle) noteRoom(r uint32, facts *ipc.Room) {
	if !p.table.SetSpan(&p.table.Rooms[r].Facts, ipc.Encode(facts)) {
		p.log.Error("no memory for what a room's successor must know", "room", facts.Name)
	}
}

// acknowledged lets in who waited for a peer to hear of a room.
func (p *Puddle) acknowledged(slot int, position uint64) {
	for r, wait := range p.openings {
		if position >= wait.position {
			wait.missing &^= 1 << slot
		}
		if wait.missing == 0 {
			p.opened(r, wait)
		}
	}
}

func (p *Puddle) opened(r uint32, wait *announcement) {
	delete(p.openings, r)
	for _, e := range wait.entries {
		if !e.over {
			p.admit(e)
		}
	}
	p.closeIfEmpty(r)
}

// closeIfEmpty lets go of a room that nobody is in here or on the way to.
func (p *Puddle) closeIfEmpty(r uint32) {
	gone := p.rooms[r]
	if gone == nil || gone.Visitors > 0 || gone.Members() > 0 || p.openings[r] != nil {
		return
	}
	if known, held := p.byName[gone.Name]; !held || known != r {
		return // already
	}
	record := p.mustReserve(table.Release, len(gone.Name), 0)
	delete(p.byName, gone.Name)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), gone.Name)
	record.Room, record.Peers = r, p.linked
	_, end := p.commit(record)
	p.forgetDriver(gone.Name)
	p.table.Add(table.RoomsHere, -1)
	p.retiring = append(p.retiring, retired{r, end})
	p.questions.released = append(p.questions.released, ipc.Released{Room: gone.Name, Grant: gone.Grant})
}

// retire frees the rooms whose last records every peer has taken over: until
// then they may be told again, and what they say of the entry must be true.
func (p *Puddle) retire() {
	kept := p.retiring[:0]
	for _, gone := range p.retiring {
		if p.table.Tail() >= gone.position && p.takenOver(gone.position) && !p.rooms[gone.room].Queued {
			p.rooms[gone.room] = nil
			p.table.FreeRoom(gone.room)
			continue
		}
		kept = append(kept, gone)
	}
	p.retiring = kept
}

// count moves who is present in a room, for all who look at the table.
func (p *Puddle) count(r uint32, members, anonymous int) {
	here := &p.table.Rooms[r]
	atomic.StoreUint32(&here.Members, here.Members+uint32(members))
	atomic.StoreUint32(&here.Anonymous, here.Anonymous+uint32(anonymous))
}

// placed notes that a place that was granted is taken, or let go.
func (p *Puddle) placed(r uint32, anonymous bool) {
	here := &p.table.Rooms[r]
	if anonymous {
		atomic.StoreUint32(&here.PlacedAnonymous, here.PlacedAnonymous+1)
	}
	atomic.StoreUint32(&here.Placed, here.Placed+1)
}
