package puddle

import (
	"golang.org/x/sys/unix"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
)

// batchBytes is the most that one member is sent of a room at once.
const batchBytes = 256 << 10

// taking is what became of a message.
type taking uint8

const (
	taken   taking = iota // committed: it has happened
	notYet                // nothing has changed: try again later
	notText               // it says that it is text and is not UTF-8
)

// publish commits a socket's message.
func (p *Puddle) publish(i uint32, m *message) taking {
	s := &p.table.Sockets[i]
	r := p.rooms[s.Room]
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
	if m.op == ws.OpText && !validText(payload) {
		return notText
	}
	p.makeExplicit(i) // it does not hear its own
	record.Op, record.Room, record.Peers = uint8(m.op), s.Room, r.Peers
	record.Socket, record.ID = i, s.ID
	record.In, record.Ctl = s.In+uint64(len(m.frames)), s.Ctl
	record.Base = s.Base - uint64(size)
	p.addToRoom(r, record, i)
	p.table.Add(table.Received, 1)
	return taken
}

// addToRoom commits a message and puts it into its room's stream.
func (p *Puddle) addToRoom(r *room.Room, record *table.Record, sender uint32) {
	record.Count = p.table.Rooms[record.Room].Count[0] + uint64(record.Frame)
	at, _ := p.commit(record)
	if r.Members() > 0 {
		r.Append(at, record.Frame, sender)
	}
	p.queue(record.Room)
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
	for r.Pending() && budget > 0 {
		r.Trim(p.table.Tail())
		r.Begin(batchBytes)
		batch := r.Batch()
		frames := p.framesOf(batch)
		for budget > 0 {
			member, ok := r.Next()
			if !ok {
				break
			}
			budget--
			p.deliver(r, member, frames, len(batch))
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

// framesOf are the frames of a batch in one piece.
func (p *Puddle) framesOf(batch []room.Entry) []byte {
	if len(batch) == 1 {
		return p.table.Bytes(batch[0].At, p.table.At(batch[0].At))
	}
	p.scratch = p.scratch[:0]
	for _, e := range batch {
		p.scratch = append(p.scratch, p.table.Bytes(e.At, p.table.At(e.At))...)
	}
	return p.scratch
}

// deliver sends a batch to a member in step; the others catch up.
func (p *Puddle) deliver(r *room.Room, i uint32, frames []byte, messages int) {
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
	if n == len(frames) {
		p.table.Add(table.Deliveries, messages)
		return
	}
	p.hands[i].place = r.Begun() + uint64(max(n, 0))
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
