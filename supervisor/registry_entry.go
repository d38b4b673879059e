package supervisor

import (
	"container/list"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// entry is one key's pending change.
type entry interface {
	place() *placed
	idle(r *registry) bool                       // it would change nothing; not asked in flight
	settle(r *registry)                          // after a flight: drop what it need not ask
	add(r *registry, batch *store.Batch) (n int) // how many rows it touches
	forget(r *registry)                          // it is no longer pending
}

// placed is where an entry stands.
type placed struct {
	queued     *list.Element // nil while in flight and unchanged
	since      time.Time     // when it was queued
	flying     bool
	flownSince time.Time // since, as it took off
}

func (p *placed) place() *placed { return p }

// sequenceEntry is what the database does not know of a sequence yet.
type sequenceEntry struct {
	placed
	id    schema.SequenceID
	gone  bool            // what the database holds of it is of an earlier life
	row   *store.Sequence // nil where unchanged
	rooms map[string]bool // joined or left
}

func (e *sequenceEntry) stand(room string, in bool) {
	if e.rooms == nil {
		e.rooms = make(map[string]bool)
	}
	e.rooms[room] = in
}

func (e *sequenceEntry) idle(r *registry) bool {
	if e.gone {
		_, e.gone = r.held[e.id]
	}
	return !e.gone && e.row == nil && len(e.rooms) == 0
}

func (e *sequenceEntry) settle(r *registry) {
	if e.idle(r) || e.gone {
		return
	}
	held := r.held[e.id]
	for room, in := range e.rooms {
		if in == held.in(room) {
			delete(e.rooms, room)
		}
	}
}

func (e *sequenceEntry) add(r *registry, batch *store.Batch) (n int) {
	if e.gone {
		batch.SequencesGone = append(batch.SequencesGone, e.id)
		n += 1 + len(r.held[e.id].rooms.names())
	}
	if e.row != nil {
		batch.Sequences = append(batch.Sequences, *e.row)
		n++
	}
	for room, in := range e.rooms {
		s := store.Subscription{Sequence: e.id, Room: room}
		if in {
			batch.Joined = append(batch.Joined, s)
		} else {
			batch.Left = append(batch.Left, s)
		}
		n++
	}
	return n
}

func (e *sequenceEntry) forget(r *registry) { delete(r.sequences, e.id) }

// heldSequence is what the database holds of a sequence. It is small, since
// there is one of each that lives.
type heldSequence struct {
	client unique.Handle[string]
	rooms  roomSet
	slot   int32
}

func (h heldSequence) in(room string) bool { return slices.Contains(h.rooms.names(), room) }

func (h heldSequence) with(room string) heldSequence {
	names := h.rooms.names()
	if at, found := slices.BinarySearch(names, room); !found {
		h.rooms = roomSetOf(slices.Insert(names, at, room))
	}
	return h
}

func (h heldSequence) without(room string) heldSequence {
	names := h.rooms.names()
	if at, found := slices.BinarySearch(names, room); found {
		h.rooms = roomSetOf(slices.Delete(names, at, at+1))
	}
	return h
}

// roomSet is the rooms of a sequence, which most have in common with others.
type roomSet struct{ joined unique.Handle[string] } // sorted, a NUL between two; zero: none

func roomSetOf(names []string) roomSet {
	if len(names) == 0 {
		return roomSet{}
	}
	return roomSet{unique.Make(strings.Join(names, "\x00"))}
}

// names are the rooms, sorted.
func (s roomSet) names() []string {
	if s == (roomSet{}) {
		return nil
	}
	return strings.Split(s.joined.Value(), "\x00")
}

// rowTable is a table whose rows stand alone: what is pending and what the
// database holds.
type rowTable[K comparable, R any] struct {
	pending map[K]*rowEntry[K, R]
	held    map[K]struct{}
	put     func(*store.Batch, K, *R) // a row, or its absence where nil
}

func newRowTable[K comparable, R any](put func(*store.Batch, K, *R)) *rowTable[K, R] {
	return &rowTable[K, R]{pending: make(map[K]*rowEntry[K, R]), held: make(map[K]struct{}), put: put}
}

func putPuddle(batch *store.Batch, slot int, row *store.Puddle) {
	if row == nil {
		batch.PuddlesGone = append(batch.PuddlesGone, slot)
	} else {
		batch.Puddles = append(batch.Puddles, *row)
	}
}

func putRoom(batch *store.Batch, name string, row *store.Room) {
	if row == nil {
		batch.RoomsGone = append(batch.RoomsGone, name)
	} else {
		batch.Rooms = append(batch.Rooms, *row)
	}
}

// set makes row, or its absence where nil, what is pending of key.
func (t *rowTable[K, R]) set(key K, row *R) *rowEntry[K, R] {
	e := t.pending[key]
	if e == nil {
		e = &rowEntry[K, R]{key: key, table: t}
		t.pending[key] = e
	}
	e.row = row
	return e
}

func (t *rowTable[K, R]) hold(gone []K, rows []R, key func(R) K) {
	for _, k := range gone {
		delete(t.held, k)
	}
	for _, row := range rows {
		t.held[key(row)] = struct{}{}
	}
}

// rowEntry is a row that is to be written, or to go where it is nil.
type rowEntry[K comparable, R any] struct {
	placed
	key   K
	row   *R
	table *rowTable[K, R]
}

func (e *rowEntry[K, R]) idle(*registry) bool {
	_, held := e.table.held[e.key]
	return e.row == nil && !held
}

func (e *rowEntry[K, R]) settle(*registry) {}

func (e *rowEntry[K, R]) add(_ *registry, batch *store.Batch) int {
	e.table.put(batch, e.key, e.row)
	return 1
}

func (e *rowEntry[K, R]) forget(*registry) { delete(e.table.pending, e.key) }
