package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// TestRegistryPresent asks who is where, and whose, while random changes are
// pending, in flight, committed and refused.
func TestRegistryPresent(t *testing.T) {
	r, h := emptyRegistry(nil, slog.New(&diary{})), newHouse()
	random := rand.New(rand.NewPCG(5, 6))
	change := func() {
		c := anyChange(random)
		if q, isRow := c.(sequenceRow); isRow {
			q.Client = []string{"", "alice", "bob"}[random.IntN(3)]
			c = q
		}
		r.note(c)
		h.note(c)
		h.present(t, r)
	}
	for round := range 3000 {
		for range random.IntN(5) {
			change()
		}
		batch := r.takeOff(time.Now())
		for range random.IntN(5) {
			change()
		}
		var failed error
		if random.IntN(3) == 0 {
			failed = errors.New("refused")
		}
		r.land(&batch, failed)
		if h.present(t, r); t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	for slot := range 3 {
		c := puddleGone(slot)
		r.note(c)
		h.note(c)
	}
	h.present(t, r)
	if len(r.attendance)+len(r.clients) != 0 {
		t.Errorf("left behind: %v %v", r.attendance, r.clients)
	}
}

// present compares what the registry tells with what was noted.
func (h *house) present(t *testing.T, r *registry) {
	t.Helper()
	in, of := map[string][]schema.SequenceID{}, map[string][]schema.SequenceID{}
	standings := map[int]map[schema.SequenceID]string{0: {}, 1: {}, 2: {}}
	for _, id := range slices.Sorted(maps.Keys(h.sequences)) {
		row, rooms := h.sequences[id], slices.Sorted(maps.Keys(h.joined[id]))
		client, have, ok := r.sequence(id)
		if !ok || client != row.Client || !slices.Equal(have, rooms) {
			t.Errorf("%d: %q %v %v, want %q %v", id, client, have, ok, row.Client, rooms)
		}
		for _, room := range rooms {
			in[room] = append(in[room], id)
		}
		if row.Client != "" {
			of[row.Client] = append(of[row.Client], id)
		}
		standings[row.Slot][id] = fmt.Sprint(row.Client, rooms)
	}
	for id := range schema.SequenceID(4) {
		if _, known := h.sequences[id]; r.known(id) != known {
			t.Errorf("%d is known: %v", id, !known)
		}
	}
	for _, room := range []string{"a", "b", "c"} {
		if have := r.in(room); !slices.Equal(have, in[room]) {
			t.Errorf("in %s: %v, want %v", room, have, in[room])
		}
	}
	for _, client := range []string{"alice", "bob", ""} {
		if have := r.of(client); !slices.Equal(have, of[client]) {
			t.Errorf("of %q: %v, want %v", client, have, of[client])
		}
	}
	for slot, want := range standings {
		have := map[schema.SequenceID]string{}
		for id, now := range r.standings(slot) {
			rooms := now.rooms
			if rooms == nil {
				rooms = []string{}
			}
			have[id] = fmt.Sprint(now.client, rooms)
		}
		if !maps.Equal(have, want) {
			t.Errorf("in slot %d: %v, want %v", slot, have, want)
		}
	}
}
