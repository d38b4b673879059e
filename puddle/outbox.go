package puddle

import (
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
)

// What a socket is owed stands in two places, in this order: its Spill, then
// its room's messages from its place on (ipc/table/DESIGN.md, "Out").

// gathering is the memory of one send of several pieces. It is kept, so that
// catching up allocates nothing.
type gathering struct {
	header unix.Msghdr
	pieces [gatherMost]unix.Iovec
	ends   [gatherMost]uint64 // the place behind each piece
	parts  [][]byte
}

const gatherMost = 64

// own gives the socket a frame of its own, behind all that it is owed. next is
// its state after it, after the inbound offset behind the control frame that
// brought it, or 0.
func (p *Puddle) own(i uint32, frame []byte, next schema.State, after uint64) {
	s := &p.table.Sockets[i]
	p.ownAfter(i, frame, next, s.In, after)
}

// ownAfter is own for what answers a message: in is the inbound offset behind
// that, which is settled by it.
func (p *Puddle) ownAfter(i uint32, frame []byte, next schema.State, in, after uint64) {
	s := &p.table.Sockets[i]
	if !p.setAside(i) {
		p.failing = append(p.failing, i)
		return
	}
	record := p.mustReserve(table.Own, 0, len(frame))
	from := p.table.StreamLength(s)
	copy(p.table.Bytes(p.table.ReservedAt(record), record), frame)
	record.Socket, record.ID, record.State, record.Code = i, s.ID, next, s.Code
	record.In, record.Ctl = max(s.In, in), max(s.Ctl, after)
	record.Base = s.Base + uint64(len(frame))
	p.commit(record)
	if !p.spill(i, from, frame) {
		p.failing = append(p.failing, i)
		return
	}
	p.owe(i)
}

// ownLarge is ownAfter for a frame that may be too large for the log: such a
// one is brought into Spill first, and its record, without the frame, says that
// it is there. What is in Spill without a record a successor cuts off. false:
// there is no memory for it, and nothing has changed.
func (p *Puddle) ownLarge(i uint32, frame []byte, in uint64) bool {
	s := &p.table.Sockets[i]
	if uint64(len(frame)) <= p.table.LogBytes()/16 {
		p.ownAfter(i, frame, s.State, in, 0)
		return true
	}
	if !p.setAside(i) || !p.spill(i, p.table.StreamLength(s), frame) {
		return false
	}
	record := p.mustReserve(table.Own, 0, 0)
	record.Socket, record.ID, record.State, record.Code = i, s.ID, s.State, s.Code
	record.In, record.Ctl, record.Base = max(s.In, in), s.Ctl, s.Base+uint64(len(frame))
	p.commit(record)
	p.owe(i)
	return true
}

// owe has the socket's Spill sent at the end of the tick.
func (p *Puddle) owe(i uint32) {
	s := &p.table.Sockets[i]
	if s.Flags&table.FlagWaiting == 0 {
		p.owing = append(p.owing, i)
	}
	p.maySlow(i) // also who reads no pongs and no replies
}

// sendOwn sends the frames of the sockets' own.
func (p *Puddle) sendOwn() {
	for n := 0; n < len(p.owing); n++ {
		p.catchUp(p.owing[n])
	}
	p.owing = p.owing[:0]
}

// spill appends to the socket's Spill. from is the stream offset of the first
// byte, which counts if there is no Spill yet.
func (p *Puddle) spill(i uint32, from uint64, parts ...[]byte) bool {
	s, h := &p.table.Sockets[i], &p.hands[i]
	_, start := p.table.SpanBytes(s.Spill)
	if s.Spill.Empty() {
		start, h.done = from, 0
	}
	if !p.table.Grow(&s.Spill, int(h.done), from, parts...) {
		return false
	}
	_, begins := p.table.SpanBytes(s.Spill)
	h.done -= uint32(begins - start)
	s.Flags |= table.FlagExplicit
	return true
}

