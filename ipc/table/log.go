package table

import (
	"sync/atomic"

	"github.com/porthouse/porthouse/schema"
)

// Kind is what a record tells.
type Kind uint8

// The kinds of record.
const (
	Pad     Kind = iota // nothing: the rest of the ring, skipped
	Message             // a message to Room, from Socket or from a peer
	Own                 // a frame for Socket alone: pong, close, reply
	Join                // Socket is in Room from here on; its frame is the 101
	Stand               // Socket is a sequence that stands in no room; its frame is the 101
	Wide                // Socket's room is no longer its stream: it goes into several
	Narrow              // a message to some of Room's members, or with NoRoom to clients
	Leave               // Socket is not in Room from here on
	Gone                // the entry is about to be free
	Hold                // Room has its first member here
	Release             // Room has lost its last member here
	Tell                // a Hold said again, to peers that ask
	Fence               // of a move of sockets: Op and Extra are for the peers alone
)

// Record is one thing that happened. What follows a change of state is held
// as an after-image, so that to apply a record twice is to apply it once.
// Extra bytes and then the frame follow it in the ring.
type Record struct {
	Size   uint32 // of all of it, a multiple of 8
	Kind   Kind
	Op     uint8 // of a message: its WebSocket opcode
	State  schema.State
	From   uint8 // slot+1 of the peer that a message came from, 0: from Socket
	Extra  uint16
	Code   schema.CloseCode
	Frame  uint32 // bytes
	Socket uint32
	Room   uint32
	ID     schema.SequenceID
	Peers  uint64        // the puddles that must hear of it, a bit each
	In     uint64        // Socket's after it
	Ctl    uint64        // Socket's after it
	Base   uint64        // Socket's after it
	Count  [Lanes]uint64 // Room's after it
	Heard  uint64        // of From's log, after it
	Sizes  [Lanes]uint32 // of a message: how much of Frame is each lane's, in their order
	Lane   uint8         // of a join; of a message the lane that its sender sits in and does not hear it, or LaneNone
	Shared uint8         // of a message: a bit for each compressed lane whose frame is its plain lane's
	_      [2]byte
}

const align = 8

// ExtraMost is how many extra bytes a record can have.
const ExtraMost = 1<<16 - 1

// rewindBeyond is how far an empty log may have come before it starts again
// at the front, so that a house at rest touches few pages.
const rewindBeyond = 64 << 10

// Head is where the next record will be committed.
func (t *Table) Head() uint64 { return t.h.head }

// Tail is the oldest position that still holds.
func (t *Table) Tail() uint64 { return t.h.tail }

// Used is how many bytes of the log may not be overwritten.
func (t *Table) Used() uint64 { return t.h.head - t.h.tail }

// LogBytes is the log's size.
func (t *Table) LogBytes() uint64 { return uint64(len(t.log)) }

// Reserve makes a record with room for extra and frame bytes, not yet
// committed; nil if the log must move on first. One at a time.
func (t *Table) Reserve(kind Kind, extra, frame int) *Record {
	size := uint64(recordSize+extra+frame+align-1) &^ (align - 1)
	at := t.h.head & uint64(len(t.log)-1)
	left := uint64(len(t.log)) - at
	pad := uint64(0)
	if size > left {
		pad = left // a record never wraps
	}
	if t.Used()+pad+size > uint64(len(t.log)) {
		return nil
	}
	if pad > 0 {
		t.writePad(at, pad)
		at = 0
	}
	r := recordAt(t.log, at)
	*r = Record{
		Size: uint32(size), Kind: kind, Extra: uint16(extra), Frame: uint32(frame),
		Socket: NoSocket, Room: NoRoom,
	}
	return r
}

// writePad fills the ring's rest. Where less than a record is left, only Size
// and Kind fit, and only they are read.
func (t *Table) writePad(at, size uint64) {
	r := recordAt(t.log, at)
	r.Size, r.Kind = uint32(size), Pad
}

// Commit publishes the record: the one store that makes it have happened. It
// returns the position behind it, and has applied it to the table.
func (t *Table) Commit(r *Record) (at, end uint64) {
	at = t.h.head
	if left := uint64(len(t.log)) - at&uint64(len(t.log)-1); uint64(r.Size) > left {
		at += left
	}
	t.touched = max(t.touched, at&uint64(len(t.log)-1)+uint64(r.Size))
	end = at + uint64(r.Size)
	point()
	atomic.StoreUint64(&t.h.head, end)
	point()
	t.apply(r)
	point()
	if r.Kind.news() { // what has not happened must not be heard of
		if atomic.LoadUint64(&t.h.follow) >= t.h.newsTo {
			atomic.StoreUint64(&t.h.newsFrom, at)
		}
		atomic.StoreUint64(&t.h.newsTo, end)
	}
	return at, end
}

// news tells whether the registry wants to know.
func (k Kind) news() bool {
	switch k {
	case Join, Stand, Leave, Gone, Hold, Release:
		return true
	}
	return false
}

