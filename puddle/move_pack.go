package puddle

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// What leaves the mover: which sockets, what they are, and how they are parted
// from.

// moveLoad is what goes in one move.
type moveLoad struct {
	word        ipc.Moving
	descriptors []int
	room        int // bytes that there is room for
}

// withSibling is a socket, and the one beside which alone it moves: a sibling
// is served where its main is.
func (p *Puddle) withSibling(i uint32) []uint32 {
	switch st := p.standing(i); {
	case st == nil:
	case st.main != table.NoSocket:
		return []uint32{i, st.main}
	case st.sibling != table.NoSocket:
		return []uint32{st.sibling, i}
	}
	return []uint32{i}
}

// load takes sockets along that move together, or none of them.
func (p *Puddle) load(m *move, load *moveLoad, together []uint32) {
	room := load.room
	for _, i := range together {
		room -= p.owed(i) + len(p.part0(&p.table.Sockets[i]))
		if !p.movable(i, m.ask.Rooms) {
			return
		}
	}
	if room < 0 || len(m.sent)+len(together) > ipc.MovedMost {
		return
	}
	sockets, descriptors := make([]ipc.Moved, 0, 2), make([]int, 0, 2)
	for _, i := range together {
		moved, ok := p.pack(i)
		fd, err := duplicate(p.table.Sockets[i].FD)
		if err == nil {
			descriptors = append(descriptors, fd)
		}
		if !ok || err != nil {
			closeAll(descriptors)
			return
		}
		sockets = append(sockets, moved)
	}
	for n, i := range together {
		load.room -= len(sockets[n].Part) + len(sockets[n].Owed) + len(sockets[n].Self)
		p.table.Sockets[i].Moves = uint8(m.other + 1)
		p.withhold(i)
	}
	m.sent = append(m.sent, together...)
	load.word.Sockets, load.descriptors = append(load.word.Sockets, sockets...), append(load.descriptors, descriptors...)
}

// movable tells whether a socket is in the middle of nothing, and in no room
// that the target does not know.
func (p *Puddle) movable(i uint32, rooms []string) bool {
	s, st := &p.table.Sockets[i], p.standing(i)
	switch s.State {
	case schema.Lobby, schema.Space, schema.InRoom:
	default:
		return false
	}
	if s.Moves != 0 || s.Flags&(table.FlagPaused|table.FlagBusy|table.FlagShut) != 0 || p.entries[i] != nil {
		return false
	}
	if _, greets := p.answers[i]; greets {
		return false
	}
	if st != nil && (st.entry != nil || st.order != nil || st.main != table.NoSocket && p.owed(i) > 0) {
		return false // a sibling is seated before its main, and must not be sent anything by then
	}
	for _, r := range p.receipts {
		if r.order != nil && r.order.speaker == i {
			return false
		}
	}
	for _, r := range p.roomsOf(i) {
		if !slices.Contains(rooms, p.rooms[r].Name) {
			return false
		}
	}
	return true
}

// pack is what the target must know of a socket.
func (p *Puddle) pack(i uint32) (ipc.Moved, bool) {
	if !p.setAside(i) {
		return ipc.Moved{}, false
	}
	s, h, st := &p.table.Sockets[i], &p.hands[i], p.standing(i)
	held, _ := p.table.SpanBytes(s.Spill)
	var owed []byte
	if len(held) > 0 {
		owed = slices.Clone(held[h.done:])
	}
	moved := ipc.Moved{
		ID: s.ID, State: s.State, In: s.In, Ctl: s.Ctl, Sent: p.table.StreamLength(s) - uint64(len(owed)),
		Part: slices.Clone(p.part0(s)), Owed: owed, Heard: s.Heard, Since: s.Since, Addr: s.Addr, Port: s.Port, Agreed: s.Agreed,
	}
	if st == nil {
		for _, r := range p.roomsOf(i) {
			moved.Rooms = append(moved.Rooms, ipc.MovedRoom{Name: p.rooms[r].Name})
		}
		return moved, true
	}
	for n := range st.rooms {
		m := &st.rooms[n]
		moved.Rooms = append(moved.Rooms, ipc.MovedRoom{Name: p.rooms[m.room].Name, Bucket: m.bucket.State(), Over: m.over.State(), Driven: m.driven.self()})
	}
	self := p.selfOf(st)
	self.Rooms = nil
	moved.Self = ipc.Encode(self)
	return moved, true
}

// separate parts siblings from their mains where both are gone, so that the end
// of one here is none of the other.
func (p *Puddle) separate(gone []uint32) {
	for _, i := range gone {
		if st := p.standing(i); st != nil && slices.Contains(gone, st.main) {
			p.standing(st.main).sibling, st.main = table.NoSocket, table.NoSocket
		}
	}
}

// withhold sends a socket on its way nothing: what it is owed waits, in the
// log and in its Spill.
func (p *Puddle) withhold(i uint32) {
	if lane := p.lane(i); lane != nil && p.table.Sockets[i].Flags&table.FlagExplicit == 0 {
		p.makeExplicit(i)
	}
	p.table.Sockets[i].Flags |= table.FlagExplicit | table.FlagWaiting
	p.waiting = append(p.waiting, i)
}

// stay serves a socket again that was on its way. The registry may have heard
// that it came to the target.
func (p *Puddle) stay(i uint32) {
	s := &p.table.Sockets[i]
	s.Moves = 0
	s.Flags &^= table.FlagWaiting
	p.stand(i, s.State)
	p.owe(i)
	p.schedule(i, p.now+1)
	p.readOn(i, table.FlagPaused)
}

// partFrom forgets a socket that another puddle serves.
func (p *Puddle) partFrom(i uint32) {
	s, st := &p.table.Sockets[i], p.standing(i)
	anonymous := 0
	if p.anonymous(i) {
		anonymous = -1
	}
	rooms := p.roomsOf(i)
	for _, r := range rooms {
		if s.Room == r {
			p.unseat(i)
		} else {
			p.unseatWide(r, st.in(r).seat)
		}
		p.count(r, -1, anonymous)
	}
	s.Flags &^= table.FlagWaiting
	delete(p.guests, s.ID)
	unix.Close(p.partWith(i))
	for _, r := range rooms {
		p.closeIfEmpty(r)
	}
}
