package table

import (
	"math/bits"
	"sync/atomic"
)

// Span is a run of bytes in the slab, of which a socket or a peer holds the
// only reference: where (in units of 256 bytes, from 1) and how long, in one
// word, so that one store moves it from one state to the next. 0 is none.
type Span uint64

func (s Span) at() uint64  { return uint64(s>>32)*unit - unit }
func (s Span) Len() int    { return int(uint32(s)) }
func (s Span) Empty() bool { return s == 0 }

func spanOf(at uint64, length int) Span {
	return Span((at+unit)/unit<<32 | uint64(uint32(length)))
}

const (
	unit     = 256
	classes  = 24 // 256 B to 2 GiB
	giveBack = 64 << 10
)

// extent stands before the bytes of a span.
type extent struct {
	from uint64 // stream offset of the first byte
	size uint32 // of the extent with this head: a power of two, or 0 for classes beyond
	_    uint32
}

// slab hands out extents. What is free is known to the serving process alone;
// a successor finds it out from the references.
type slab struct {
	mem  []byte
	free [classes][]uint32
	next uint64 // never handed out from here on
	most uint64 // next's highest, since tidy
	live int
	used int // bytes
}

func classOf(n int) int {
	units := (n + extentSize + unit - 1) / unit
	return bits.Len(uint(units - 1))
}

func (s *slab) take(n int) (uint64, bool) {
	class := classOf(n)
	if class >= classes {
		return 0, false
	}
	size := unit << class
	at := s.next
	if list := s.free[class]; len(list) > 0 {
		at = uint64(list[len(list)-1]) * unit
		s.free[class] = list[:len(list)-1]
	} else if s.next+uint64(size) > uint64(len(s.mem)) {
		return 0, false
	} else {
		s.next += uint64(size)
		s.most = max(s.most, s.next)
	}
	extentAt(s.mem, at).size = uint32(size)
	s.live++
	s.used += size
	return at, true
}

func (s *slab) give(at uint64) {
	size := int(extentAt(s.mem, at).size)
	s.live--
	s.used -= size
	if size >= giveBack {
		forget(s.mem[at : at+uint64(size)]) // a hole or not: the bytes are nobody's
	}
	if s.live == 0 {
		s.next = 0
		for class := range s.free {
			s.free[class] = s.free[class][:0]
		}
		return
	}
	class := bits.TrailingZeros(uint(size / unit))
	s.free[class] = append(s.free[class], uint32(at/unit))
}

// tidy gives the pages of an empty slab back.
func (s *slab) tidy() {
	if s.live == 0 && s.most > 0 {
		forget(s.mem[:(s.most+page-1)&^(page-1)])
		s.most = 0
	}
}

// SlabUsed is how many bytes of the slab are in use.
func (t *Table) SlabUsed() int { return t.slab.used }

// SpanBytes are the span's bytes and the stream offset of the first.
func (t *Table) SpanBytes(s Span) ([]byte, uint64) {
	if s.Empty() {
		return nil, 0
	}
	at := s.at()
	from := at + uint64(extentSize)
	return t.slab.mem[from : from+uint64(s.Len()) : from+uint64(s.Len())], extentAt(t.slab.mem, at).from
}

// Grow appends b to the span at *ref, which begins at stream offset from if
// it is none yet, and of whose first skip bytes nobody has need any more. The
// one store of *ref makes it so. false: the slab is full and nothing changed.
func (t *Table) Grow(ref *Span, skip int, from uint64, b ...[]byte) bool {
	more := 0
	for _, part := range b {
		more += len(part)
	}
	old := *ref
	if !old.Empty() && extentSize+old.Len()+more <= int(extentAt(t.slab.mem, old.at()).size) && skip < old.Len()/2+1 {
		t.fill(old.at(), old.Len(), b)
		point()
		atomic.StoreUint64((*uint64)(ref), uint64(spanOf(old.at(), old.Len()+more)))
		point()
		return true
	}
	kept, start := t.SpanBytes(old)
	if !old.Empty() {
		kept, from = kept[skip:], start+uint64(skip)
	}
	at, ok := t.slab.take(len(kept) + more)
	if !ok {
		return false
	}
	extentAt(t.slab.mem, at).from = from
	copy(t.slab.mem[at+uint64(extentSize):], kept)
	t.fill(at, len(kept), b)
	point()
	atomic.StoreUint64((*uint64)(ref), uint64(spanOf(at, len(kept)+more)))
	point()
	if !old.Empty() {
		t.slab.give(old.at())
	}
	return true
}

func (t *Table) fill(at uint64, behind int, b [][]byte) {
	to := at + uint64(extentSize+behind)
	for _, part := range b {
		to += uint64(copy(t.slab.mem[to:], part))
	}
}

// Cut leaves of a span its first bytes alone.
func (t *Table) Cut(ref *Span, length int) {
	if length == 0 {
		t.Drop(ref)
		return
	}
	point()
	atomic.StoreUint64((*uint64)(ref), uint64(spanOf(ref.at(), length)))
	point()
}

// Drop gives the span back.
func (t *Table) Drop(ref *Span) {
	old := *ref
	if old.Empty() {
		return
	}
	atomic.StoreUint64((*uint64)(ref), 0)
	point()
	t.slab.give(old.at())
}
