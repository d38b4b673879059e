package puddle

import "github.com/porthouse/porthouse/ipc/table"

// Sockets that are not read for a while: paused while the log or a peer has no
// room for what they say, busy while what they asked for is found out.

// pause stops reading from a socket whose message cannot be taken yet.
func (p *Puddle) pause(i uint32) {
	s := &p.table.Sockets[i]
	if s.Flags&table.FlagPaused != 0 {
		return
	}
	s.Flags |= table.FlagPaused
	p.paused = append(p.paused, i)
	p.setEvents(i)
}

// resume reads again from those who were paused, if there is room again.
func (p *Puddle) resume() {
	if len(p.paused) == 0 || p.table.Used() > p.table.LogBytes()/2 {
		return
	}
	paused := p.paused
	p.paused = nil
	for _, i := range paused {
		s := &p.table.Sockets[i]
		if s.Flags&table.FlagPaused == 0 {
			continue // gone since
		}
		if p.stuck(i) {
			p.paused = append(p.paused, i)
			continue
		}
		p.unpause(i)
	}
}

// stuck tells whether a peer that owes too much is in one of the socket's
// rooms, or the socket has answers of drivers to take first.
func (p *Puddle) stuck(i uint32) bool {
	if p.fullOfAnswers(i) {
		return true
	}
	if p.congested == 0 {
		return false
	}
	for _, r := range p.roomsOf(i) {
		if p.rooms[r].Peers&p.congested != 0 {
			return true
		}
	}
	return false
}

func (p *Puddle) unpause(i uint32) { p.readOn(i, table.FlagPaused) }

// busy stops reading from a socket while what it asked for is found out.
func (p *Puddle) busy(i uint32) {
	p.table.Sockets[i].Flags |= table.FlagBusy
	p.setEvents(i)
}

func (p *Puddle) unbusy(i uint32) {
	if p.table.Sockets[i].Flags&table.FlagBusy != 0 {
		p.readOn(i, table.FlagBusy)
	}
}

// readOn takes up what a socket said before it was stopped, and reads again.
func (p *Puddle) readOn(i uint32, flag uint8) {
	s := &p.table.Sockets[i]
	s.Flags &^= flag
	if s.Flags&(table.FlagPaused|table.FlagBusy) != 0 {
		return
	}
	id := s.ID
	if data := p.part0(s); len(data) > 0 {
		p.take(i, data)
	}
	if s.ID == id {
		p.setEvents(i)
	}
}
