package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Opcodes of RFC 6455.
const (
	opMore  = 0 // goes on with a message
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

const (
	finBit  = 0x80
	maskBit = 0x80
)

var errHead = errors.New("a frame with a head that no server may send")

// A frame is one of the server's, its body still in the read buffer.
type frame struct {
	opcode byte
	final  bool
	body   []byte
}

// parseFrame takes the first frame of b, of at most longest bytes, and says
// how many bytes it was; 0 when b does not hold all of it.
func parseFrame(b []byte, longest int) (frame, int, error) {
	if len(b) < 2 {
		return frame{}, 0, nil
	}
	length, head := uint64(b[1]), 2
	if b[0]&0x70 != 0 || b[1]&maskBit != 0 {
		return frame{}, 0, errHead
	}
	switch {
	case length == 126 && len(b) >= 4:
		length, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case length == 127 && len(b) >= 10:
		length, head = binary.BigEndian.Uint64(b[2:]), 10
	case length >= 126:
		return frame{}, 0, nil
	}
	if length > uint64(longest) {
		return frame{}, 0, fmt.Errorf("a frame of %d bytes, nobody sent one that long", length)
	}
	if uint64(len(b)-head) < length {
		return frame{}, 0, nil
	}
	end := head + int(length)
	return frame{b[0] & 0x0f, b[0]&finBit != 0, b[head:end]}, end, nil
}

// appendFrame appends a client's frame under a random mask.
func appendFrame(dst []byte, opcode byte, final bool, body []byte, r *rand.Rand) []byte {
	if final {
		opcode |= finBit
	}
	dst = append(dst, opcode)
	switch n := len(body); {
	case n < 126:
		dst = append(dst, maskBit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|127), uint64(n))
	}
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], r.Uint32())
	dst = append(dst, mask[:]...)
	for i, b := range body {
		dst = append(dst, b^mask[i&3])
	}
	return dst
}

// appendFragments appends a text in so many frames, cut at random places.
func appendFragments(dst []byte, body []byte, frames int, r *rand.Rand) []byte {
	opcode := byte(opText)
	for ; frames > 1; frames-- {
		at := r.IntN(len(body) + 1)
		dst = appendFrame(dst, opcode, false, body[:at], r)
		body, opcode = body[at:], opMore
	}
	return appendFrame(dst, opcode, true, body, r)
}

// cut is where to cut a frame in two: anywhere, its head included, with at
// least a byte on either side.
func cut(frame []byte, r *rand.Rand) (first, second []byte) {
	at := 1 + r.IntN(len(frame)-1)
	return frame[:at], frame[at:]
}

// closing is the code and reason of a close frame's body.
func closing(body []byte) string {
	if len(body) < 2 {
		return "1005"
	}
	return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(body), body[2:])
}

// appendClose appends a close frame with code 1000.
func appendClose(dst []byte, r *rand.Rand) []byte {
	return appendFrame(dst, opClose, true, []byte{1000 >> 8, 1000 & 0xff}, r)
}
