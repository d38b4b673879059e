// Package room is what a room is to the puddle that serves some of its
// members: who they are, which messages the log holds for them, and how far
// the fan-out has come. It is pure: no I/O, no goroutine, no clock.
package room

import "sort"

// Entry is one message in the room's stream, whose offsets count the bytes of
// all frames since the room was opened here.
type Entry struct {
	At     uint64 // log position of its record
	Start  uint64 // offset in the room's stream
	Size   uint32 // bytes of the frame
	Sender uint32 // the member that sent it, or NoSender
}

// End is the offset behind the entry.
func (e *Entry) End() uint64 { return e.Start + uint64(e.Size) }

// NoSender is the sender of a message that came from elsewhere.
const NoSender = ^uint32(0)

// Room is one room in one puddle.
//
// members: [0, waiting) have not the batch under way, [waiting, len) have it.
type Room struct {
	Name   string
	Queued bool // for fan-out

	Peers uint64   // puddles that have members of it, a bit each
	Refs  []uint64 // how each of them calls it; nil while there is none

	members []uint32
	waiting int

	entries []Entry
	first   int    // entries before it are trimmed
	begun   uint64 // the batch under way begins here
	sent    uint64 // and ends here: batches began up to here
	count   uint64 // the stream ends here
}

// New makes a room without members.
func New(name string) *Room { return &Room{Name: name} }

// Members is how many members are here.
func (r *Room) Members() int { return len(r.members) }

// Member is who sits in a seat.
func (r *Room) Member(seat uint32) uint32 { return r.members[seat] }

// Count is the end of the room's stream.
func (r *Room) Count() uint64 { return r.count }

// Add seats a member. It is at Count, not at its seat's Place, if messages are
// pending.
func (r *Room) Add(member uint32) (seat uint32) {
	r.members = append(r.members, member)
	return uint32(len(r.members) - 1)
}

// Move is a member that has got another seat.
type Move struct{ Member, Seat uint32 }

// Remove empties a seat and fills the gap so that who waits for the batch
// under way goes on waiting, and who has it does not get it again.
func (r *Room) Remove(seat uint32) (moves [2]Move, n int) {
	gap := int(seat)
	put := func(from int) {
		if from == gap {
			return
		}
		r.members[gap] = r.members[from]
		moves[n] = Move{r.members[gap], uint32(gap)}
		n++
		gap = from
	}
	if gap < r.waiting {
		r.waiting--
		put(r.waiting)
	}
	put(len(r.members) - 1)
	r.members = r.members[:len(r.members)-1]
	return moves, n
}

// Place is up to where a member in step has been sent the room's stream.
func (r *Room) Place(seat uint32) uint64 {
	if int(seat) < r.waiting {
		return r.begun
	}
	return r.sent
}

// Append adds a message to the stream.
func (r *Room) Append(at uint64, size, sender uint32) {
	r.entries = append(r.entries, Entry{At: at, Start: r.count, Size: size, Sender: sender})
	r.count += uint64(size)
}

// Pending tells whether some member waits for something.
func (r *Room) Pending() bool { return r.waiting > 0 || r.sent < r.count }

// Begin starts a batch of at most so many bytes, one message at least, unless
// one is under way or there is nothing to send.
func (r *Room) Begin(most int) {
	if r.waiting > 0 || r.sent == r.count {
		return
	}
	r.begun = r.sent
	for _, e := range r.From(r.begun) {
		if r.sent > r.begun && e.End() > r.begun+uint64(most) {
			break
		}
		r.sent = e.End()
	}
	r.waiting = len(r.members)
}

// Begun is where the batch under way begins.
func (r *Room) Begun() uint64 { return r.begun }

// Batch are the messages of the batch under way.
func (r *Room) Batch() []Entry {
	batch := r.From(r.begun)
	n := sort.Search(len(batch), func(i int) bool { return batch[i].Start >= r.sent })
	return batch[:n]
}

// Next takes the next member that waits for the batch under way.
func (r *Room) Next() (member uint32, ok bool) {
	if r.waiting == 0 {
		return 0, false
	}
	r.waiting--
	return r.members[r.waiting], true
}

// From are the messages that end behind offset.
func (r *Room) From(offset uint64) []Entry {
	live := r.entries[r.first:]
	n := sort.Search(len(live), func(i int) bool { return live[i].End() > offset })
	return live[n:]
}

// InStep tells whether a member that has been sent the stream up to place is
// where its seat is and may simply be sent the next batch: none of what is to
// come is its own.
func (r *Room) InStep(member, seat uint32, place uint64) bool {
	if place != r.Place(seat) {
		return false
	}
	for _, e := range r.From(place) {
		if e.Sender == member {
			return false
		}
	}
	return true
}

// Oldest is the log position of the first message that the fan-out has need
// of; false if it has none.
func (r *Room) Oldest() (at uint64, ok bool) {
	offset := r.sent
	if r.waiting > 0 {
		offset = r.begun
	}
	if rest := r.From(offset); len(rest) > 0 {
		return rest[0].At, true
	}
	return 0, false
}

// Trim forgets the messages that the log holds no more.
func (r *Room) Trim(tail uint64) {
	for r.first < len(r.entries) && r.entries[r.first].At < tail {
		r.first++
	}
	switch {
	case r.first == len(r.entries):
		r.Forget()
	case r.first > 64 && r.first > len(r.entries)/2:
		r.entries = r.entries[:copy(r.entries, r.entries[r.first:])]
		r.first = 0
	}
}

// Forget forgets all messages: nobody is behind.
func (r *Room) Forget() {
	const kept = 64 // a busy moment's memory is not kept for ever
	r.entries, r.first = r.entries[:0], 0
	if cap(r.entries) > kept {
		r.entries = nil
	}
}
