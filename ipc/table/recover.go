package table

import (
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/porthouse/porthouse/schema"
)

// What a successor does with a table before it serves it (DESIGN.md,
// "Recovery").

// Freeze says that the process leaves everything in order: Behind and Done of
// each socket are right, and nothing was taken in that is not settled or in a
// span. It is its last store.
func (t *Table) Freeze() { atomic.StoreUint64(&t.h.frozen, t.h.generation) }

// Thaw takes Freeze back, before the first change.
func (t *Table) Thaw() { atomic.StoreUint64(&t.h.frozen, 0) }

// Frozen tells whether the last process left everything in order.
func (t *Table) Frozen() bool {
	frozen := atomic.LoadUint64(&t.h.frozen)
	return frozen != 0 && frozen == t.h.generation
}

// Recover makes the table whole again after a process that served it has
// ended, at whatever instruction: it replays the log, finds what of the slab
// is free, and leaves the registry to look at the sockets. It changes nothing
// when it is done twice.
func (t *Table) Recover() error {
	for at := t.h.tail; at < t.h.head; {
		r := t.At(at)
		if r.Size == 0 || uint64(r.Size) > t.h.head-at {
			return fmt.Errorf("table: no record at %d of the log, which goes from %d to %d", at, t.h.tail, t.h.head)
		}
		if r.Kind != Pad {
			t.apply(r)
		}
		at += uint64(r.Size)
	}
	t.touched = uint64(len(t.log))
	t.findFree()
	t.findExtents()
	t.LeaveFollower()
	return nil
}

// Records calls f with every record from tail to head, in order.
func (t *Table) Records(f func(at uint64, r *Record)) {
	for at := t.h.tail; at < t.h.head; {
		r := t.At(at)
		if r.Kind != Pad {
			f(at, r)
		}
		at += uint64(r.Size)
	}
}

// findFree makes the lists of free entries. An entry that was being freed is
// cleared for good.
func (t *Table) findFree() {
	t.freeSockets = freeList{limit: uint32(len(t.Sockets))}
	for i := range t.Sockets {
		s := &t.Sockets[i]
		switch {
		case s.ID != 0:
			t.freeSockets.next = uint32(i) + 1
		case s.Since == 0 && s.Room == 0: // never used, and none after it
			t.clearBetween(&t.freeSockets, func(i uint32) bool { return t.Sockets[i].ID == 0 }, func(i uint32) { t.Sockets[i] = Socket{Room: NoRoom} })
			t.findFreeRooms()
			return
		}
	}
	t.clearBetween(&t.freeSockets, func(i uint32) bool { return t.Sockets[i].ID == 0 }, func(i uint32) { t.Sockets[i] = Socket{Room: NoRoom} })
	t.findFreeRooms()
}

func (t *Table) findFreeRooms() {
	t.freeRooms = freeList{limit: uint32(len(t.Rooms))}
	for i := range t.Rooms {
		r := &t.Rooms[i]
		if r.Ref != 0 {
			t.freeRooms.next = uint32(i) + 1
		} else if r.Length == 0 {
			break // never used, and none after it
		}
	}
	t.clearBetween(&t.freeRooms, func(i uint32) bool { return t.Rooms[i].Ref == 0 }, func(i uint32) { t.Rooms[i] = Room{Length: 1} })
}

func (t *Table) clearBetween(f *freeList, free func(uint32) bool, clear func(uint32)) {
	for i := range f.next {
		if free(i) {
			clear(i)
			f.give(i)
		}
	}
}

// eachSpan calls f with every reference to the slab.
func (t *Table) eachSpan(f func(*Span)) {
	for i := range t.freeSockets.next {
		s := &t.Sockets[i]
		f(&s.Part)
		f(&s.Spill)
		f(&s.Self)
	}
	for i := range t.freeRooms.next {
		f(&t.Rooms[i].Facts)
	}
	for n := range t.h.peers {
		f(&t.h.peers[n].Aside)
	}
}

