package main

import (
	"bytes"
	"fmt"
)

// speaks is what a socket speaks.
func (p *process) speaks(s *socket) string {
	return p.plan.Speak[int(s.member)%len(p.plan.Speak)]
}

// entersByAddress tells whether a socket needs nothing but the 101.
func (p *process) entersByAddress(s *socket) bool {
	if d := p.dialect(s); d != nil {
		return d.enter == nil
	}
	return p.speaks(s) == speakRaw
}

// greet takes the first envelope of a socket.
func (p *process) greet(s *socket, f frame) {
	if s.greeted = isGreeting(f); !s.greeted {
		p.fail(fmt.Errorf("member %d of room %d speaks %s and heard %.200q first, instead of its join", s.member, s.room, p.speaks(s), f.body))
	}
}

// isGreeting tells whether a frame is the first one of an envelope socket in
// its room: {"ok":"join",…}.
func isGreeting(f frame) bool {
	if f.opcode == opText {
		return bytes.HasPrefix(f.body, []byte(`{"ok":"join"`))
	}
	return f.opcode == opBinary && len(f.body) > 1 && f.body[0]&0xf0 == 0x80 &&
		bytes.HasPrefix(f.body[1:], appendPacked(nil, "ok", "join"))
}
