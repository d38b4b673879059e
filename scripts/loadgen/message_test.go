package main

import "testing"

func TestABurstIsReadBack(t *testing.T) {
	const size, count, tag = 200, 3, 77
	b := newBurst(count, size, tag).stamp(message{intended: 1e15, number: 9, room: 4, member: 2})
	for i := range count {
		head := len(b)/count - size
		body := b[i*len(b)/count+head:][:size]
		m, ok := readMessage(body, tag, filler(size))
		if want := (message{1e15, uint32(9 + i), 4, 2}); !ok || m != want {
			t.Errorf("message %d: %+v, %v; want %+v", i, m, ok, want)
		}
	}
}

func TestAChangedByteIsNoMessageOfOurs(t *testing.T) {
	const size, tag = 64, 77
	for _, at := range []int{20, bodyLeast, size - 1} {
		frame := newBurst(1, size, tag).stamp(message{})
		body := frame[len(frame)-size:]
		body[at] ^= 1
		if _, ok := readMessage(body, tag, filler(size)); ok {
			t.Errorf("byte %d was changed and nobody saw it", at)
		}
	}
	if _, ok := readMessage(make([]byte, size-1), 0, filler(size)); ok {
		t.Error("a shorter body was taken")
	}
}
