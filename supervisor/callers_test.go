package supervisor

import (
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

func TestCallersAreCountedAcrossSlots(t *testing.T) {
	c, now := newCallers(schema.Settings{AddressSockets: 3}), time.Now()
	take := func(slot int, address string, want schema.ErrorCode) {
		t.Helper()
		refusal, after := c.call(slot, address, now)
		switch {
		case refusal == nil && want != "", refusal != nil && refusal.Code != want:
			t.Fatalf("slot %d, %s: %v; want %q", slot, address, refusal, want)
		case refusal != nil && after <= 0:
			t.Fatalf("refused, and told to come back after %d s", after)
		}
	}
	take(0, "a", "")
	take(1, "a", "")
	take(1, "a", "")
	take(0, "a", schema.Full)
	take(2, "a", schema.Full)
	take(2, "b", "")
	c.left(1, "a")
	c.left(2, "a") // it has none of that address
	take(0, "a", "")
	take(0, "a", schema.Full)
	c.hold(1, nil) // gone, with all that it had
	take(2, "a", "")
	take(2, "a", schema.Full)
	c.hold(3, map[string]int{"c": 2, "b": 5})
	take(0, "c", "")
	take(0, "c", schema.Full)
	take(0, "b", schema.Full)
	c.hold(3, map[string]int{"c": 1})
	take(0, "c", "")
	take(0, "b", "")
	for slot := range 4 {
		c.hold(slot, nil)
	}
	if c.expire(now); len(c.by) != 0 {
		t.Errorf("%d addresses are remembered though nobody is there", len(c.by))
	}
}

func TestCallersPace(t *testing.T) {
	c, now := newCallers(schema.Settings{AddressPace: schema.Pace{Count: 5, Per: 1000}}), time.Now()
	granted := func(at time.Duration, tries int) (n int) {
		t.Helper()
		for range tries {
			refusal, after := c.call(0, "a", now.Add(at))
			if refusal == nil {
				n++
			} else if refusal.Code != schema.Rate || after != 1 {
				t.Fatalf("%v, after %d", refusal, after)
			}
		}
		return n
	}
	if n := granted(0, 20); n != 5 {
		t.Errorf("%d at once; want 5", n)
	}
	if n := granted(200*time.Millisecond, 20); n != 1 {
		t.Errorf("%d a fifth of a second later; want 1", n)
	}
	if n := granted(time.Second, 20); n != 4 {
		t.Errorf("%d at the second's end; want 4", n)
	}
	if n := granted(time.Minute, 20); n != 5 {
		t.Errorf("%d a minute later; want 5", n)
	}
	c.hold(0, nil)
	if c.expire(now.Add(time.Minute)); len(c.by) != 1 {
		t.Error("forgotten while its pace still counts")
	}
	if c.expire(now.Add(2 * time.Minute)); len(c.by) != 0 {
		t.Error("remembered for ever")
	}
}
