package ipc

import "github.com/porthouse/porthouse/schema"

// The words by which sockets move from one puddle to another while both live
// (puddle/move.go tells how).

// Expect says that sockets in these rooms will come from another puddle.
type Expect struct {
	Number uint64 // of the move
	From   int
	Rooms  []string
}

// Move says which sockets are to go to another puddle, which expects them.
type Move struct {
	Number    uint64
	To        int
	Rooms     []string // one that is in another room by then stays
	Sequences []schema.SequenceID
}

// MoveOff ends a move that has failed at the other puddle.
type MoveOff struct{ Number uint64 }

// Moving brings sockets on their way, from the one puddle to the supervisor
// and from there to the other, with a descriptor for each.
type Moving struct {
	Number  uint64
	From    int
	To      int
	Sockets []Moved
}

// MovedMost is how many sockets move at once.
const MovedMost = 128

// Moved is one socket on its way.
type Moved struct {
	ID     schema.SequenceID
	State  schema.State
	In     uint64 // inbound offset behind the last settled message
	Ctl    uint64 // behind the last settled control frame
	Sent   uint64 // bytes that it was sent
	Part   []byte `msgpack:",omitempty"` // what it said behind In
	Owed   []byte `msgpack:",omitempty"` // what it is owed, behind Sent
	Heard  uint32 // seconds of the monotonic clock
	Since  int64  // Unix ms
	Addr   [16]byte
	Port   uint16
	Agreed uint8       `msgpack:",omitempty"`
	Self   []byte      `msgpack:",omitempty"` // a Self without its rooms
	Rooms  []MovedRoom `msgpack:",omitempty"`
}

// MovedRoom is a room that it is in.
type MovedRoom struct {
	Name   string
	Bucket [2]int64
	Over   [2]int64
	Driven *SelfDriven `msgpack:",omitempty"`
}

// MoveDone tells the supervisor which sockets have moved: the mover's word,
// with which the move is over everywhere, or either's with why it failed.
type MoveDone struct {
	Number uint64
	Moved  []schema.SequenceID
	Failed string // why none did
}
