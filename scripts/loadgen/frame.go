package main

import (
	"encoding/binary"
	"errors"
)

// Opcodes of RFC 6455.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

const (
	finBit  = 0x80
	maskBit = 0x80
	// headMost is the longest head of a frame, in bytes.
	headMost = 14
)

var (
	errMasked     = errors.New("the server sent a masked frame; servers must not mask")
	errFragmented = errors.New("the server sent a fragment; whole messages were sent, whole ones are expected")
	errReserved   = errors.New("the server sent a frame with reserved bits; no extension was negotiated")
	errEndless    = errors.New("the server sent a frame of 2^31 bytes or more")
)

// A frame is one of the server's, its body still in the read buffer.
type frame struct {
	opcode byte
	body   []byte
}

// parseFrame takes the first frame of b and says how many bytes it was; 0 when
// b does not hold all of it.
func parseFrame(b []byte) (frame, int, error) {
	if len(b) < 2 {
		return frame{}, 0, nil
	}
	first, length, head := b[0], int(b[1]), 2
	if first&0xf0 != finBit || first&0x0f == 0 || length&maskBit != 0 {
		return frame{}, 0, refuseHead(first, length)
	}
	switch length {
	case 126:
		if len(b) < 4 {
			return frame{}, 0, nil
		}
		length, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return frame{}, 0, nil
		}
		wide := binary.BigEndian.Uint64(b[2:])
		if wide >= 1<<31 {
			return frame{}, 0, errEndless
		}
		length, head = int(wide), 10
	}
	if len(b)-head < length {
		return frame{}, 0, nil
	}
	return frame{first & 0x0f, b[head : head+length]}, head + length, nil
}

func refuseHead(first byte, length int) error {
	switch {
	case length&maskBit != 0:
		return errMasked
	case first&0x70 != 0:
		return errReserved
	default:
		return errFragmented
	}
}

// appendFrame appends a client's frame with a mask of zero, which leaves the
// body as it is.
func appendFrame(dst []byte, opcode byte, body []byte) []byte {
	dst = append(dst, finBit|opcode)
	switch n := len(body); {
	case n < 126:
		dst = append(dst, maskBit|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|127), uint64(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, body...)
}
