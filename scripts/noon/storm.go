package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stormPatience = int64(10 * time.Second) // for a handshake and the goodbye
	stormRooms    = 100
	stormSources  = 60 // addresses, so that ports do not run out
)

// A stormReport is what became of connections that came, shook hands, and
// left with a close frame. Only Ok is as it should be.
type stormReport struct {
	Ok, Refused, Reset, Other, TimedOut, Closed, Garbled uint64

	Handshake histogram // ns, connect to 101
	Example   string    // of one that was not ok
}

func (r *stormReport) merge(other *stormReport) {
	r.Ok += other.Ok
	r.Refused += other.Refused
	r.Reset += other.Reset
	r.Other += other.Other
	r.TimedOut += other.TimedOut
	r.Closed += other.Closed
	r.Garbled += other.Garbled
	r.Handshake.merge(&other.Handshake)
	if r.Example == "" {
		r.Example = other.Example
	}
}

func (r *stormReport) failed() uint64 {
	return r.Refused + r.Reset + r.Other + r.TimedOut + r.Closed + r.Garbled
}

// A storm opens connections at a steady rate, whatever the house does.
type storm struct {
	*wire
	sockets  []*socket
	vacant   []*socket
	timers   timers
	begun    int
	start    int64
	stopping bool
	done     bool
	report   report
	failed   error
}

func newStorm(p plan, l *loop) *storm {
	s := &storm{}
	s.wire = newWire(p, l, s)
	s.random = rand.New(rand.NewPCG(p.Seed, 1<<32))
	return s
}

func (t *storm) failure() error { return t.failed }

func (t *storm) event(token, generation int32, events uint32) {
	if s := t.sockets[token]; s.generation == generation {
		t.wire.event(s, events)
	}
}

func (t *storm) obey(order byte) {
	switch order {
	case orderGo:
		t.start = now()
		t.report.CPU, t.report.Span = -ownCPU(), -t.start
	case orderStop:
		t.stopping = true
		t.report.CPU += ownCPU()
		t.report.Span += now()
	}
}

func (t *storm) tick(at int64) int64 {
	for x, due := t.timers.due(at); due; x, due = t.timers.due(at) {
		if t.sockets[x.token].generation == x.generation {
			x.do(x.token)
		}
	}
	next := int64(never)
	switch {
	case t.start == 0 || t.done:
	case !t.stopping:
		next = t.connect(at)
	case len(t.vacant) == len(t.sockets):
		t.done = true
		say(word{Report: &t.report})
	}
	return min(next, t.timers.next())
}

// connect begins what is due.
func (t *storm) connect(at int64) int64 {
	for range atOnce {
		due := t.start + int64(float64(t.begun)*1e9/t.plan.Rate)
		if due > at || t.failed != nil {
			return due
		}
		s := t.free()
		s.room = fmt.Sprintf("/storm%d", t.begun%stormRooms)
		t.timers.set(at+stormPatience, s, t.giveUp)
		t.dial(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 100, byte(2 + t.begun%stormSources)}})
		t.begun++
	}
	return at
}

func (t *storm) free() *socket {
	if last := len(t.vacant) - 1; last >= 0 {
		s := t.vacant[last]
		t.vacant = t.vacant[:last]
		return s
	}
	s := &socket{token: int32(len(t.sockets)), fd: -1}
	t.sockets = append(t.sockets, s)
	return s
}

func (t *storm) giveUp(token int32) {
	s := t.sockets[token]
	t.wire.end(s, ending{endLate, fmt.Sprintf("no end after %v, state %d", time.Duration(stormPatience), s.state)})
}

func (t *storm) entered(s *socket, at int64) {
	t.report.Storm.Handshake.add(at - s.dialed)
	s.state = leaving
	t.scratch = appendClose(t.scratch[:0], t.random)
	t.write(s, t.scratch)
}

func (t *storm) heard(*socket, []byte, int64) { t.report.Storm.Garbled++ } // nobody says anything in its rooms

func (t *storm) ended(s *socket, e ending) {
	t.vacant = append(t.vacant, s)
	r := &t.report.Storm
	switch e.kind {
	case endFarewell:
		r.Ok++
		return
	case endRefused:
		r.Refused++
	case endReset:
		r.Reset++
	case endStatus:
		r.Other++
	case endLate:
		r.TimedOut++
	case endClosed:
		r.Closed++
	case endGarbled:
		r.Garbled++
	case endOurs:
		t.failed = fmt.Errorf("a connection of the storm: %s", e.text)
	}
	if r.Example == "" {
		r.Example = e.kind + " " + e.text
	}
}
