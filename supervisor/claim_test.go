package supervisor

import (
	"strconv"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
)

func TestClaims(t *testing.T) {
	d := newDesk(t, 2, nil)
	claim := func(slot int, sender, key, id string) ipc.Claim {
		return *d.asks(slot, ipc.Question{Claim: &ipc.AskClaim{Sender: sender, Key: key, ID: id}}).Claim
	}
	for n, c := range []struct {
		slot            int
		sender, key, id string
		want            ipc.Claim
	}{
		{0, "alice", "k", "m1", ipc.Claim{First: true, ID: "m1"}},
		{1, "alice", "k", "m2", ipc.Claim{ID: "m1", Receivers: 0}},
		{1, "bob", "k", "m3", ipc.Claim{First: true, ID: "m3"}},
		{1, "alice", "l", "m4", ipc.Claim{First: true, ID: "m4"}},
	} {
		if have := claim(c.slot, c.sender, c.key, c.id); have != c.want {
			t.Errorf("%d: %+v, want %+v", n, have, c.want)
		}
	}
	d.asks(0, ipc.Question{Claimed: &ipc.Claimed{Sender: "alice", Key: "k", Receivers: 5}})
	d.asks(0, ipc.Question{Claimed: &ipc.Claimed{Sender: "nobody", Key: "k", Receivers: 5}})
	if have := claim(1, "alice", "k", "m5"); have != (ipc.Claim{ID: "m1", Receivers: 5}) {
		t.Errorf("%+v", have)
	}
}

// The key of a message that was not sent is free; of one that was it is not.
func TestUnsentClaims(t *testing.T) {
	c, now := newClaims(), time.Now()
	for n, step := range []struct {
		claimed *ipc.Claimed
		first   bool
	}{
		{nil, true},
		{&ipc.Claimed{Sender: "alice", Key: "k", Unsent: true}, true},
		{&ipc.Claimed{Sender: "alice", Key: "other", Unsent: true}, false},
		{&ipc.Claimed{Sender: "alice", Key: "k", Receivers: 2}, false},
		{&ipc.Claimed{Sender: "alice", Key: "k", Unsent: true}, false},
	} {
		if step.claimed != nil {
			c.claimed(step.claimed)
		}
		if c.claim(&ipc.AskClaim{Sender: "alice", Key: "k"}, nil, now).First != step.first {
			t.Errorf("%d: first %v", n, !step.first)
		}
	}
}

func TestClaimsPass(t *testing.T) {
	c, now := newClaims(), time.Now()
	ask := &ipc.AskClaim{Sender: "alice", Key: "k"}
	for _, step := range []struct {
		after time.Duration
		first bool
	}{{0, true}, {time.Minute, false}, {claimTime - time.Minute - 1, false}, {1, true}, {1, false}} {
		if now = now.Add(step.after); c.claim(ask, nil, now).First != step.first {
			t.Errorf("after %s: first %v", step.after, !step.first)
		}
	}
	for n := range claimMost {
		c.claim(&ipc.AskClaim{Sender: "bob", Key: strconv.Itoa(n)}, nil, now)
	}
	if len(c.byKey) != claimMost || c.order.Len() != claimMost {
		t.Errorf("%d keys, %d in order", len(c.byKey), c.order.Len())
	}
	if !c.claim(ask, nil, now).First || c.claim(&ipc.AskClaim{Sender: "bob", Key: strconv.Itoa(claimMost - 1)}, nil, now).First {
		t.Error("another than the oldest was forgotten")
	}
	if c.expire(now.Add(claimTime)); len(c.byKey)+c.order.Len() != 0 {
		t.Errorf("%d keys left", len(c.byKey))
	}
}
