package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What a socket is at.
type state uint8

const (
	vacant  state = iota // has no descriptor
	dialing              // connect was called
	asking               // its request was written
	open                 // it had its 101
	leaving              // storm: it said goodbye and awaits the end
)

// unsentMost is what may wait for a server that does not read, in bytes.
const unsentMost = 64 << 20

// A socket is one WebSocket of ours.
type socket struct {
	index        int32 // among its process's
	fd           int32
	generation   int32 // of fd, so that stale events are known
	room, member int32
	state        state
	greeted      bool   // it speaks raw, had its first envelope, or is in its room
	login        string // that its handshake offers
	dialed       int64  // CLOCK_MONOTONIC ns
	rest         []byte // a frame or answer that came in part
	unsent       []byte // what the kernel did not take yet
	cut          []byte // of an utterance that goes on in the next frame
}

var errUnread = errors.New("the server reads too slowly: 64 MiB wait for it on one socket; give a lower -rate, -burst or -size")

// dialVacant begins handshakes, as many as may be under way.
func (p *process) dialVacant() {
	for tries := len(p.vacant); tries > 0 && len(p.vacant) > 0 && p.underway < p.flight; tries-- {
		if p.storm && !p.stormOn() {
			return
		}
		last := len(p.vacant) - 1
		i := p.vacant[last]
		p.vacant = p.vacant[:last]
		p.dial(i)
	}
}

func (p *process) dial(i int32) {
	s := &p.sockets[i]
	if p.storm {
		s.room = int32((p.dialed*p.plan.Processes + p.index) % p.plan.Rooms)
	}
	s.login = p.plan.login(p.index, p.begun)
	p.dialed++
	p.begun++
	s.state, s.dialed, s.greeted = dialing, now(), p.entersByAddress(s)
	p.underway++
	fd, step, errno := dial(&p.sources[p.dialed%len(p.sources)], &p.server)
	if errno == unix.EMFILE || errno == unix.ENFILE || errno == unix.EADDRNOTAVAIL {
		p.fail(fmt.Errorf("%s for a socket to %v: %v; see ulimit -n and net.ipv4.ip_local_port_range", step, p.plan.Server, errno))
		return
	}
	s.fd = fd
	if errno == 0 {
		errno = watch(p.epoll, fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, i, s.generation)
	}
	if errno != 0 {
		p.ended(s, errno)
	}
}

