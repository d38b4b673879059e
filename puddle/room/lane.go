package room

import "sort"

// Entry is one message in a lane's stream, whose offsets count the bytes of
// all frames since the lane was opened here.
type Entry struct {
	At     uint64 // log position of its record
	Start  uint64 // offset in the lane's stream
	Size   uint32 // bytes of the frame
	Sender uint32 // the member that sent it, or NoSender
}

// End is the offset behind the entry.
func (e *Entry) End() uint64 { return e.Start + uint64(e.Size) }

// NoSender is the sender of a message that came from elsewhere.
const NoSender = ^uint32(0)

// Lane is the fan-out of a room's messages in one protocol to those of its
// members who speak it.
//
// members: [0, waiting) have not the batch under way, [waiting, len) have it.
type Lane struct {
	members []uint32
	waiting int

	entries []Entry
	first   int    // entries before it are trimmed
	begun   uint64 // the batch under way begins here
	sent    uint64 // and ends here: batches began up to here
	count   uint64 // the stream ends here
}

// Members is how many members are here.
func (l *Lane) Members() int { return len(l.members) }

// Waiting is how many members wait for the batch under way.
func (l *Lane) Waiting() int { return l.waiting }

// Member is who sits in a seat.
func (l *Lane) Member(seat uint32) uint32 { return l.members[seat] }

// Count is the end of the lane's stream.
func (l *Lane) Count() uint64 { return l.count }

// Add seats a member. It is at Count, not at its seat's Place, if messages are
// pending.
func (l *Lane) Add(member uint32) (seat uint32) {
	l.members = append(l.members, member)
	return uint32(len(l.members) - 1)
}

// Move is a member that has got another seat.
type Move struct{ Member, Seat uint32 }

// Remove empties a seat and fills the gap so that who waits for the batch
// under way goes on waiting, and who has it does not get it again.
func (l *Lane) Remove(seat uint32) (moves [2]Move, n int) {
	gap := int(seat)
	put := func(from int) {
		if from == gap {
			return
		}
		l.members[gap] = l.members[from]
		moves[n] = Move{l.members[gap], uint32(gap)}
		n++
		gap = from
	}
	if gap < l.waiting {
		l.waiting--
		put(l.waiting)
	}
	put(len(l.members) - 1)
	l.members = l.members[:len(l.members)-1]
	return moves, n
}

// Place is up to where a member in step has been sent the lane's stream.
func (l *Lane) Place(seat uint32) uint64 {
	if int(seat) < l.waiting {
		return l.begun
	}
	return l.sent
}

// Append adds a message to the stream.
func (l *Lane) Append(at uint64, size, sender uint32) {
	l.entries = append(l.entries, Entry{At: at, Start: l.count, Size: size, Sender: sender})
	l.count += uint64(size)
}

// Settle says that who is in step has everything so far; it is for a lane
// that was filled anew from the log.
func (l *Lane) Settle() { l.waiting, l.begun, l.sent = 0, l.count, l.count }

// Before is the place of a member who is owed so many bytes of the stream, not
// counting its own messages; false if the lane does not hold as many.
func (l *Lane) Before(member uint32, owed uint64) (place uint64, ok bool) {
	place = l.count
	live := l.entries[l.first:]
	for n := len(live) - 1; n >= 0 && owed > 0; n-- {
		e := &live[n]
		place = e.Start
		if e.Sender == member {
			continue
		}
		if part := uint64(e.Size); part > owed {
			return e.End() - owed, true
		} else {
			owed -= part
		}
	}
	return place, owed == 0
}

// Pending tells whether some member waits for something.
func (l *Lane) Pending() bool { return l.waiting > 0 || l.sent < l.count }

// Begin starts a batch of at most so many bytes, one message at least, unless
// one is under way or there is nothing to send.
func (l *Lane) Begin(most int) {
	if l.waiting > 0 || l.sent == l.count {
		return
	}
	l.begun = l.sent
	for _, e := range l.From(l.begun) {
		if l.sent > l.begun && e.End() > l.begun+uint64(most) {
			break
		}
		l.sent = e.End()
	}
	l.waiting = len(l.members)
}

// Begun is where the batch under way begins.
func (l *Lane) Begun() uint64 { return l.begun }

// Batch are the messages of the batch under way.
func (l *Lane) Batch() []Entry {
	batch := l.From(l.begun)
	n := sort.Search(len(batch), func(i int) bool { return batch[i].Start >= l.sent })
	return batch[:n]
}

// Next takes the next member that waits for the batch under way.
func (l *Lane) Next() (member uint32, ok bool) {
	if l.waiting == 0 {
		return 0, false
	}
	l.waiting--
	return l.members[l.waiting], true
}

// From are the messages that end behind offset.
func (l *Lane) From(offset uint64) []Entry {
	live := l.entries[l.first:]
	n := sort.Search(len(live), func(i int) bool { return live[i].End() > offset })
	return live[n:]
}

// InStep tells whether a member that has been sent the stream up to place is
// where its seat is and may simply be sent the next batch: none of what is to
// come is its own.
func (l *Lane) InStep(member, seat uint32, place uint64) bool {
	if place != l.Place(seat) {
		return false
	}
	for _, e := range l.From(place) {
		if e.Sender == member {
			return false
		}
	}
	return true
}

// Oldest is the log position of the first message that the fan-out has need
// of; false if it has none.
func (l *Lane) Oldest() (at uint64, ok bool) {
	offset := l.sent
	if l.waiting > 0 {
		offset = l.begun
	}
	if rest := l.From(offset); len(rest) > 0 {
		return rest[0].At, true
	}
	return 0, false
}

// Trim forgets the messages that the log holds no more.
func (l *Lane) Trim(tail uint64) {
	for l.first < len(l.entries) && l.entries[l.first].At < tail {
		l.first++
	}
	switch {
	case l.first == len(l.entries):
		l.Forget()
	case l.first > 64 && l.first > len(l.entries)/2:
		l.entries = l.entries[:copy(l.entries, l.entries[l.first:])]
		l.first = 0
	}
}

// Forget forgets all messages: nobody is behind.
func (l *Lane) Forget() {
	const kept = 64 // a busy moment's memory is not kept for ever
	l.entries, l.first = l.entries[:0], 0
	if cap(l.entries) > kept {
		l.entries = nil
	}
}
