package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// One key serves every handshake: it proves nothing about the client.
const upgradeKey = "cG9ydGhvdXNlIG5vb24hIQ=="

var acceptValue = acceptOf(upgradeKey)

// acceptOf is what a server answers to a key (RFC 6455, 4.2.2).
func acceptOf(key string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}

// A wire is what the sockets of a process have in common.
type wire struct {
	loop     *loop
	plan     plan
	house    unix.Sockaddr
	audience audience
	random   *rand.Rand
	buffer   []byte // what is read, by all sockets in turn
	scratch  []byte // what is written
}

func newWire(p plan, l *loop, a audience) *wire {
	return &wire{
		loop: l, plan: p, audience: a,
		house:  &unix.SockaddrInet4{Port: int(p.House.Port()), Addr: p.House.Addr().As4()},
		random: rand.New(rand.NewPCG(p.Seed, uint64(p.Index))),
		buffer: make([]byte, 256<<10),
	}
}

// event goes on with a socket. Events are hints: only read and write decide.
func (w *wire) event(s *socket, events uint32) {
	if s.state == dialing {
		if errno, _ := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR); errno != 0 {
			w.end(s, dialEnding(unix.Errno(errno)))
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		s.state = asking
		w.scratch = fmt.Appendf(w.scratch[:0], "GET %s HTTP/1.1\r\nHost: %v\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", s.room, w.plan.House, upgradeKey)
		w.write(s, w.scratch)
	}
	if events&unix.EPOLLOUT != 0 && !s.held && len(s.unsent) > 0 {
		w.flush(s)
	}
	if events&^unix.EPOLLOUT != 0 && s.state != vacant && !s.deaf {
		w.read(s)
	}
}

// write sends b after what is still unsent.
func (w *wire) write(s *socket, b []byte) {
	if s.held || len(s.unsent) > 0 {
		s.unsent = append(s.unsent, b...)
		return
	}
	n, err := unix.Write(s.fd, b)
	switch {
	case err == nil || err == unix.EAGAIN || err == unix.EINTR:
		s.unsent = append(s.unsent, b[max(n, 0):]...)
	default:
		w.end(s, ending{endReset, err.Error()})
	}
}

// flush goes on with what was held, or not taken by the kernel.
func (w *wire) flush(s *socket) {
	b := s.unsent
	s.held, s.unsent = false, nil
	w.write(s, b)
}

// read takes all that has come.
func (w *wire) read(s *socket) {
	for s.state != vacant {
		kept := copy(w.buffer, s.rest)
		n, err := unix.Read(s.fd, w.buffer[kept:])
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
			continue
		case err != nil:
			w.end(s, ending{endReset, err.Error()})
			return
		case n == 0:
			w.end(s, ending{endReset, "end of stream"})
			return
		}
		came := w.buffer[:kept+n]
		used := w.take(s, came)
		if s.state != vacant {
			s.rest = append(s.rest[:0], came[used:]...)
		}
	}
}

// take goes through whole frames, and an answer before them, and says how
// many bytes they were.
func (w *wire) take(s *socket, b []byte) (used int) {
	at := now()
	if s.state == asking {
		end, e := parseAnswer(b)
		if e != nil {
			w.end(s, *e)
		}
		if end == 0 {
			return 0
		}
		s.state, used = open, end
		w.audience.entered(s, at)
	}
	for s.state == open || s.state == leaving {
		f, n, err := parseFrame(b[used:], max(w.plan.Bytes, 125))
		if err != nil {
			w.end(s, ending{endGarbled, err.Error()})
			return
		}
		if n == 0 {
			return
		}
		used += n
		w.frame(s, f, at)
	}
	return
}

func (w *wire) frame(s *socket, f frame, at int64) {
	switch f.opcode {
	case opPing:
		w.scratch = appendFrame(w.scratch[:0], opPong, true, f.body, w.random)
		w.write(s, w.scratch)
	case opPong:
	case opClose:
		kind := endClosed
		if s.state == leaving {
			kind = endFarewell
		} else if !s.held {
			unix.Write(s.fd, appendClose(nil, w.random)) // politeness
		}
		w.end(s, ending{kind, closing(f.body)})
	case opText, opMore:
		if f.final && len(s.text) == 0 {
			w.audience.heard(s, f.body, at)
			return
		}
		s.text = append(s.text, f.body...)
		if f.final {
			w.audience.heard(s, s.text, at)
			s.text = s.text[:0]
		}
	default:
		w.end(s, ending{endGarbled, fmt.Sprintf("a frame with opcode %d", f.opcode)})
	}
}

// parseAnswer takes the head of the answer to a handshake and says how many
// bytes it was; 0 when b does not hold all of it.
func parseAnswer(b []byte) (int, *ending) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	line, _, _ := bytes.Cut(b[:min(len(b), 80)], []byte("\r\n"))
	switch {
	case end < 0 && len(b) > 16<<10:
		return 0, &ending{endGarbled, "an answer without an end"}
	case end < 0:
		return 0, nil
	case !bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")):
		return 0, &ending{endStatus, string(line)}
	case !bytes.Contains(b[:end], acceptValue):
		return 0, &ending{endGarbled, "a 101 without Sec-WebSocket-Accept for our key"}
	}
	return end + 4, nil
}
