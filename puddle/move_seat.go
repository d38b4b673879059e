package puddle

import (
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// What comes to the target: sockets get their entries, and their seats.

// onMoving brings the target what the mover has sent.
func (p *Puddle) onMoving(word *ipc.Moving, descriptors []int) {
	m := p.move
	if m == nil || !m.takes || m.number != word.Number || len(descriptors) != len(word.Sockets) {
		closeAll(descriptors) // the mover knows, unless a successor of who expected them is asked
		p.raiseFence(fence{op: fenceDone, number: word.Number, target: p.slot, mover: word.From}, 1<<word.From)
		return
	}
	m.come, m.descriptors = word, descriptors
	p.takeInIfReady()
}

// takeInIfReady takes the sockets in when everything before the fences is done.
func (p *Puddle) takeInIfReady() {
	m := p.move
	if m.come == nil || m.waits != 0 || !m.still {
		return
	}
	m.cut = true // nothing takes it back
	var ids []schema.SequenceID
	entries, selves := p.enrolAllMoved()
	p.tellKeeperAll() // before anybody is answered
	p.standMoved(entries, selves)
	for n, i := range entries {
		if i != table.NoSocket {
			p.seatMoved(i, &m.come.Sockets[n], selves[n])
			ids = append(ids, m.come.Sockets[n].ID)
		}
	}
	p.settleSiblings(entries, selves)
	p.raiseFence(fence{op: fenceDone, number: m.number, target: p.slot, mover: m.other, ids: ids}, 1<<m.other)
	for n, i := range entries {
		if i != table.NoSocket && p.table.Sockets[i].ID == m.come.Sockets[n].ID {
			p.watchMoved(i)
		}
	}
	p.endMove()
}

// enrolAllMoved gives the sockets that come their entries. A sibling is right
// before its main: where there is no room for either, both stay.
func (p *Puddle) enrolAllMoved() ([]uint32, []*ipc.Self) {
	come, descriptors := p.move.come.Sockets, p.move.descriptors
	p.move.descriptors = nil
	entries, selves := make([]uint32, len(come)), make([]*ipc.Self, len(come))
	for n := range come {
		entries[n], selves[n] = p.enrolMoved(&come[n], descriptors[n]), &ipc.Self{}
		if len(come[n].Self) > 0 && ipc.Decode(come[n].Self, selves[n]) != nil {
			p.log.Error("what a socket was cannot be read", "sequence", come[n].ID.String())
			selves[n] = &ipc.Self{}
		}
	}
	for n := range come {
		if selves[n].Main == 0 || n+1 == len(come) || entries[n] != table.NoSocket && entries[n+1] != table.NoSocket {
			continue
		}
		for _, at := range []int{n, n + 1} {
			if entries[at] != table.NoSocket {
				p.turnAway(entries[at])
				entries[at] = table.NoSocket
			}
		}
	}
	return entries, selves
}

// turnAway leaves a socket that has an entry, and no more yet, to its mover.
func (p *Puddle) turnAway(i uint32) {
	s := &p.table.Sockets[i]
	p.unkeep(i)
	delete(p.guests, s.ID)
	unix.Close(int(s.FD))
	p.table.FreeSocket(i)
	p.hands[i] = hand{next: none, prev: none}
	p.live--
}

// enrolMoved gives a socket that comes its entry. Until it is settled in, a
// successor of this process leaves it to the mover.
func (p *Puddle) enrolMoved(moved *ipc.Moved, fd int) uint32 {
	i, ok := p.table.TakeSocket()
	if !ok {
		unix.Close(fd)
		return table.NoSocket
	}
	p.makeHand(i)
	s := &p.table.Sockets[i]
	*s = table.Socket{
		FD: int32(fd), State: schema.Handshake, Room: table.NoRoom, Heard: moved.Heard, Moves: table.Arriving,
		Since: moved.Since, Addr: moved.Addr, Port: moved.Port, In: moved.In, Ctl: moved.Ctl, Base: moved.Sent, Agreed: moved.Agreed,
	}
	if len(moved.Part) > 0 && !p.table.Grow(&s.Part, 0, s.In, moved.Part) {
		p.table.FreeSocket(i)
		unix.Close(fd)
		return table.NoSocket
	}
	s.ID = moved.ID
	p.live++
	p.host(i)
	p.keep(i)
	return i
}

// host notes a sequence whose id names another entry than its own.
func (p *Puddle) host(i uint32) {
	if id := p.table.Sockets[i].ID; uint32(id&entryMask) != i {
		p.guests[id] = i
	}
}

// standMoved gives sockets the standings that they had.
func (p *Puddle) standMoved(entries []uint32, selves []*ipc.Self) {
	for n, i := range entries {
		if i != table.NoSocket && len(p.move.come.Sockets[n].Self) > 0 {
			p.standAs(i, selves[n])
		}
	}
	for n, i := range entries {
		if i == table.NoSocket || selves[n].Main == 0 {
			continue
		}
		if main, here := p.find(selves[n].Main); here {
			p.standings[i].main, p.stands(main).sibling = main, i
		}
	}
}

// settleSiblings ends the way of siblings, whose mains are seated by now.
func (p *Puddle) settleSiblings(entries []uint32, selves []*ipc.Self) {
	for n, i := range entries {
		if i != table.NoSocket && selves[n].Main != 0 {
			p.table.Sockets[i].Moves = 0
		}
	}
}

// seatMoved seats a socket where it sat. It is with this puddle from its first
// record on, a sibling from that of its main.
func (p *Puddle) seatMoved(i uint32, moved *ipc.Moved, self *ipc.Self) {
	p.table.Add(table.StateGauge+table.Counter(moved.State), 1)
	if moved.State == schema.InRoom {
		p.noteAhead(i, self, moved)
		p.sitAgain(i, moved)
	} else {
		p.answers[i] = greeting{bytes: moved.Owed}
		p.stand(i, moved.State)
	}
	if self.Main == 0 {
		p.table.Sockets[i].Moves = 0
	}
}

// noteAhead puts all rooms of a socket in the table: from the first seat on it
// is with this puddle, in every one of them, whenever this process dies.
func (p *Puddle) noteAhead(i uint32, self *ipc.Self, moved *ipc.Moved) {
	if p.standing(i) == nil {
		return
	}
	for _, was := range moved.Rooms {
		if r, held := p.byName[was.Name]; held {
			self.Rooms = append(self.Rooms, ipc.SelfRoom{Room: r, Ref: p.table.Rooms[r].Ref, Bucket: was.Bucket, Over: was.Over, Driven: was.Driven})
		}
	}
	if !p.table.SetSpan(&p.table.Sockets[i].Self, ipc.Encode(self)) {
		p.log.Error("no memory for what a socket's successor must know", "sequence", moved.ID.String())
	}
}

func (p *Puddle) sitAgain(i uint32, moved *ipc.Moved) {
	owed := moved.Owed
	anonymous := 0
	if p.anonymous(i) {
		anonymous = 1
	}
	for n := range moved.Rooms {
		was := &moved.Rooms[n]
		r, held := p.byName[was.Name]
		if !held {
			p.log.Error("a socket has come whose room is not held", "sequence", moved.ID.String(), "room", was.Name)
			continue
		}
		deaf := p.standing(i) != nil && !room.MayHear(&room.Asker{Scope: p.identity(i).Rooms.Of(was.Name)})
		if len(moved.Rooms) == 1 && !deaf {
			p.sitInLane(i, r, owed, 0)
		} else {
			p.sitWide(i, r, deaf, owed, 0)
		}
		if m := p.standing(i).in(r); m != nil {
			m.bucket, m.over, m.driven = room.BucketOf(was.Bucket), room.OverrunOf(was.Over), drivenOf(was.Driven)
		}
		p.count(r, 1, anonymous)
		p.respond(i, owed)
		owed = nil
	}
	if st := p.standing(i); st != nil {
		st.piped = st.speaks == format.Raw
		p.note(i)
	}
}

// watchMoved serves a socket from here on. The rules may have changed on its
// way.
func (p *Puddle) watchMoved(i uint32) {
	s := &p.table.Sockets[i]
	id := s.ID
	if err := p.poll.addSocket(s.FD, i, uint64(id), p.events(i)); err != nil {
		p.log.Warn("a socket cannot be watched", "error", err)
		p.happen(i, ended)
		return
	}
	s.Flags |= table.FlagWatched
	p.cameCall(i)
	p.schedule(i, p.now+1)
	for _, r := range p.roomsOf(i) {
		asker := p.before(i, &p.rooms[r].Facts, room.OnSocket)
		if v := room.MayEnter(&p.rooms[r].Rules, &asker, room.Present{}); !v.Granted() && s.ID == id {
			p.expel(i, r, schema.CloseDenied, "denied", v.Refusal().Message)
		}
	}
}
