package main

import (
	"slices"
	"testing"
)

func TestALedger(t *testing.T) {
	for _, c := range []struct {
		name     string
		heard    []uint32
		verdicts []verdict
		sent     uint32
		lost     []uint32
	}{
		{"all in order", []uint32{0, 1, 2}, []verdict{inOrder, inOrder, inOrder}, 3, nil},
		{"nothing", nil, nil, 2, []uint32{0, 1}},
		{"the last is lost", []uint32{0, 1}, []verdict{inOrder, inOrder}, 3, []uint32{2}},
		{"one in the middle is lost", []uint32{0, 2}, []verdict{inOrder, inOrder}, 3, []uint32{1}},
		{"two change places", []uint32{1, 0, 2}, []verdict{inOrder, reordered, inOrder}, 3, nil},
		{"doubled", []uint32{0, 0, 1}, []verdict{inOrder, doubled, inOrder}, 2, nil},
		{"late and then again", []uint32{1, 0, 0}, []verdict{inOrder, reordered, doubled}, 2, nil},
		{"a gap and its half", []uint32{3, 1}, []verdict{inOrder, reordered}, 5, []uint32{0, 2, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ledger
			var verdicts []verdict
			for _, number := range c.heard {
				verdicts = append(verdicts, l.hear(number))
			}
			if !slices.Equal(verdicts, c.verdicts) {
				t.Errorf("verdicts %v, want %v", verdicts, c.verdicts)
			}
			if lost := l.lost(c.sent); !slices.Equal(lost, c.lost) {
				t.Errorf("lost %v, want %v", lost, c.lost)
			}
		})
	}
}
