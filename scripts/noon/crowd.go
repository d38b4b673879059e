package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	dialingMost  = 128                           // handshakes of a process under way
	lingerTime   = int64(200 * time.Millisecond) // for doubled ones, after the last was heard
	troublesMost = 20                            // examples of each kind, from each process
)

// A member is a socket in a room, who sends and hears.
type member struct {
	socket
	joined bool
	gone   bool
	slow   bool
	sent   []int64  // when, by number; CLOCK_MONOTONIC ns
	heard  []ledger // by place in the room
}

// A crowd is the members of one client process. All of a room are in the same
// process, so that it alone can tell what was lost.
type crowd struct {
	*wire
	window   window
	members  []member
	dialed   int
	underway int
	joined   int
	timers   timers
	turns    []int // members in the order in which they send
	turn     int   // of the next message
	start    int64 // of the sending; 0: not yet
	deadline int64 // of the settling; 0: not yet
	owed     int64 // deliveries not heard yet
	report   report
	failed   error
}

func newCrowd(p plan, l *loop, v window) *crowd {
	c := &crowd{window: v, members: make([]member, p.Sockets)}
	c.wire = newWire(p, l, c)
	c.turns = c.random.Perm(p.Sockets)
	c.report.Actions = map[uint32]*during{}
	for i := range c.members {
		number := p.First + i
		slow := p.Slow > 0 && number%p.Slow == p.Slow-1
		c.members[i] = member{
			socket: socket{token: int32(i), fd: -1, narrow: slow, room: fmt.Sprintf("/r%d", p.room(number))},
			slow:   slow, heard: make([]ledger, p.Members),
		}
	}
	return c
}

func (c *crowd) failure() error { return c.failed }

func (c *crowd) event(token, generation int32, events uint32) {
	if m := &c.members[token]; m.generation == generation {
		c.wire.event(&m.socket, events)
	}
}

func (c *crowd) obey(order byte) {
	switch order {
	case orderGo:
		c.start = now()
		c.report.CPU, c.report.Span = -ownCPU(), -c.start
	case orderStop:
		c.deadline = now() + c.plan.Settle
		c.report.CPU, c.report.Span = c.report.CPU+ownCPU(), c.report.Span+now()
	}
}

// tick does what is due.
func (c *crowd) tick(at int64) (next int64) {
	c.dialMore()
	for t, due := c.timers.due(at); due; t, due = c.timers.due(at) {
		if m := &c.members[t.token]; m.generation == t.generation {
			t.do(t.token)
		}
	}
	next = never
	switch {
	case c.start == 0 || c.plan.Rate == 0 && c.deadline == 0:
	case c.deadline == 0:
		next = c.speak(at)
	case c.deadline == never:
	case at >= c.deadline:
		c.finish()
	default:
		if c.owed == 0 {
			c.deadline = min(c.deadline, at+lingerTime)
		}
		next = c.deadline
	}
	return min(next, c.timers.next())
}

func (c *crowd) dialMore() {
	from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(c.plan.Index / 250), byte(2 + c.plan.Index%250)}}
	for c.underway < dialingMost && c.dialed < len(c.members) && c.failed == nil {
		c.underway++
		c.dialed++
		c.dial(&c.members[c.dialed-1].socket, from)
	}
}

func (c *crowd) entered(s *socket, _ int64) {
	m := &c.members[s.token]
	m.joined = true
	c.underway--
	c.joined++
	if m.slow {
		c.nap(s.token)
	}
	if c.joined == len(c.members) {
		say(word{Open: true})
	}
}

// ended is a socket's end, which the house never should bring about.
func (c *crowd) ended(s *socket, e ending) {
	m, number := &c.members[s.token], c.plan.First+int(s.token)
	if !m.joined {
		c.failed = fmt.Errorf("socket %d could not enter its room: %s: %s", number, e.kind, e.text)
		return
	}
	m.gone = true
	c.report.Closed++
	c.trouble("closed", number, now(), e.kind+", "+e.text+",")
	if e.kind == endGarbled {
		c.report.Garbled++
	}
	c.lose(m)
}

// lose counts what a member will not hear any more.
func (c *crowd) lose(m *member) {
	receiver := int(m.token)
	first := receiver - receiver%c.plan.Members
	for place := range m.heard {
		if first+place == receiver {
			continue
		}
		sender := &c.members[first+place]
		for _, number := range m.heard[place].lost(uint32(len(sender.sent))) {
			c.report.Lost++
			c.owed--
			c.trouble("lost", c.plan.First+receiver, sender.sent[number],
				fmt.Sprintf("message %d of sender %d, sent", number, c.plan.First+first+place))
		}
	}
}

// trouble keeps the first examples of each kind.
func (c *crowd) trouble(kind string, receiver int, at int64, text string) {
	count := 0
	for _, t := range c.report.Troubles {
		if t.Kind == kind {
			count++
		}
	}
	if count < troublesMost {
		c.report.Troubles = append(c.report.Troubles, trouble{kind, at, receiver, text})
	}
}

// nap lets a slow reader not read for a while.
func (c *crowd) nap(token int32) {
	m := &c.members[token]
	m.deaf = true
	c.timers.set(now()+between(c.random, 200*time.Millisecond, time.Second), &m.socket, c.listen)
}

func (c *crowd) listen(token int32) {
	m := &c.members[token]
	m.deaf = false
	if c.deadline == 0 {
		c.timers.set(now()+between(c.random, 100*time.Millisecond, time.Second), &m.socket, c.nap)
	}
	c.read(&m.socket)
}

func between(r *rand.Rand, least, most time.Duration) int64 {
	return int64(least) + r.Int64N(int64(most-least))
}

// finish counts what was not heard, and reports.
func (c *crowd) finish() {
	for i := range c.members {
		if m := &c.members[i]; !m.gone {
			c.lose(m)
		}
	}
	c.deadline = never
	say(word{Report: &c.report})
}

// ownCPU is what this process spent, in ns.
func ownCPU() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	return t.Nano()
}
