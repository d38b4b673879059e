package puddle

import (
	"io"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// From a sender's bytes to its receivers', in one puddle and over two, nothing
// is allocated: by the loop, by the mesh, or by what they call.
func TestNoAllocationPerMessage(t *testing.T) {
	for _, c := range []struct {
		name     string
		puddles  int
		offers   string // of those who hear
		frames   []byte
		messages int // in them; 0: one
	}{
		{"raw text", 1, "", Frame(Final|OpText, []byte("hello, everybody")), 0},
		{"raw bytes", 1, "", Frame(Final|OpBytes, make([]byte, 5000)), 0},
		{"fragments", 1, "", append(Frame(OpText, []byte("in ")), Frame(Final, []byte("two parts"))...), 0},
		{"sixteen in one read", 1, "", many(16, Frame(Final|OpText, []byte("hello"))), 16},
		{"to JSON", 1, JSON, Frame(Final|OpText, []byte("hello, everybody")), 0},
		{"to msgpack", 1, Msgpack, Frame(Final|OpText, []byte("hello, everybody")), 0},
		{"over two puddles", 2, "", Frame(Final|OpText, []byte("hello, everybody")), 0},
		{"over two puddles, to JSON", 2, JSON, Frame(Final|OpBytes, make([]byte, 500)), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.puddles, nil)
			speaker := Join(t, h.address[0], "/chat")
			var hear []*Client
			for n := range 6 {
				hear = append(hear, Open(t, h.address[n%c.puddles], "/chat", c.offers))
				if c.offers != "" {
					hear[n].Next() // it has joined
				}
			}
			speaker.Say(c.frames)
			sizes := make([]int, len(hear))
			buffers := make([][]byte, len(hear))
			for n, each := range hear {
				sizes[n] = sizeOf(t, each, max(c.messages, 1))
				buffers[n] = make([]byte, sizes[n])
			}
			round := func() {
				speaker.Conn.Write(c.frames)
				for n, each := range hear {
					if _, err := io.ReadFull(each.In, buffers[n]); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 500 { // what is kept grows to its size
				round()
			}
			if n := testing.AllocsPerRun(500, round); n != 0 {
				t.Errorf("%v allocations a message", n)
			}
		})
	}
}

func many(n int, frame []byte) (all []byte) {
	for range n {
		all = append(all, frame...)
	}
	return all
}

// sizeOf hears messages and tells how many bytes they were.
func sizeOf(t *testing.T, c *Client, messages int) (size int) {
	t.Helper()
	for range messages {
		_, payload, err := c.Next()
		Check(t, err)
		size += len(payload) + 2
		if len(payload) > 125 {
			size += 2
		}
	}
	return size
}
