package keeper

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// Held names a socket: its entry in the slot's table and its sequence id.
type Held struct {
	Index uint32
	ID    schema.SequenceID
}

// Word is what a keeper says to a puddle.
type Word uint8

// The words.
const (
	NewSupervisor Word = iota + 1 // comes with the puddle's end of a fresh link to a new supervisor
)

// op is the first byte of each message. All numbers are little endian.
type op uint8

// What a puddle says and, the first two, a keeper to a successor.
const (
	opKeep op = iota + 1 // heldBytes for each socket, in the order of the descriptors
	opDrop               // heldBytes for each socket
	opEnd
)

// What a keeper says, to a successor and to a puddle.
const (
	opEnded op = iota + 32 // how many sockets there are, 4 bytes
	opWord                 // the word, 1 byte, and its descriptor
)

// What a supervisor asks. The request's number, 4 bytes, comes first.
const (
	opHold     op = iota + 64 // slot, generation: 8 bytes each; executable
	opServe                   // pid, 8 bytes
	opFeed                    //
	opPromote                 // pid, 8 bytes
	opStopFeed                //
	opInventory
	opPassSupervisor
	opSockets
	opDismiss
)

// What a keeper answers. The request's number, 4 bytes, comes first.
const (
	opDone    op = iota + 128 // what was asked for
	opRefused                 // why: a text
)

const (
	descriptorsMost = 253      // of a message: SCM_MAX_FD
	heldBytes       = 12       // index, sequence id
	dropsMost       = 340      // of a message
	messageMost     = 8 << 10  // bytes; an executable's path is 4 KiB at most
	indexMost       = 1 << 24  // of a slot's entries
	pairBuffer      = 4 << 20  // the kernel may give less
	feedBuffer      = 32 << 10 // about 15 full messages are on their way at once
)

func appendHeld(b []byte, h Held) []byte {
	b = binary.LittleEndian.AppendUint32(b, h.Index)
	return binary.LittleEndian.AppendUint64(b, uint64(h.ID))
}

// takeHeld reads the first name of b.
func takeHeld(b []byte) (h Held, rest []byte) {
	h.Index = binary.LittleEndian.Uint32(b)
	h.ID = schema.SequenceID(binary.LittleEndian.Uint64(b[4:]))
	return h, b[heldBytes:]
}

// Pair makes two connected SOCK_SEQPACKET sockets, close-on-exec and
// non-blocking. Whoever gives one away must close it afterwards: each end
// learns of the other's death only when no duplicate of that is left.
func Pair() (ours, theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("socketpair: %w", err)
	}
	for _, fd := range pair {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, pairBuffer); err != nil {
			unix.Close(pair[0])
			unix.Close(pair[1])
			return -1, -1, fmt.Errorf("socketpair: %w", err)
		}
	}
	return pair[0], pair[1], nil
}
