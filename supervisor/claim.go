package supervisor

import (
	"container/list"
	"crypto/rand"
	"time"

	"github.com/porthouse/porthouse/ipc"
)

const (
	claimTime = 2 * time.Minute // a key is remembered for so long
	claimMost = 100_000         // keys that are; the oldest go
)

// claims are the keys of messages that were sent lately.
type claims struct {
	name  string // tells these from another supervisor's, which knows none of them
	byKey map[claimKey]*list.Element
	order *list.List // of *claim, the oldest first
}

type claimKey struct{ sender, key string }

type claim struct {
	key       claimKey
	at        time.Time
	from      *process // that sends it
	done      bool     // it was sent
	id        string
	receivers int
}

func newClaims() *claims { return &claims{rand.Text()[:13], map[claimKey]*list.Element{}, list.New()} }

// claim tells what became of the message that had a key first, or that it is
// this one.
func (c *claims) claim(ask *ipc.AskClaim, from *process, now time.Time) *ipc.Claim {
	c.expire(now)
	key := claimKey{ask.Sender, ask.Key}
	if e, known := c.byKey[key]; known {
		first := e.Value.(*claim)
		if !first.done && first.from != from && first.from != nil && from != nil && first.from.slot == from.slot {
			first.from, first.id = from, ask.ID // its puddle ended before it was sent
			return &ipc.Claim{First: true, ID: ask.ID}
		}
		return &ipc.Claim{ID: first.id, Receivers: first.receivers}
	}
	c.byKey[key] = c.order.PushBack(&claim{key: key, at: now, from: from, id: ask.ID})
	if c.order.Len() > claimMost {
		c.forget(c.order.Front())
	}
	return &ipc.Claim{First: true, ID: ask.ID}
}

// claimed notes how many receivers a message had, or that its key is free again.
func (c *claims) claimed(word *ipc.Claimed) {
	e, known := c.byKey[claimKey{word.Sender, word.Key}]
	switch {
	case !known:
	case word.Unsent:
		if !e.Value.(*claim).done {
			c.forget(e)
		}
	default:
		e.Value.(*claim).receivers, e.Value.(*claim).done = word.Receivers, true
	}
}

func (c *claims) expire(now time.Time) {
	for e := c.order.Front(); e != nil && now.Sub(e.Value.(*claim).at) >= claimTime; e = c.order.Front() {
		c.forget(e)
	}
}

func (c *claims) forget(e *list.Element) {
	delete(c.byKey, e.Value.(*claim).key)
	c.order.Remove(e)
}