// setAside copies what the socket is owed of its room into its Spill, so that
// the log may move on without it. false: there is no room for it.
func (p *Puddle) setAside(i uint32) bool {
	s, h := &p.table.Sockets[i], &p.hands[i]
	lane := p.lane(i)
	if lane == nil {
		return true
	}
	parts, owed := p.gather.parts[:0], 0
	place := p.place(i)
	for _, e := range lane.From(place) {
		if e.Sender == i {
			continue
		}
		b := p.table.LaneBytes(e.At, p.table.At(e.At), s.Lane)
		if e.Start < place {
			b = b[place-e.Start:]
		}
		parts, owed = append(parts, b), owed+len(b)
	}
	p.gather.parts = parts[:0]
	if owed > 0 && !p.spill(i, p.table.StreamLength(s)-uint64(owed), parts...) {
		return false
	}
	s.Flags |= table.FlagExplicit
	h.place = lane.Count()
	return true
}

// lane is where the socket sits, nil if it is in no room or in several.
func (p *Puddle) lane(i uint32) *room.Lane {
	s := &p.table.Sockets[i]
	if s.Room == table.NoRoom || s.State != schema.InRoom {
		return nil
	}
	return p.rooms[s.Room].Lane(s.Lane)
}

// place is how much of its room's stream the socket has been sent, or holds
// in its Spill.
func (p *Puddle) place(i uint32) uint64 {
	s, h := &p.table.Sockets[i], &p.hands[i]
	if s.Flags&table.FlagExplicit != 0 {
		return h.place
	}
	return p.rooms[s.Room].Lane(s.Lane).Place(h.seat)
}

// makeExplicit writes the socket's place down, because its room's stream is
// about to differ from its own.
func (p *Puddle) makeExplicit(i uint32) {
	p.hands[i].place = p.place(i)
	p.table.Sockets[i].Flags |= table.FlagExplicit
}

// owed is about how many bytes wait for the socket.
func (p *Puddle) owed(i uint32) int {
	s, h := &p.table.Sockets[i], &p.hands[i]
	n := s.Spill.Len() - int(h.done)
	if lane := p.lane(i); lane != nil && s.Flags&table.FlagExplicit != 0 && lane.Count() > h.place {
		n += int(lane.Count() - h.place)
	}
	return n
}

// catchUp sends the socket what it is owed, as far as its seat has come. When
// it has all of it, it is in step again.
func (p *Puddle) catchUp(i uint32) {
	s := &p.table.Sockets[i]
	if s.ID == 0 || s.Flags&table.FlagExplicit == 0 || s.Moves != 0 {
		return
	}
	for {
		n, size, place := p.collect(i)
		if n == 0 {
			p.caughtUp(i, place)
			return
		}
		sent, errno := sendAll(s.FD, &p.gather.header, p.gather.pieces[:n])
		if errno != 0 && errno != unix.EAGAIN {
			p.failing = append(p.failing, i)
			return
		}
		p.took(i, n, max(sent, 0))
		if sent < size {
			p.waitFor(i)
			return
		}
	}
}

// collect gathers the next pieces that the socket is owed: how many, their
// bytes, and the place behind all of them and the socket's own messages.
func (p *Puddle) collect(i uint32) (n, size int, place uint64) {
	s, h, g := &p.table.Sockets[i], &p.hands[i], &p.gather
	if held, _ := p.table.SpanBytes(s.Spill); len(held) > int(h.done) {
		g.pieces[0], g.ends[0] = pieceOf(held[h.done:]), h.place
		n, size = 1, len(held)-int(h.done)
	}
	place = h.place
	lane := p.lane(i)
	if lane == nil {
		return n, size, place
	}
	target := lane.Place(h.seat)
	for _, e := range lane.From(place) {
		if e.Start >= target || n == gatherMost {
			break
		}
		if e.Sender != i {
			b := p.table.LaneBytes(e.At, p.table.At(e.At), s.Lane)
			if e.Start < place {
				b = b[place-e.Start:]
			}
			g.pieces[n], g.ends[n] = pieceOf(b), e.End()
			n, size = n+1, size+len(b)
		}
		place = e.End()
	}
	return n, size, place
}