// findExtents finds what of the slab is free: what nothing refers to.
func (t *Table) findExtents() {
	var held []uint64
	t.eachSpan(func(s *Span) {
		if !s.Empty() {
			held = append(held, s.at())
		}
	})
	slices.Sort(held)
	s := &t.slab
	*s = slab{mem: s.mem}
	for _, at := range held {
		s.carve(at - s.next)
		size := uint64(extentAt(s.mem, at).size)
		s.next = at + size
		s.live++
		s.used += int(size)
	}
	s.most = uint64(len(s.mem)) // what a former process has touched
}

// carve makes free extents of the next bytes.
func (s *slab) carve(gap uint64) {
	for units := gap / unit; units > 0; {
		class := min(bits.Len64(units)-1, classes-1)
		s.free[class] = append(s.free[class], uint32(s.next/unit))
		s.next += unit << class
		units -= 1 << class
	}
}

// Reading is the last read that was begun: of which socket, from which of its
// inbound offsets on, and the bytes that may have come.
func (t *Table) Reading() (socket uint32, from uint64, buffer []byte, ok bool) {
	reading := t.h.reading
	if reading == 0 || reading > uint64(len(t.Sockets)) {
		return 0, 0, nil, false
	}
	return uint32(reading - 1), t.h.readingFrom, t.read, true
}

// Source is whom something comes from that is taken in: a socket, or a peer's
// slot.
type Source struct {
	Socket uint32 // or NoSocket
	Slot   int
}

const peerDoing = 1 << 32

func (s Source) word() uint64 {
	if s.Socket != NoSocket {
		return uint64(s.Socket) + 1
	}
	return peerDoing + uint64(s.Slot)
}

// Do notes that something is taken in that has more than one effect: it came
// from source, whose In or Heard is at. Until that has moved on, or Done, a
// successor does it again and leaves out what records from here on have done.
func (t *Table) Do(source Source, at uint64) {
	atomic.StoreUint64(&t.h.doing, 0)
	t.h.doingFrom, t.h.doingAt = t.h.head, at
	atomic.StoreUint64(&t.h.doing, source.word())
	point()
}

// Done ends Do.
func (t *Table) Done() {
	point()
	atomic.StoreUint64(&t.h.doing, 0)
	point()
}

// Doing is what was being taken in, if it is not settled.
func (t *Table) Doing() (source Source, from uint64, ok bool) {
	word := t.h.doing
	switch {
	case word == 0:
		return source, 0, false
	case word >= peerDoing:
		source = Source{NoSocket, int(word - peerDoing)}
		return source, t.h.doingFrom, t.h.peers[source.Slot].Heard == t.h.doingAt
	}
	source = Source{Socket: uint32(word - 1)}
	s := &t.Sockets[source.Socket]
	return source, t.h.doingFrom, s.ID != 0 && s.In == t.h.doingAt
}

// Dealing, where a test has set it, is called with each sequence that is dealt
// with.
var Dealing func(schema.SequenceID)

// Deal notes whom the process is dealing with alone, 0 for nobody: should it
// end by itself, that one may be why.
func (t *Table) Deal(id schema.SequenceID) {
	t.h.dealing = uint64(id)
	if Dealing != nil {
		Dealing(id)
	}
}

// SetSpan makes the span at *ref hold b alone. false: the slab is full and
// nothing changed.
func (t *Table) SetSpan(ref *Span, b []byte) bool {
	if len(b) == 0 {
		t.Drop(ref)
		return true
	}
	at, ok := t.slab.take(len(b))
	if !ok {
		return false
	}
	extentAt(t.slab.mem, at).from = 0
	copy(t.slab.mem[at+uint64(extentSize):], b)
	old := *ref
	point()
	atomic.StoreUint64((*uint64)(ref), uint64(spanOf(at, len(b))))
	point()
	if !old.Empty() {
		t.slab.give(old.at())
	}
	return true
}

// SetGauge stores a gauge anew.
func (t *Table) SetGauge(c Counter, n int) { atomic.StoreUint64(&t.h.counters[c], uint64(n)) }

// SocketsTaken is how many entries of Sockets were ever used: those behind are
// free.
func (t *Table) SocketsTaken() uint32 { return t.freeSockets.next }

// RoomsTaken is how many entries of Rooms were ever used.
func (t *Table) RoomsTaken() uint32 { return t.freeRooms.next }
