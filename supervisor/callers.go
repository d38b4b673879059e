package supervisor

import (
	"fmt"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// callers counts, for the whole house, the connections of each address, where
// the settings limit them. A puddle asks for each connection before it answers
// its handshake, and says when one that was granted has ended.
type callers struct {
	most int         // connections of one address at once; 0: no limit
	pace schema.Pace // and how many may begin

	by map[string]*caller
}

// caller is one address.
type caller struct {
	here int
	in   map[int]int // here, by slot
	next time.Time   // when all that began would have begun at an even pace
}

// limitRetry is when who has too many connections may try again, seconds: it
// depends on its own others, so this is a guess.
const limitRetry = 10

func newCallers(settings schema.Settings) *callers {
	return &callers{most: settings.AddressSockets, pace: settings.AddressPace, by: map[string]*caller{}}
}

// call grants one connection more. after is when to try again, seconds.
func (c *callers) call(slot int, address string, now time.Time) (refusal *schema.Refusal, after int) {
	one := c.of(address)
	if c.most > 0 && one.here >= c.most {
		return &schema.Refusal{Code: schema.Full, Message: fmt.Sprintf("your address has %d connections, and no more are taken from one", one.here)}, limitRetry
	}
	if wait := c.early(one, now); wait > 0 {
		return &schema.Refusal{Code: schema.Rate, Message: "too many connections from your address: open them more slowly"}, int((wait + time.Second - 1) / time.Second)
	}
	c.came(slot, address)
	return nil, 0
}

func (c *callers) of(address string) *caller {
	one := c.by[address]
	if one == nil {
		one = &caller{in: map[int]int{}}
		c.by[address] = one
	}
	return one
}

// came counts a connection that a slot has.
func (c *callers) came(slot int, address string) {
	one := c.of(address)
	one.here++
	one.in[slot]++
}

// early is how long a connection comes too soon for the pace; as many as the
// pace has in its span may come at once. One that comes in time is counted.
func (c *callers) early(one *caller, now time.Time) time.Duration {
	if !c.pace.Limits() {
		return 0
	}
	span := time.Duration(c.pace.Per) * time.Millisecond
	each := span / time.Duration(c.pace.Count)
	next := one.next
	if next.Before(now) {
		next = now
	}
	if wait := next.Add(each).Sub(now) - span; wait > 0 {
		return wait
	}
	one.next = next.Add(each)
	return 0
}

// left takes the end of a connection that was granted to a slot.
func (c *callers) left(slot int, address string) {
	if one := c.by[address]; one != nil && one.in[slot] > 0 {
		one.here--
		if one.in[slot]--; one.in[slot] == 0 {
			delete(one.in, slot)
		}
	}
}

// hold takes what a slot has, whatever was known of it before.
func (c *callers) hold(slot int, has map[string]int) {
	for _, one := range c.by {
		one.here -= one.in[slot]
		delete(one.in, slot)
	}
	for address, n := range has {
		one := c.of(address)
		one.in[slot] = n
		one.here += n
	}
}

// expire forgets who has no connection, and began none that still counts.
func (c *callers) expire(now time.Time) {
	for address, one := range c.by {
		if one.here == 0 && !one.next.After(now) {
			delete(c.by, address)
		}
	}
}

func (s *supervisor) askCall(a asking, ask *ipc.AskCall) {
	refusal, after := s.callers.call(a.from.slot, ask.Address, time.Now())
	s.answer(a, ipc.Reply{Refused: refusal, After: after})
}
