package main

import (
	"bytes"
	"encoding/binary"
)

// bodyLeast is the shortest body, in bytes: the intended time of sending
// (CLOCK_MONOTONIC ns, 8), the sender's number of the message (4), room (4),
// member (4) and the run's tag (4). What follows is filler.
const bodyLeast = 24

// A message is what a body says.
type message struct {
	intended     int64
	number       uint32
	room, member int32
}

// filler is what follows in a body of size bytes.
func filler(size int) []byte {
	return bytes.Repeat([]byte("porthouse"), size/9+1)[:size-bodyLeast]
}

// stamp writes m over a body.
func (m message) stamp(body []byte, tag uint32) {
	binary.LittleEndian.PutUint64(body, uint64(m.intended))
	binary.LittleEndian.PutUint32(body[8:], m.number)
	binary.LittleEndian.PutUint32(body[12:], uint32(m.room))
	binary.LittleEndian.PutUint32(body[16:], uint32(m.member))
	binary.LittleEndian.PutUint32(body[20:], tag)
}

// readMessage reads a body; ok is false when it is not byte for byte one of
// the run's.
func readMessage(body []byte, tag uint32, filler []byte) (m message, ok bool) {
	if len(body) != bodyLeast+len(filler) || binary.LittleEndian.Uint32(body[20:]) != tag {
		return m, false
	}
	m.intended = int64(binary.LittleEndian.Uint64(body))
	m.number = binary.LittleEndian.Uint32(body[8:])
	m.room = int32(binary.LittleEndian.Uint32(body[12:]))
	m.member = int32(binary.LittleEndian.Uint32(body[16:]))
	return m, bytes.Equal(body[bodyLeast:], filler)
}

// A burst is some frames of one sender, to be written at once.
type burst struct {
	frames []byte
	stride int // bytes from a frame to the next
	head   int // bytes of a frame before its body
	tag    uint32
}

func newBurst(count, size int, tag uint32) *burst {
	body := append(make([]byte, bodyLeast), filler(size)...)
	one := appendFrame(nil, opBinary, body)
	return &burst{
		frames: bytes.Repeat(one, count),
		stride: len(one),
		head:   len(one) - size,
		tag:    tag,
	}
}

// stamp numbers the frames from m.number on and returns all their bytes.
func (b *burst) stamp(m message) []byte {
	for at := b.head; at < len(b.frames); at += b.stride {
		m.stamp(b.frames[at:], b.tag)
		m.number++
	}
	return b.frames
}