// took notes how much of the collected pieces the kernel has taken.
func (p *Puddle) took(i uint32, n, sent int) {
	s, h, g := &p.table.Sockets[i], &p.hands[i], &p.gather
	first := 0
	if s.Flags&table.FlagWaiting != 0 && sent > 0 {
		s.Heard = p.now // the peer acknowledges what it is sent, though an answer to a ping stands far behind
	}
	if !s.Spill.Empty() {
		first = 1
		part := min(sent, int(g.pieces[0].Len))
		h.done += uint32(part)
		sent -= part
		if int(h.done) == s.Spill.Len() {
			p.table.Drop(&s.Spill)
			h.done = 0
		}
	}
	for k := first; k < n && sent > 0; k++ {
		size := int(g.pieces[k].Len)
		if sent < size {
			h.place = g.ends[k] - uint64(size-sent)
			return
		}
		h.place = g.ends[k]
		sent -= size
		p.table.Add(table.Deliveries, 1)
	}
}

// caughtUp is called when nothing is left to send up to the socket's seat.
func (p *Puddle) caughtUp(i uint32, place uint64) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	if s.Flags&table.FlagWaiting != 0 {
		s.Flags &^= table.FlagWaiting
		p.setEvents(i)
	}
	if s.State == schema.Closing {
		p.happen(i, flushed)
		return
	}
	lane := p.lane(i)
	if lane == nil {
		return
	}
	h.place = place
	if lane.InStep(i, h.seat, place) {
		s.Flags &^= table.FlagExplicit
	}
}

// waitFor has the socket looked at when it takes more.
func (p *Puddle) waitFor(i uint32) {
	s := &p.table.Sockets[i]
	s.Flags |= table.FlagExplicit
	if s.Flags&table.FlagWaiting == 0 {
		s.Flags |= table.FlagWaiting
		p.waiting = append(p.waiting, i)
		p.setEvents(i)
	}
}

// judge closes a socket that is too slow to hear: its outbox is full though
// it was given every chance to take more.
func (p *Puddle) judge(i uint32) {
	most := p.outboxMost(i)
	if p.owed(i) <= most || p.table.Sockets[i].Moves != 0 {
		return // or it is on its way to another puddle, and hears nothing yet
	}
	id := p.table.Sockets[i].ID
	if p.catchUp(i); p.table.Sockets[i].ID == id && p.owed(i) > most {
		p.happen(i, violated(schema.CloseTooSlow, "too slow to hear: its outbox was full"))
	}
}

// maySlow has a socket that waits judged at the end of the tick, when nobody
// walks through the rooms that it may have to leave.
func (p *Puddle) maySlow(i uint32) {
	if n := len(p.slow); p.table.Sockets[i].Flags&table.FlagWaiting != 0 && (n == 0 || p.slow[n-1] != i) {
		p.slow = append(p.slow, i)
	}
}

func (p *Puddle) judgeSlow() {
	for n := 0; n < len(p.slow); n++ {
		if i := p.slow[n]; speaking(p.table.Sockets[i].State) {
			p.judge(i)
		}
	}
	p.slow = p.slow[:0]
}

// outboxMost is how much may wait for a socket, bytes: two messages fit, where
// its rooms take large ones.
func (p *Puddle) outboxMost(i uint32) int {
	return max(p.settings.OutboxBytes, 2*p.messageMost(i))
}

// lastReads is how often a socket is read that a send failed on: the kernel
// holds no more of what it said than this.
const lastReads = 256

// endFailed ends the sockets that a send failed on, when what they said before
// is read: a message whose sender is gone is a message all the same.
func (p *Puddle) endFailed() {
	for n := 0; n < len(p.failing); n++ {
		i := p.failing[n]
		id := p.table.Sockets[i].ID
		if id == 0 {
			continue
		}
		for n := 0; n < lastReads && p.table.Sockets[i].ID == id && p.table.Sockets[i].Flags&(table.FlagPaused|table.FlagBusy) == 0; n++ {
			if !p.read(i) {
				break
			}
		}
		if p.table.Sockets[i].ID == id {
			p.happen(i, ended)
		}
	}
	p.failing = p.failing[:0]
}

// measureOutboxes sums up what waits, for the metrics, and forgets who waits
// no more.
func (p *Puddle) measureOutboxes() {
	sum := 0
	kept := p.waiting[:0]
	for _, i := range p.waiting {
		if p.table.Sockets[i].Flags&table.FlagWaiting != 0 {
			kept = append(kept, i)
			sum += p.owed(i)
		}
	}
	p.waiting = kept
	p.table.Add(table.OutboxBytes, sum-p.waitingSum)
	p.waitingSum = sum
}
