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

// stamp writes m over a body.
func (m message) stamp(body []byte, tag uint32) {
	binary.LittleEndian.PutUint64(body, uint64(m.intended))
	binary.LittleEndian.PutUint32(body[8:], m.number)
	binary.LittleEndian.PutUint32(body[12:], uint32(m.room))
	binary.LittleEndian.PutUint32(body[16:], uint32(m.member))
	binary.LittleEndian.PutUint32(body[20:], tag)
}

// readStamp reads a stamp; ok is false when it is not of this run.
func readStamp(stamp []byte, tag uint32) (m message, ok bool) {
	m.intended = int64(binary.LittleEndian.Uint64(stamp))
	m.number = binary.LittleEndian.Uint32(stamp[8:])
	m.room = int32(binary.LittleEndian.Uint32(stamp[12:]))
	m.member = int32(binary.LittleEndian.Uint32(stamp[16:]))
	return m, binary.LittleEndian.Uint32(stamp[20:]) == tag
}

// A burst is some frames of one sender, to be written at once.
type burst struct {
	form   *form
	frames []byte
	stride int // bytes from a frame to the next
	head   int // bytes of a frame before its stamp
	tag    uint32
}

func newBurst(count int, f *form, tag uint32) *burst {
	body := f.blank()
	one := appendFrame(nil, f.opcode, body)
	return &burst{
		form:   f,
		frames: bytes.Repeat(one, count),
		stride: len(one),
		head:   len(one) - len(body) + len(f.before),
		tag:    tag,
	}
}

// stamp numbers the frames from m.number on and returns all their bytes.
func (b *burst) stamp(m message) []byte {
	for at := b.head; at < len(b.frames); at += b.stride {
		b.form.write(b.frames[at:], m, b.tag)
		m.number++
	}
	return b.frames
}
