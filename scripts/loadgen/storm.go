package main

import "encoding/binary"

// A storm is handshakes alone: each socket leaves as soon as it has its 101,
// and another takes its place.

// stormOn tells whether another handshake may begin. At a fixed rate the clock
// wakes the process when it may.
func (p *process) stormOn() bool {
	most := p.plan.Handshakes
	if share := (most + p.plan.Processes - 1 - p.index) / p.plan.Processes; !p.going() || most > 0 && p.begun >= share {
		return false
	}
	if p.plan.Rate == 0 {
		return true
	}
	due := p.start + int64(float64(p.begun)*float64(p.plan.Processes)/p.plan.Rate*1e9)
	if due > now() {
		p.setClock(due)
		return false
	}
	return true
}

// goodbye is a close frame with code 1000.
var goodbye = appendFrame(nil, opClose, binary.BigEndian.AppendUint16(nil, 1000))

// leave ends a socket of ours the way the plan says.
func (p *process) leave(s *socket) {
	switch p.plan.Leave {
	case leaveClose:
		s.state = leaving
		p.write(s, goodbye)
	case leaveReset:
		lingerNone(s.fd)
		p.vacate(s)
	case leaveEnd:
		p.vacate(s)
	}
}
