package main

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

var testRandom = rand.New(rand.NewPCG(1, 2))

// unmask makes a server's frames of a client's, as a house does.
func unmask(t *testing.T, b []byte) []byte {
	t.Helper()
	var out []byte
	for len(b) > 0 {
		length, head := int(b[1]&^maskBit), 2
		if length == 126 {
			length, head = int(b[2])<<8|int(b[3]), 4
		}
		out = append(out, b[0], b[1]&^maskBit)
		out = append(out, b[2:head]...)
		mask := b[head : head+4]
		for i, c := range b[head+4 : head+4+length] {
			out = append(out, c^mask[i&3])
		}
		b = b[head+4+length:]
	}
	return out
}

func TestAFrameIsReadBack(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 4000} {
		body := bytes.Repeat([]byte("x"), size)
		b := unmask(t, appendFrame(nil, opText, true, body, testRandom))
		for short := range len(b) {
			if _, n, err := parseFrame(b[:short], 4000); n != 0 || err != nil {
				t.Fatalf("%d of %d bytes were taken for a frame: %d, %v", short, len(b), n, err)
			}
		}
		f, n, err := parseFrame(append(b, 0x81), 4000)
		if err != nil || n != len(b) || f.opcode != opText || !f.final || !bytes.Equal(f.body, body) {
			t.Errorf("%d bytes: %+v, %d, %v", size, f, n, err)
		}
	}
}

func TestGarbageIsNoFrame(t *testing.T) {
	for _, b := range []string{"\xc1\x00", "\x81\x80aaaa", "\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", "HTTP"} {
		if f, n, err := parseFrame([]byte(b), 4000); err == nil {
			t.Errorf("%q is %+v, %d bytes", b, f, n)
		}
	}
}

func TestFragmentsMakeTheWhole(t *testing.T) {
	body := []byte("a text that is cut anywhere")
	for frames := 1; frames <= 4; frames++ {
		b, whole := unmask(t, appendFragments(nil, body, frames, testRandom)), []byte{}
		for i := range frames {
			f, n, err := parseFrame(b, 100)
			if err != nil || n == 0 || f.final != (i == frames-1) || (f.opcode == opText) != (i == 0) {
				t.Fatalf("frame %d of %d: %+v, %d, %v", i, frames, f, n, err)
			}
			whole, b = append(whole, f.body...), b[n:]
		}
		if !bytes.Equal(whole, body) || len(b) != 0 {
			t.Errorf("%d frames make %q and leave %q", frames, whole, b)
		}
	}
}

func TestAFrameIsCutAnywhere(t *testing.T) {
	b := appendFrame(nil, opText, true, []byte("0123456789"), testRandom)
	places := map[int]bool{}
	for range 1000 {
		first, second := cut(b, testRandom)
		if len(first) == 0 || len(second) == 0 || !bytes.Equal(append(bytes.Clone(first), second...), b) {
			t.Fatalf("%x and %x of %x", first, second, b)
		}
		places[len(first)] = true
	}
	if len(places) != len(b)-1 {
		t.Errorf("cut at %d places of %d", len(places), len(b)-1)
	}
}
