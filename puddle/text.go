package puddle

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A text message that is not whole yet is checked as far as it has come (RFC
// 6455 section 8.1), so that who sends what is no UTF-8 hears of it at once.
// One that comes whole is checked whole, where it is taken. Nothing of this is
// in the table: who takes a socket over begins at In again.

// textPiece is how much is unmasked and checked at once, bytes: it stays in
// the first cache.
const textPiece = 4 << 10

// utf8Check is how far a text was found to be UTF-8: all but the begin of a
// character whose end has not come.
type utf8Check struct {
	begun [utf8.UTFMax]byte
	n     uint8 // of begun
}

// add goes on with b, which may end within a character. false: no text that
// begins so is UTF-8.
func (c *utf8Check) add(b []byte) bool {
	for c.n > 0 && len(b) > 0 {
		c.begun[c.n], b = b[0], b[1:]
		c.n++
		if begun := c.begun[:c.n]; utf8.FullRune(begun) {
			if r, size := utf8.DecodeRune(begun); r == utf8.RuneError && size == 1 {
				return false
			}
			c.n = 0
		}
	}
	whole := len(b) - unfinished(b)
	if whole < len(b) {
		c.n = uint8(copy(c.begun[:], b[whole:]))
	}
	return utf8.Valid(b[:whole])
}

// done tells whether the text ends with a whole character.
func (c *utf8Check) done() bool { return c.n == 0 }

// unfinished is how many bytes at the end of b are a character's begin.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// partText is what of a text message was checked before it was whole.
type partText struct {
	check utf8Check
	seen  int  // payload of the frame at hand, bytes
	begun bool // something was checked: the rest has to be, too
}

// goOn checks what has come of a frame's payload. false: it is not UTF-8.
func (t *partText) goOn(plain *[textPiece]byte, h ws.Header, masked []byte) bool {
	masked = masked[:min(int64(len(masked)), h.Length)]
	t.begun = true
	for t.seen < len(masked) {
		n := copy(plain[:], masked[t.seen:])
		ws.Cipher(plain[:n], h.Mask, t.seen%len(h.Mask))
		if t.seen += n; !t.check.add(plain[:n]) {
			return false
		}
	}
	if int64(t.seen) == h.Length {
		t.seen = 0 // of the next frame
	}
	return true
}
