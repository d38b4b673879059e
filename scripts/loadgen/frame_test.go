package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// served is a frame as a server sends it: without a mask.
func served(opcode byte, body []byte) []byte {
	b := []byte{finBit | opcode}
	switch n := len(body); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, body...)
}

var lengths = []int{0, 1, 64, 125, 126, 127, 65535, 65536, 100_000}

func TestFramesOfEveryLength(t *testing.T) {
	for _, n := range lengths {
		body := bytes.Repeat([]byte{'x'}, n)
		b := append(served(opBinary, body), 0x81)
		f, used, err := parseFrame(b)
		if err != nil || used != len(b)-1 || f.opcode != opBinary || !bytes.Equal(f.body, body) {
			t.Errorf("a body of %d: opcode %d, %d bytes of body, %d used of %d, %v", n, f.opcode, len(f.body), used, len(b)-1, err)
		}
	}
}

func TestACutFrameIsWaitedFor(t *testing.T) {
	for _, n := range lengths {
		b := served(opText, make([]byte, n))
		for _, cut := range []int{0, 1, 2, 3, 4, 9, 10, len(b) / 2, len(b) - 1} {
			if cut >= len(b) {
				continue
			}
			if _, used, err := parseFrame(b[:cut]); used != 0 || err != nil {
				t.Errorf("a body of %d cut at %d: %d used, %v", n, cut, used, err)
			}
		}
	}
}

func TestWhatAServerMustNotSend(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"masked":       {[]byte{0x82, 0x80, 0, 0, 0, 0}, errMasked},
		"first part":   {[]byte{0x02, 0x00}, errFragmented},
		"continuation": {[]byte{0x80, 0x00}, errFragmented},
		"compressed":   {[]byte{0xc2, 0x00}, errReserved},
		"endless":      {[]byte{0x82, 127, 0, 0, 0, 0, 0x80, 0, 0, 0}, errEndless},
	} {
		if _, _, err := parseFrame(c.b); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOurFramesAreMaskedWithZero(t *testing.T) {
	for _, n := range lengths {
		body := bytes.Repeat([]byte{'y'}, n)
		ours := appendFrame(nil, opPong, body)
		theirs := served(opPong, body)
		head := len(theirs) - n
		want := bytes.Clone(theirs[:head])
		want[1] |= maskBit
		want = append(append(want, 0, 0, 0, 0), body...)
		if !bytes.Equal(ours, want) {
			t.Errorf("a body of %d: head % x, want % x", n, ours[:head+4], want[:head+4])
		}
	}
}

func BenchmarkParseFrame(b *testing.B) {
	burst := bytes.Repeat(served(opBinary, make([]byte, 64)), 64)
	for b.Loop() {
		for rest := burst; len(rest) > 0; {
			_, used, _ := parseFrame(rest)
			rest = rest[used:]
		}
	}
}
