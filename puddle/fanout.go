package puddle

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema/format"
)

// batchBytes is the most that one member is sent of a room at once.
const batchBytes = 256 << 10

// taking is what became of a message.
type taking uint8

const (
	taken    taking = iota // committed, or refused: it is settled
	notYet                 // nothing has changed: try again later
	notText                // it says that it is text and is not UTF-8
	tooLarge               // settled, and a raw socket closes by it
	overRate               // likewise
)

// pass gives a raw message to raw members, where no rule has to do with it:
// from the read buffer into the log, and from there to the kernel.
func (p *Puddle) pass(i uint32, r *room.Room, m *message) taking {
	s := &p.table.Sockets[i]
	if r.Peers&p.congested != 0 {
		return notYet
	}
	size := frameSize(m.size)
	record := p.reserve(table.Message, 0, size)
	if record == nil {
		return notYet
	}
	frame := p.table.Bytes(p.table.ReservedAt(record), record)
	payload := putHeader(frame, m.op, m.size)
	m.copyTo(payload)
	kind := format.Bytes
	if m.op == ws.OpText {
		if kind = format.Text; !m.text && !validText(payload) {
			return notText
		}
	}
	if r.Compressed() { // it is too short to be compressed
		record.Sizes[room.Protocols] = uint32(size)
		record.Shared = 1 << room.Protocols
	}
	p.makeExplicit(i) // it does not hear its own
	record.Op, record.Room, record.Peers = opOf(uint8(m.op), kind, false), s.Room, r.Peers
	record.Socket, record.ID = i, s.ID
	record.In, record.Ctl = s.In+uint64(len(m.frames)), s.Ctl
	record.Base, record.Lane = s.Base-uint64(size), s.Lane
	record.Sizes[table.LaneRaw] = uint32(size)
	p.addToRoom(r, record, i)
	p.table.Add(table.Received, 1)
	return taken
}

// addToRoom commits a message and puts it into the streams of its room's lanes.
func (p *Puddle) addToRoom(r *room.Room, record *table.Record, sender uint32) (at, end uint64) {
	record.Count = p.table.Rooms[record.Room].Count
	for lane := range record.Count {
		record.Count[lane] += uint64(record.Sizes[lane])
	}
	at, end = p.commit(record)
	for lane := range uint8(room.Lanes) {
		if record.Sizes[lane] > 0 && r.Speaks(lane) {
			r.Lane(lane).Append(at, record.Sizes[lane], sender)
		}
	}
	p.queue(record.Room)
	return at, end
}

// queue has a room fanned out at the end of the tick, small rooms first.
func (p *Puddle) queue(n uint32) {
	r := p.rooms[n]
	if r.Queued || !r.Pending() {
		return
	}
	r.Queued = true
	if r.Members() <= p.settings.FanoutSlice {
		p.small = append(p.small, n)
	} else {
		p.large = append(p.large, n)
	}
}

// fanOut serves all small rooms and a slice of one large one. It returns
// whether work is left.
func (p *Puddle) fanOut() (more bool) {
	for n := 0; n < len(p.small); n++ {
		p.serveRoom(p.small[n], 1<<30)
	}
	p.small = p.small[:0]
	if len(p.large) > 0 {
		n := p.large[0]
		p.large = p.large[:copy(p.large, p.large[1:])]
		if !p.serveRoom(n, p.settings.FanoutSlice) {
			p.large = append(p.large, n) // the others first
		}
	}
	return len(p.large) > 0
}

// serveRoom sends a room's messages to at most so many members. It returns
// whether all of them have everything.
func (p *Puddle) serveRoom(n uint32, budget int) (done bool) {
	r := p.rooms[n]
	p.fanning = true
	defer func() { p.fanning = false }()
	for number := range uint8(room.Lanes) {
		if lane := r.Lane(number); lane != nil {
			budget = p.serveLane(lane, number, budget)
		}
	}
	if r.Pending() {
		return false
	}
	r.Queued = false
	if len(p.waiting) == 0 && len(p.owing) == 0 {
		r.Forget()
	}
	return true
}

// serveLane returns how much of the budget is left.
func (p *Puddle) serveLane(lane *room.Lane, number uint8, budget int) int {
	for lane.Pending() && budget > 0 {
		lane.Trim(p.table.Tail())
		lane.Begin(batchBytes)
		batch := lane.Batch()
		frames := p.framesOf(batch, number)
		for budget > 0 {
			if p.ring != nil && min(budget, lane.Waiting()) >= ringLeast {
				budget -= p.deliverMany(lane, frames, len(batch), budget)
				continue
			}
			member, ok := lane.Next()
			if !ok {
				break
			}
			budget--
			p.deliver(lane, member, frames, len(batch))
		}
	}
	return budget
}

// framesOf are the frames of a batch in one piece.
func (p *Puddle) framesOf(batch []room.Entry, lane uint8) []byte {
	if len(batch) == 1 {
		return p.table.LaneBytes(batch[0].At, p.table.At(batch[0].At), lane)
	}
	p.scratch = p.scratch[:0]
	for _, e := range batch {
		p.scratch = append(p.scratch, p.table.LaneBytes(e.At, p.table.At(e.At), lane)...)
	}
	return p.scratch
}

// deliver sends a batch to a member in step; the others catch up.
func (p *Puddle) deliver(lane *room.Lane, i uint32, frames []byte, messages int) {
	s := &p.table.Sockets[i]
	switch {
	case s.Flags&table.FlagWaiting != 0:
		p.judge(i)
		return
	case s.Flags&table.FlagExplicit != 0:
		p.catchUp(i)
		return
	}
	n, errno := send(s.FD, frames)
	p.delivered(lane, i, len(frames), messages, n, errno)
}

// deliverMany sends a batch to as many members as one call does, at most so
// many, and returns how many these were.
func (p *Puddle) deliverMany(lane *room.Lane, frames []byte, messages, most int) (n int) {
	ring := p.ring
	ring.late = ring.late[:0]
	for ; n < most && !ring.full(); n++ {
		member, ok := lane.Next()
		if !ok {
			break
		}
		if s := &p.table.Sockets[member]; s.Flags&(table.FlagWaiting|table.FlagExplicit) != 0 {
			ring.late = append(ring.late, member)
		} else {
			ring.add(member, s.FD, frames)
		}
	}
	for k := range ring.submit() {
		taken, errno := ring.result(k)
		if errno == unix.ECANCELED { // the ring is broken: go on without
			p.ring = nil
			taken, errno = send(p.table.Sockets[ring.members[k]].FD, frames)
		}
		p.delivered(lane, ring.members[k], len(frames), messages, taken, errno)
	}
	for _, member := range ring.late { // these may change who is here: nothing is queued any more
		if p.table.Sockets[member].Flags&(table.FlagWaiting|table.FlagExplicit) != 0 {
			p.deliver(lane, member, frames, messages)
		}
	}
	return n
}

// delivered notes what the kernel has taken of a batch.
func (p *Puddle) delivered(lane *room.Lane, i uint32, size, messages, n int, errno syscall.Errno) {
	s := &p.table.Sockets[i]
	if n == size {
		p.table.Add(table.Deliveries, messages)
		return
	}
	p.hands[i].place = lane.Begun() + uint64(max(n, 0))
	s.Flags |= table.FlagExplicit
	if n < 0 && errno != unix.EAGAIN {
		p.failing = append(p.failing, i)
		return
	}
	p.waitFor(i)
}

// pending tells whether the next tick has something to do without any event.
func (p *Puddle) pending() bool {
	return len(p.owing) > 0 || len(p.small) > 0 || len(p.large) > 0 || len(p.failing) > 0
}
