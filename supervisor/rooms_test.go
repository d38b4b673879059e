package supervisor

import (
	"maps"
	"slices"
	"testing"
)

func TestCensus(t *testing.T) {
	c := census{}
	for n, step := range []struct {
		do   func()
		want string
	}{
		{func() { c.hold("a", 0, 7) }, "a"},
		{func() { c.hold("a", 63, 9) }, "a"},
		{func() { c.release("a", 0) }, "a"},
		{func() { c.release("a", 0) }, "a"}, // not there any more
		{func() { c.release("b", 5) }, "a"}, // never was
		{func() { c.release("a", 63) }, ""},
		{func() { c.keep("p", true) }, "p"},
		{func() { c.hold("p", 1, 1); c.hold("q", 1, 2); c.hold("q", 2, 3) }, "p q"},
		{func() { c.vacate(1) }, "p q"},
		{func() { c.vacate(2) }, "p"},
		{func() { c.hold("p", 4, 1); c.keep("p", false) }, "p"},
		{func() { c.release("p", 4) }, ""},
		{func() { c.keep("p", false) }, ""},
	} {
		step.do()
		have := ""
		for _, name := range slices.Sorted(maps.Keys(c)) {
			have = (have + " " + name)
		}
		if have != "" {
			have = have[1:]
		}
		if have != step.want {
			t.Fatalf("step %d: %q, want %q", n, have, step.want)
		}
	}
}

func TestCensusIndex(t *testing.T) {
	c := census{}
	c.hold("a", 0, 7)
	c.hold("a", 5, 8)
	c.hold("a", 0, 9) // released and held again
	for slot, want := range map[int]uint32{0: 9, 5: 8} {
		if index, ok := c.index("a", slot); !ok || index != want {
			t.Errorf("slot %d: %d %v, want %d", slot, index, ok, want)
		}
	}
	for _, none := range []struct {
		room string
		slot int
	}{{"a", 1}, {"b", 0}} {
		if index, ok := c.index(none.room, none.slot); ok {
			t.Errorf("%v: at %d", none, index)
		}
	}
}
