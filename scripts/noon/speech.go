package main

import (
	"fmt"
	"time"
)

// atOnce is how many messages are sent before others are heard again.
const atOnce = 32

// speak sends what is due and says when the next message is. Members take
// turns at a steady rate, whatever the house does.
func (c *crowd) speak(at int64) (next int64) {
	for range atOnce {
		due := c.start + int64(float64(c.turn)*1e9/c.plan.Rate)
		if due > at {
			if at = now(); due > at {
				return due
			}
		}
		m := &c.members[c.turns[c.turn%len(c.turns)]]
		c.turn++
		if m.gone {
			c.report.Unsent++
			continue
		}
		d := c.during(c.window.now())
		d.Late = max(d.Late, at-due)
		c.send(m)
	}
	return at
}

// during is what is counted within an action.
func (c *crowd) during(action uint32) *during {
	d := c.report.Actions[action]
	if d == nil {
		d = &during{}
		c.report.Actions[action] = d
	}
	return d
}

// send sends a member's next message. One whose frame is cut in two counts as
// sent when the second part is meant to be.
func (c *crowd) send(m *member) {
	at, pause := now(), int64(0)
	if whole := !m.held && len(m.unsent) == 0; whole && c.random.Float64() < c.plan.Cut {
		pause = between(c.random, time.Millisecond, 20*time.Millisecond)
	}
	frames := 1
	if c.random.Float64() < c.plan.Fragmented {
		frames = 2 + c.random.IntN(3)
	}
	says := message{c.plan.First + int(m.token), uint32(len(m.sent)), at + pause, c.window.now()}
	body := says.append(nil, c.plan.Bytes)
	c.scratch = appendFragments(c.scratch[:0], body, frames, c.random)
	m.sent = append(m.sent, at+pause)
	c.report.Sent++
	c.owed += c.listeners(m)
	if pause == 0 {
		c.write(&m.socket, c.scratch)
		return
	}
	first, second := cut(c.scratch, c.random)
	c.write(&m.socket, first)
	if m.state == open {
		m.unsent, m.held = append(m.unsent, second...), true
		c.timers.set(at+pause, &m.socket, c.release)
	}
}

// release sends the second part of a cut frame.
func (c *crowd) release(token int32) { c.flush(&c.members[token].socket) }

// listeners is how many should hear a member.
func (c *crowd) listeners(m *member) (n int64) {
	first := int(m.token) - int(m.token)%c.plan.Members
	for i := first; i < first+c.plan.Members; i++ {
		if i != int(m.token) && !c.members[i].gone {
			n++
		}
	}
	return n
}

// heard checks one delivery.
func (c *crowd) heard(s *socket, body []byte, at int64) {
	receiver := c.plan.First + int(s.token)
	says, ok := readMessage(body, c.plan.Bytes)
	if why := c.strange(says, ok, receiver); why != "" {
		c.report.Garbled++
		c.trouble("garbled", receiver, at, fmt.Sprintf("%s: %.100q,", why, body))
		return
	}
	c.report.Heard++
	m := &c.members[s.token]
	switch m.heard[says.sender%c.plan.Members].hear(says.number) {
	case doubled:
		c.report.Doubled++
		c.trouble("doubled", receiver, at, fmt.Sprintf("message %d of sender %d, heard again", says.number, says.sender))
		return
	case reordered:
		c.report.Reordered++
		c.trouble("reordered", receiver, at, fmt.Sprintf("message %d of sender %d, heard after a later one", says.number, says.sender))
	}
	c.owed--
	if m.slow {
		return
	}
	action := says.action
	if action == 0 {
		action = c.window.now()
	}
	c.during(action).Latency.add(at - says.sent)
}

// strange is what is wrong with a message, "" if nothing.
func (c *crowd) strange(says message, ok bool, receiver int) string {
	sender := says.sender - c.plan.First
	switch {
	case !ok:
		return "not as it was sent"
	case says.sender == receiver:
		return "its own message"
	case c.plan.room(says.sender) != c.plan.room(receiver):
		return "of another room"
	case sender < 0 || sender >= len(c.members) || int(says.number) >= len(c.members[sender].sent):
		return "sent by nobody"
	}
	return ""
}
