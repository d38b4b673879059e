package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

var noon = time.UnixMilli(1_700_000_000_789)

func fresh(t *testing.T) (s *Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "house.db")
	return open(t, path), path
}

func apply(t *testing.T, s *Store, b Batch) {
	t.Helper()
	if err := s.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// same fails unless exactly these sequences, by signed id, are in the store.
func same(t *testing.T, s *Store, want ...Sequence) {
	t.Helper()
	have, err := s.Sequences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(have) != len(want) || len(want) > 0 && !reflect.DeepEqual(have, want) {
		t.Errorf("sequences are\n%v, want\n%v", have, want)
	}
}

func TestApplySequences(t *testing.T) {
	s, _ := fresh(t)
	low := Sequence{1, 0, "", schema.Handshake, "[::1]:5", noon, nil}
	high := Sequence{1<<64 - 1, 1, "alice", schema.InRoom, "10.0.0.1:5", noon, nil}
	top := Sequence{1 << 63, 2, "bob", schema.Space, "", noon, nil}
	apply(t, s, Batch{Sequences: []Sequence{low, high, top}})
	same(t, s, top, high, low)

	low.State, low.Client, low.Slot = schema.InRoom, "carol", 7
	apply(t, s, Batch{
		Sequences: []Sequence{low},
		Joined:    []Subscription{{1, "b"}, {1, "a"}, {1, "a"}, {1<<64 - 1, "a"}, {42, "nobody's"}},
	})
	low.Rooms, high.Rooms = []string{"a", "b"}, []string{"a"}
	same(t, s, top, high, low)

	apply(t, s, Batch{
		SequencesGone: []schema.SequenceID{1, 99},
		Sequences:     []Sequence{{1, 0, "", schema.Lobby, "x", noon, nil}}, // the id again, in a new life
		Left:          []Subscription{{1<<64 - 1, "a"}, {1 << 63, "never joined"}},
		Joined:        []Subscription{{1, "c"}},
	})
	high.Rooms = nil
	same(t, s, top, high, Sequence{1, 0, "", schema.Lobby, "x", noon, []string{"c"}})

	apply(t, s, Batch{SequencesGone: []schema.SequenceID{1, 1 << 63, 1<<64 - 1}})
	same(t, s)
	if counts, err := s.Counts(t.Context()); err != nil || counts["subscriptions"] != 0 {
		t.Errorf("subscriptions outlive their sequences: %v, %v", counts, err)
	}
}

func TestApplyPuddlesAndRooms(t *testing.T) {
	s, path := fresh(t)
	run(t, other(t, path), "INSERT INTO rooms (name, kind, owner, made) VALUES ('club', 'persistent', 'alice', 5)")
	apply(t, s, Batch{
		Puddles: []Puddle{{0, 100, 1, "serving", noon}, {1, 0, 3, "dead", noon}, {2, 7, 1, "serving", noon}},
		Rooms:   []Room{{"chat", Transient, "", "", noon}, {"club", Transient, "eve", `{"size":1}`, noon}, {"tmp", Transient, "bob", `{}`, noon}},
	})
	apply(t, s, Batch{
		PuddlesGone: []int{2, 9},
		Puddles:     []Puddle{{0, 101, 2, "serving", noon}},
		RoomsGone:   []string{"club", "tmp", "nowhere"},
		Rooms:       []Room{{"chat", Transient, "bob", `{"echo":true}`, noon}},
	})
	puddles, err := s.Puddles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []Puddle{{0, 101, 2, "serving", noon}, {1, 0, 3, "dead", noon}}; !reflect.DeepEqual(puddles, want) {
		t.Errorf("puddles are %v, want %v", puddles, want)
	}
	rooms, err := s.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Room{{"chat", Transient, "bob", `{"echo":true}`, noon}, {"club", Persistent, "alice", "{}", time.UnixMilli(5)}}
	if !reflect.DeepEqual(rooms, want) {
		t.Errorf("rooms are %v, want %v", rooms, want)
	}

	apply(t, s, Batch{Sequences: []Sequence{{ID: 1, Since: noon}}, Joined: []Subscription{{1, "chat"}}})
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts, err := s.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts["puddles"]+counts["sequences"]+counts["subscriptions"] != 0 || counts["rooms"] != 1 {
		t.Errorf("rows after the sweep: %v, want the persistent room alone", counts)
	}
}

// many is a batch of some pages.
func many() (b Batch) {
	for id := range schema.SequenceID(2000) {
		b.Sequences = append(b.Sequences, Sequence{ID: id + 1, Address: fmt.Sprintf("address-%090d", id), Since: noon})
		b.Joined = append(b.Joined, Subscription{id + 1, "chat"})
	}
	return b
}

func TestApplyFull(t *testing.T) {
	s, path := fresh(t)
	apply(t, s, Batch{Sequences: []Sequence{{ID: 1 << 40, Since: noon}}})
	limit := func(pages int) {
		if _, err := s.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(40)
	expect(t, s.Apply(t.Context(), many()), ErrFull, path)
	same(t, s, Sequence{ID: 1 << 40, Since: noon}) // nothing of it
	apply(t, s, Batch{SequencesGone: []schema.SequenceID{1 << 40}})
	limit(1 << 20)
	apply(t, s, many())
	if counts, err := s.Counts(t.Context()); err != nil || counts["sequences"] != 2000 || counts["subscriptions"] != 2000 {
		t.Errorf("rows: %v, %v", counts, err)
	}
}

func TestApplyLocked(t *testing.T) {
	s, path := fresh(t)
	conn := other(t, path)
	run(t, conn, "BEGIN IMMEDIATE")
	expect(t, s.Apply(t.Context(), many()), ErrLocked, path)
	expect(t, s.Sweep(t.Context()), ErrLocked, path)
	same(t, s) // reading goes on
	run(t, conn, "ROLLBACK")
	apply(t, s, many())
}

func TestApplyCorrupt(t *testing.T) {
	s, path := fresh(t)
	apply(t, s, many())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(pages); i++ { // all but the first page
		pages[i] = 0xa5
	}
	if err := os.WriteFile(path, pages, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	expect(t, s.Apply(t.Context(), many()), ErrCorrupt, path)
	expect(t, s.Sweep(t.Context()), ErrCorrupt, path)
	_, err = s.Sequences(t.Context())
	expect(t, err, ErrCorrupt, path)
}

func TestEndedContext(t *testing.T) {
	s, path := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	expect(t, s.Apply(ctx, many()), context.Canceled, path)
	expect(t, s.Sweep(ctx), context.Canceled, path)
	same(t, s)
}
