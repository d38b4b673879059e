package puddle

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// mayBecomeText tells, rune by rune, whether b may go on to be UTF-8.
func mayBecomeText(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return !utf8.FullRune(b)
		}
		b = b[size:]
	}
	return true
}

// However a text is cut, it is refused at the very byte that ends its hopes,
// and taken where it is UTF-8.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"κόσμε", "\xed\xa0\x80", "a\xf4\x90", "\xf0\x9f\x92\xa1", "\xe2\x82", "\xc0\x80", "plain"} {
		f.Add([]byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, cuts uint64) {
		random := rand.New(rand.NewPCG(cuts, 0))
		h := ws.Header{Length: int64(len(b)), Mask: [4]byte{1, 2, 3, 4}}
		masked := append([]byte(nil), b...)
		ws.Cipher(masked, h.Mask, 0)
		var text partText
		var plain [textPiece]byte
		for end := 0; end < len(b); {
			end = min(end+1+random.IntN(5), len(b))
			good := text.goOn(&plain, h, masked[:end])
			if good != mayBecomeText(b[:end]) {
				t.Fatalf("%q may go on to be UTF-8: said %v", b[:end], good)
			}
			if !good {
				return
			}
		}
		if text.check.done() != utf8.Valid(b) {
			t.Fatalf("%q is UTF-8: said %v", b, text.check.done())
		}
	})
}

func TestTextAllocatesNothing(t *testing.T) {
	h := ws.Header{Length: 60_000, Mask: [4]byte{1, 2, 3, 4}}
	masked := make([]byte, h.Length)
	p := &Puddle{}
	if n := testing.AllocsPerRun(10, func() {
		var text partText
		for end := 1000; end <= len(masked); end += 1000 {
			text.goOn(&p.unmasked, h, masked[:end])
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPartText(b *testing.B) {
	h := ws.Header{Length: 60_000}
	for name, text := range map[string]string{"ascii": "plain text ", "greek": "κόσμε", "mixed": "größer ▶ 日本 "} {
		masked := make([]byte, 0, h.Length+64)
		for len(masked) < int(h.Length) {
			masked = append(masked, text...)
		}
		b.Run(name, func(b *testing.B) {
			p := &Puddle{}
			b.SetBytes(h.Length)
			for b.Loop() {
				var part partText
				part.goOn(&p.unmasked, h, masked)
			}
		})
	}
}
