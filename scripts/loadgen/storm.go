package main

import "encoding/binary"

// A storm is handshakes alone: each socket leaves as soon as it has its 101,
// and another takes its place.

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
