package supervisor

import (
	"slices"
	"testing"
)

func TestCensus(t *testing.T) {
	c := census{}
	for _, step := range []struct {
		room       string
		slot       int
		hold, want bool
	}{
		{"a", 0, true, true},
		{"a", 0, true, false},
		{"a", 63, true, false},
		{"b", 63, true, true},
		{"a", 0, false, false},
		{"a", 0, false, false}, // not there any more
		{"b", 5, false, false}, // never was
		{"b", 63, false, true},
		{"c", 63, true, true},
		{"d", 63, true, true},
		{"d", 1, true, false},
	} {
		got := false
		if step.hold {
			got = c.hold(step.room, step.slot)
		} else {
			got = c.release(step.room, step.slot)
		}
		if got != step.want {
			t.Fatalf("%+v: %v", step, got)
		}
	}
	gone := c.vacate(63)
	slices.Sort(gone)
	if !slices.Equal(gone, []string{"a", "c"}) || len(c) != 1 {
		t.Errorf("vacated %v, %d left", gone, len(c))
	}
}