// socketEvent goes on with a socket. Events are hints: only read and write
// decide.
func (p *process) socketEvent(s *socket, events uint32) {
	if s.state == dialing {
		if errno := socketError(s.fd); errno != 0 {
			p.ended(s, errno)
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		s.state = asking
		p.scratch = p.upgrade.request(p.scratch[:0], s.room, p.speaks(s), s.login)
		p.write(s, p.scratch)
	}
	if events&unix.EPOLLOUT != 0 && len(s.unsent) > 0 {
		p.writeUnsent(s)
	}
	if events&^unix.EPOLLOUT != 0 && s.state != vacant {
		p.hear(s, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

// hear reads what has come. A read that does not fill the buffer emptied the
// socket, unless its end is behind.
func (p *process) hear(s *socket, last bool) {
	for s.state != vacant {
		kept := copy(p.buffer, s.rest)
		n, errno := readSocket(s.fd, p.buffer[kept:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case n <= 0:
			p.ended(s, errno)
			return
		}
		came := p.buffer[:kept+n]
		used := p.take(s, came)
		if s.state == vacant || p.failed != nil {
			return
		}
		s.rest = append(s.rest[:0], came[used:]...)
		if len(s.rest) == len(p.buffer) {
			p.fail(fmt.Errorf("the server sent a frame of more than %d bytes", len(p.buffer)))
		}
		if len(came) < len(p.buffer) && !last {
			return
		}
	}
}

// take goes through whole frames, and an answer before them, and says how many
// bytes they were.
func (p *process) take(s *socket, b []byte) int {
	used, at := 0, now()
	if s.state == asking {
		n, err := parseAnswer(b, p.speaks(s))
		if err != nil {
			p.refused(s, err)
		}
		if n == 0 {
			return 0
		}
		used = n
		p.entered(s, at)
	}
	for s.state == open {
		f, n, err := parseFrame(b[used:])
		if err != nil {
			p.fail(err)
			break
		}
		if n == 0 {
			return used
		}
		used += n
		switch {
		case f.opcode != opBinary && f.opcode != opText:
			p.control(s, f)
		case p.dialect(s) != nil:
			p.hearDialect(s, p.dialect(s), f, at)
		case s.greeted:
			p.traffic.hear(s, f, at)
		default:
			p.greet(s, f)
		}
	}
	return len(b)
}

// control takes a frame that is no message of ours.
func (p *process) control(s *socket, f frame) {
	switch f.opcode {
	case opPing:
		p.scratch = appendFrame(p.scratch[:0], opPong, f.body)
		p.write(s, p.scratch)
	case opPong:
	case opClose:
		code, reason := 1005, ""
		if len(f.body) >= 2 {
			code, reason = int(binary.BigEndian.Uint16(f.body)), string(f.body[2:])
		}
		p.lose(s, fmt.Errorf("the server closed member %d of room %d: %d %s", s.member, s.room, code, reason))
	default:
		p.report.Foreign++
	}
}

// write sends b after what is still unsent.
func (p *process) write(s *socket, b []byte) {
	if len(s.unsent) == 0 {
		n, errno := writeSocket(s.fd, b)
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
			p.ended(s, errno)
			return
		}
		b = b[max(n, 0):]
	}
	if len(b) > 0 {
		s.unsent = append(s.unsent, b...)
	}
	if len(s.unsent) > unsentMost {
		p.fail(errUnread)
	}
}

// writeUnsent goes on with what the kernel did not take before.
func (p *process) writeUnsent(s *socket) {
	n, errno := writeSocket(s.fd, s.unsent)
	switch {
	case errno == 0:
		s.unsent = append(s.unsent[:0], s.unsent[n:]...)
	case errno != unix.EAGAIN && errno != unix.EINTR:
		p.ended(s, errno)
	}
}

// entered is a socket's 101.
func (p *process) entered(s *socket, at int64) {
	s.state = open
	if d := p.dialect(s); d != nil && !s.greeted {
		p.enterRoom(s, d)
		return
	}
	p.arrived(s, at)
}

// arrived counts a socket that has its 101 and whatever its dialect says before
// it is in its room. That of a storm leaves, of others it is said when all have.
func (p *process) arrived(s *socket, at int64) {
	p.mine.open.Add(1)
	if p.storm {
		p.report.Answers[101]++
		if s.dialed >= p.begin {
			p.upgraded.add(at - s.dialed)
		}
		p.leave(s)
		return
	}
	p.underway--
	if p.underway == 0 && len(p.vacant) == 0 {
		say(word{Said: "open"})
	}
}

// ended is the end of a socket by the other side.
func (p *process) ended(s *socket, errno unix.Errno) {
	if s.state == open {
		p.lose(s, fmt.Errorf("the server dropped member %d of room %d without a close frame: %s", s.member, s.room, ending(errno)))
		return
	}
	if s.state != leaving {
		err := fmt.Errorf("handshake with %v: %s", p.plan.Server, ending(errno))
		if errno == unix.ECONNREFUSED {
			p.report.Refused++
		} else {
			p.report.Reset++
		}
		p.note(err)
	}
	p.vacate(s)
}

func ending(errno unix.Errno) string {
	if errno == 0 {
		return "end of stream"
	}
	return errno.Error()
}

// refused is an answer other than 101.
func (p *process) refused(s *socket, err error) {
	var other otherAnswer
	if p.plan.Refusals && errors.As(err, &other) {
		p.report.Answers[other.status]++
	} else {
		p.report.Failed++
		p.note(err)
	}
	p.vacate(s)
}

// note keeps a failed handshake's reason; outside of a storm it ends the run.
func (p *process) note(err error) {
	if !p.storm {
		p.fail(err)
	}
	if p.report.Failure == "" {
		p.report.Failure = err.Error()
	}
}

// vacate closes a socket and makes room for another.
func (p *process) vacate(s *socket) {
	if s.fd >= 0 {
		closeSocket(s.fd)
	}
	s.fd, s.state = -1, vacant
	s.generation++
	s.rest, s.unsent, s.cut = s.rest[:0], s.unsent[:0], s.cut[:0]
	p.underway--
	p.vacant = append(p.vacant, s.index)
}
