package puddle

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// What our parser takes, gobwas reads the same; what it refuses, gobwas'
// checks refuse too or RFC 6455 does (masks, shortest form).
func FuzzFrames(f *testing.F) {
	f.Add(Frame(Final|OpText, []byte("hello")))
	f.Add(append(Frame(OpText, []byte("a")), Frame(Final, make([]byte, 70_000))...))
	f.Add(Frame(Final|OpPing, nil))
	f.Add([]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, size, fault := parseHeader(b)
		for cut := range min(len(b), 16) { // a prefix is never judged otherwise
			if _, s, early := parseHeader(b[:cut]); early != 0 && early != fault || s > cut {
				t.Fatalf("%x: fault %d after %d bytes, %d with all", b, early, cut, fault)
			}
		}
		if fault != 0 || size == 0 {
			return
		}
		want, err := ws.ReadHeader(bytes.NewReader(b))
		if err != nil || h != want || ws.HeaderSize(want) != size {
			t.Fatalf("%x: %+v of %d bytes; gobwas reads %+v, %v", b[:size], h, size, want, err)
		}
		if err := ws.CheckHeader(h, ws.StateServerSide|ws.StateFragmented); err != nil && h.OpCode == ws.OpContinuation {
			t.Fatalf("%+v: gobwas objects: %v", h, err)
		}
		end := size + int(h.Length)
		if h.Length > 1<<20 || end > len(b) || h.OpCode.IsControl() {
			return
		}
		m := message{op: h.OpCode, frames: b[:end], size: int(h.Length)}
		payload := append([]byte(nil), b[size:end]...)
		ws.Cipher(payload, h.Mask, 0)
		out := make([]byte, frameSize(m.size))
		rest := putHeader(out, m.op, m.size)
		m.copyTo(rest)
		back, err := ws.ReadFrame(bytes.NewReader(out))
		if err != nil || !bytes.Equal(back.Payload, payload) || back.Header.OpCode != h.OpCode {
			t.Fatalf("our frame reads as %+v, %v", back.Header, err)
		}
	})
}
