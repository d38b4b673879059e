package ipc

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/porthouse/porthouse/schema"
)

// The words of a hand-over (architecture: start → fetch → freeze → adopt →
// serve → release).

// Keeper brings the link to a fresh keeper, as its descriptor: everything is
// to be kept anew.
type Keeper struct{}

// Freeze says: stop at the end of this turn, leave the table in order, answer
// Frozen and touch no socket again.
type Freeze struct{}

// Release says that the successor serves: end once the desk has no more to
// answer, Drain nanoseconds from now at most.
type Release struct{ Drain int64 }

// Fetched says that a successor has so many sockets' descriptors so far, which
// is all that there were a moment ago.
type Fetched struct{ Sockets int }

// Frozen says that everything is in the table.
type Frozen struct{}

// Adopted says that the successor serves.
type Adopted struct {
	Sockets int      // that it has taken over
	Lost    []string // what is lost, and why; nil: nothing
	Planned bool     // the one before had frozen
	Took    int64    // nanoseconds from the feed's end to serving
}

// Unkept says that the keeper is gone.
type Unkept struct{}

// Held tells a supervisor, in as many words as it takes, what it must know of
// the rooms and keys that a puddle had before.
type Held struct {
	Rooms    []HeldRoom
	Siblings []AskRegister
	Callers  map[string]int `msgpack:",omitempty"` // connections by address (AskCall); with Last
	First    bool           // what was told before is not so any more
	Last     bool           // that was all: what is not in them is not held
}

// HeldRoom is a room as Encode wrote it, and the grant by which it is held.
type HeldRoom struct {
	Room  []byte
	Grant uint64
}

// Stand tells a supervisor that has not heard all news, in as many words as it
// takes, what the table does not show of sockets: whose they are, and the rooms
// of those that are in several.
type Stand struct {
	Sequences []Standing
	First     bool // what was told before is not so any more
	Last      bool // that was all: the others are nobody's
}

// Standing is one of them.
type Standing struct {
	ID     schema.SequenceID
	Client string   `msgpack:",omitempty"`
	Rooms  []string `msgpack:",omitempty"` // nil where the table shows the room
}

// Self is what a puddle knows of a socket that is more than an anonymous raw
// one in one room, as it stands in the table.
type Self struct {
	Speaks uint8             `msgpack:"s,omitempty"`
	Piped  bool              `msgpack:"p,omitempty"`
	Warned bool              `msgpack:"w,omitempty"`
	Tries  uint8             `msgpack:"t,omitempty"`
	Spoke  uint32            `msgpack:"k,omitempty"`
	Pace   [2]int64          `msgpack:"c"`
	Who    *schema.Identity  `msgpack:"i,omitempty"`
	Door   *SelfDoor         `msgpack:"d,omitempty"`
	Rooms  []SelfRoom        `msgpack:"r,omitempty"`
	Key    string            `msgpack:"y,omitempty"`
	Main   schema.SequenceID `msgpack:"m,omitempty"` // the socket that it commands
	Entry  *SelfEntry        `msgpack:"e,omitempty"`
}

// SelfDoor is by which address it came.
type SelfDoor struct {
	Host   string   `msgpack:"h"`
	Origin []byte   `msgpack:"o"`
	Page   bool     `msgpack:"p"`
	Client string   `msgpack:"c"`
	Admits []string `msgpack:"a"`
}

// SelfRoom is a room that it is in.
type SelfRoom struct {
	Room   uint32   `msgpack:"r"`
	Ref    uint64   `msgpack:"f"`
	Bucket [2]int64 `msgpack:"b"`
	Over   [2]int64 `msgpack:"o"`

	Driven *SelfDriven `msgpack:"d,omitempty"`
}

// SelfDriven is where it stands with the room's driver: in which folder, which
// file its next bytes are, both before and after the message that ends at an
// inbound offset.
type SelfDriven struct {
	Folder       string `msgpack:"f,omitempty"`
	File         string `msgpack:"n,omitempty"`
	FolderBefore string `msgpack:"g,omitempty"`
	FileBefore   string `msgpack:"m,omitempty"`
	After        uint64 `msgpack:"a"`
}

// SelfEntry is the room that asks it for something.
type SelfEntry struct {
	Room     string `msgpack:"r"`
	Tries    uint8  `msgpack:"t"`
	Deadline uint32 `msgpack:"d"` // seconds of the monotonic clock
}

// Encode is a Self, or a Room, as the table holds it.
func Encode(what any) []byte {
	b, err := msgpack.Marshal(what)
	if err != nil {
		panic(fmt.Sprintf("ipc: encode %T: %v", what, err)) // its types say that it cannot fail
	}
	return b
}

// Decode reads what Encode wrote.
func Decode(b []byte, into any) error {
	if err := msgpack.Unmarshal(b, into); err != nil {
		return fmt.Errorf("decode %T: %w", into, err)
	}
	return nil
}