// apply stores a record's after-images. A successor does the same for every
// record from tail to head.
func (t *Table) apply(r *Record) {
	if r.From != 0 {
		peer := &t.h.peers[r.From-1]
		peer.Heard = max(peer.Heard, r.Heard)
	}
	if r.Kind == Message && r.Room != NoRoom {
		t.Rooms[r.Room].Count = r.Count
	}
	if r.Socket == NoSocket {
		return
	}
	s := &t.Sockets[r.Socket]
	if s.ID != r.ID {
		return // a former holder of the entry
	}
	s.In, s.Ctl = max(s.In, r.In), max(s.Ctl, r.Ctl)
	if r.Kind == Join || r.Kind == Stand {
		s.Flags |= FlagKnown
	}
	switch r.Kind {
	case Message:
		s.Base = r.Base
	case Own:
		s.Base, s.State, s.Code = r.Base, r.State, r.Code
	case Join:
		s.Base, s.State, s.Room, s.Lane = r.Base, r.State, r.Room, r.Lane
		if r.Lane == LaneNone {
			s.Room, s.Lane = NoRoom, LaneRaw
		}
	case Stand:
		s.Base, s.State = r.Base, r.State
	case Wide:
		s.Base, s.Room = r.Base, NoRoom
	case Leave:
		s.Base, s.State = r.Base, r.State
		if s.Room == r.Room {
			s.Room = NoRoom
		}
	}
}

// At is the record at a position between tail and head that a record begins at.
func (t *Table) At(position uint64) *Record {
	return recordAt(t.log, position&uint64(len(t.log)-1))
}

// Bytes are the record's frame, in the ring: they hold until the tail passes.
func (t *Table) Bytes(position uint64, r *Record) []byte {
	from := position&uint64(len(t.log)-1) + uint64(recordSize) + uint64(r.Extra)
	return t.log[from : from+uint64(r.Frame) : from+uint64(r.Frame)]
}

// LaneBytes are the frame of one lane, in the ring.
func (t *Table) LaneBytes(position uint64, r *Record, lane uint8) []byte {
	if r.Shared&(1<<lane) != 0 {
		lane -= Protocols
	}
	from := uint32(0)
	for before := range lane {
		if r.Shared&(1<<before) == 0 {
			from += r.Sizes[before]
		}
	}
	return t.Bytes(position, r)[from : from+r.Sizes[lane] : from+r.Sizes[lane]]
}

// ReservedAt is where a record that Reserve gave out will stand.
func (t *Table) ReservedAt(r *Record) uint64 {
	at := t.h.head
	if left := uint64(len(t.log)) - at&uint64(len(t.log)-1); uint64(r.Size) > left {
		at += left
	}
	return at
}

// ExtraBytes are what stands between a record and its frame.
func (t *Table) ExtraBytes(position uint64, r *Record) []byte {
	from := position&uint64(len(t.log)-1) + uint64(recordSize)
	return t.log[from : from+uint64(r.Extra)]
}

// FollowedTo is how far the registry has come: head, if it knows all news.
func (t *Table) FollowedTo() uint64 {
	if follow := atomic.LoadUint64(&t.h.follow); follow < t.h.newsTo {
		return max(follow, atomic.LoadUint64(&t.h.newsFrom))
	}
	return t.h.head
}

// LeaveFollower lets the log move on without the registry, which will read
// the sockets themselves instead.
func (t *Table) LeaveFollower() {
	atomic.StoreUint64(&t.h.followLost, 1)
	atomic.StoreUint64(&t.h.newsTo, 0)
}

// Rouse tells whether the registry dozes and is to be woken, once.
func (t *Table) Rouse() bool {
	return atomic.LoadUint64(&t.h.dozing) != 0 && atomic.SwapUint64(&t.h.dozing, 0) != 0
}

// Tidy gives back the pages that a busy moment has touched and that nobody
// has need of now. It is for quiet moments: what is touched again is made anew.
func (t *Table) Tidy() {
	if t.h.tail == t.h.head && t.touched > 2*rewindBeyond && t.h.head&uint64(len(t.log)-1) <= rewindBeyond {
		forget(t.log[2*rewindBeyond : (t.touched+page-1)&^(page-1)])
		t.touched = 0
	}
	t.slab.tidy()
}

// MoveOn lets everything before position be overwritten.
func (t *Table) MoveOn(position uint64) {
	if position > t.h.tail {
		atomic.StoreUint64(&t.h.tail, position)
		point()
	}
	if t.h.tail != t.h.head {
		return
	}
	// Empty: start again at the front, where the pages are warm.
	at := t.h.head & uint64(len(t.log)-1)
	if at < rewindBeyond {
		return
	}
	t.writePad(at, uint64(len(t.log))-at)
	atomic.StoreUint64(&t.h.head, t.h.head+uint64(len(t.log))-at)
	point()
	atomic.StoreUint64(&t.h.tail, t.h.head)
}
