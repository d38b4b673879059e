package puddle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// conversation is what becomes of a client's bytes, as RFC 6455 and the
// settings have it: read slowly, one frame after the other.
type conversation struct {
	messages []string // "OPCODE PAYLOAD"
	pongs    []string
	code     schema.CloseCode // 0: the house says no close frame
}

type conversationLimits struct{ size, fragments, controls int }

func converse(b []byte, limit conversationLimits) (c conversation) {
	var message []byte
	var op byte
	fragments, controls := 0, 0
	for {
		frame, rest, code := readSlowly(b)
		switch {
		case code != 0:
			c.code = code
			return c
		case frame == nil:
			return c
		case frame.op >= OpClose && fragments > 0 && controls == limit.controls:
			c.code = schema.ClosePolicy
		case frame.op >= OpClose:
		case (frame.op == 0) != (fragments > 0):
			c.code = schema.CloseProtocol
		case frame.length > uint64(limit.size-len(message)):
			c.code = schema.CloseTooLarge
		case fragments == limit.fragments:
			c.code = schema.ClosePolicy
		}
		if c.code != 0 {
			return c
		}
		whole := uint64(len(frame.payload)) == frame.length
		if frame.op < OpClose {
			if fragments == 0 {
				op = frame.op
			}
			message = append(message, frame.payload...)
			if op == OpText && (!mayBecomeText(message) || whole && frame.final && !utf8.Valid(message)) {
				c.code = schema.CloseUTF8
				return c
			}
		}
		switch {
		case !whole:
			return c
		case frame.op == OpClose:
			c.code = answerTo(frame.payload)
			return c
		case frame.op == OpPing:
			c.pongs = append(c.pongs, string(frame.payload))
		case frame.op < OpClose && frame.final:
			c.messages = append(c.messages, fmt.Sprintf("%d %s", op, message))
			message, fragments, controls = nil, 0, 0
			b = rest
			continue
		}
		if frame.op < OpClose {
			fragments++
		} else if fragments > 0 {
			controls++
		}
		b = rest
	}
}

type slowFrame struct {
	final   bool
	op      byte
	length  uint64
	payload []byte // as much as there is
}

// readSlowly reads a frame; nil: its header is not there yet.
func readSlowly(b []byte) (f *slowFrame, rest []byte, code schema.CloseCode) {
	if len(b) < 2 {
		return nil, nil, 0
	}
	f = &slowFrame{final: b[0]&0x80 != 0, op: b[0] & 0xf, length: uint64(b[1] & 0x7f)}
	if b[0]&0x70 != 0 || f.op > 2 && f.op < 8 || f.op > 10 || b[1]&0x80 == 0 || f.op >= 8 && (!f.final || f.length > 125) {
		return nil, nil, schema.CloseProtocol
	}
	b = b[2:]
	if bytesMore := map[uint64]int{126: 2, 127: 8}[f.length]; bytesMore > 0 {
		if len(b) < bytesMore {
			return nil, nil, 0
		}
		var wide [8]byte
		copy(wide[8-bytesMore:], b)
		least := f.length
		f.length, b = binary.BigEndian.Uint64(wide[:]), b[bytesMore:]
		if least == 126 && f.length < 126 || least == 127 && f.length < 65536 || f.length > 1<<63-1 {
			return nil, nil, schema.CloseProtocol
		}
	}
	if len(b) < 4 {
		return nil, nil, 0
	}
	mask := b[:4]
	b = b[4:]
	n := int(min(f.length, uint64(len(b))))
	f.payload = make([]byte, n)
	for i := range n {
		f.payload[i] = b[i] ^ mask[i%4]
	}
	return f, b[n:], 0
}

func answerTo(payload []byte) schema.CloseCode {
	if len(payload) == 0 {
		return schema.CloseDone
	}
	if len(payload) == 1 {
		return schema.CloseProtocol
	}
	code := int(payload[0])<<8 | int(payload[1])
	known := slices.Contains([]int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}, code)
	switch {
	case !known && (code < 3000 || code > 4999):
		return schema.CloseProtocol
	case !utf8.Valid(payload[2:]):
		return schema.CloseUTF8
	}
	return schema.CloseCode(code)
}

// Whatever bytes come behind a handshake, in whatever pieces: the socket hears
// its pongs and the very close code, another member the very messages, and the
// house lives on.
func FuzzConversation(f *testing.F) {
	limit := conversationLimits{size: 65536, fragments: 8, controls: controlsLeast}
	h := newHouse(f, 1, func(s *schema.Settings) { s.Fragments = limit.fragments })
	member := Join(f, h.address[0], "/fuzz")
	for _, seed := range [][]byte{
		Frame(Final|OpText, []byte("hello")),
		slices.Concat(Frame(OpText, []byte("\xe2\x82")), Frame(Final|OpPing, []byte("p")), Frame(Final, []byte("\xac"))),
		slices.Concat(Frame(Final|OpText, []byte("a")), Frame(Final|OpClose, []byte("\x03\xe8bye"))),
		{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 'x'},
		slices.Concat(Frame(OpBytes, nil), bytes.Repeat(Frame(0, nil), 9)),
		bytes.Repeat(Frame(Final|OpPing, nil), 70),
		{0x01, 0x85, 0, 0, 0, 0, 0xed, 0xa0},
	} {
		f.Add(seed, uint16(0))
		f.Add(seed, uint16(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		want := converse(b, limit)
		c := Join(t, h.address[0], "/fuzz")
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		for rest := b; len(rest) > 0; {
			n := len(rest)
			if piece > 0 {
				n = min(n, int(piece))
			}
			if _, err := c.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		c.Conn.(*net.TCPConn).CloseWrite()
		var pongs []string
		code := schema.CloseCode(0)
		for {
			op, payload, err := c.Next()
			if err != nil {
				if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
					t.Fatal(err)
				}
				break
			}
			switch {
			case op == OpPong && code == 0:
				pongs = append(pongs, string(payload))
			case op == OpClose && code == 0 && len(payload) >= 2 && utf8.Valid(payload[2:]):
				code = schema.CloseCode(binary.BigEndian.Uint16(payload))
			default:
				t.Fatalf("%x: heard op %d %q", b, op, payload)
			}
		}
		if code != want.code || !slices.Equal(pongs, want.pongs) {
			t.Fatalf("%x: %d, pongs %q; want %d, %q", b, code, pongs, want.code, want.pongs)
		}
		member.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := member.Write(Frame(Final|OpPing, []byte("end"))); err != nil {
			t.Fatal(err)
		}
		var messages []string
		for {
			op, payload, err := member.Next()
			if err != nil {
				t.Fatal(err)
			}
			if op == OpPong {
				break
			}
			messages = append(messages, fmt.Sprintf("%d %s", op, payload))
		}
		if !slices.Equal(messages, want.messages) {
			t.Fatalf("%x: the room heard %q; want %q", b, messages, want.messages)
		}
	})
}
