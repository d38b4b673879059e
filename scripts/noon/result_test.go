package main

import "testing"

func TestExamplesOfEachKind(t *testing.T) {
	var troubles []trouble
	for i := range 100 {
		troubles = append(troubles, trouble{Kind: "closed", At: int64(i)})
	}
	troubles = append(troubles, trouble{Kind: "lost", At: 500})
	got := examples(troubles)
	if len(got) != examplesMost/2+1 || got[len(got)-1].Kind != "lost" {
		t.Errorf("%d examples: %+v", len(got), got)
	}
}

func TestWhenIsSeenFromTheLastAction(t *testing.T) {
	r := &result{Deeds: []deed{{Name: "quiet", Begin: 100}, {Name: "kill", Begin: 1e9}}}
	for at, want := range map[int64]string{
		50:         "before the first action",
		2_000_100:  "2ms after action 0 (quiet) began",
		1e9 + 5000: "5µs after action 1 (kill) began",
	} {
		if got := r.when(at); got != want {
			t.Errorf("%d: %q, want %q", at, got, want)
		}
	}
}
