package puddle

import (
	"io"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// Who finds the house full hears it, and finds it open when others have gone.
func TestFullHouse(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.Sockets = 8 })
	var in []*Client
	for range 8 {
		in = append(in, Join(t, h.address[0], "/chat"))
	}
	for range 20 {
		c := Dial(t, h.address[0])
		c.Write([]byte(RequestFor("/chat")))
		if status := c.Head(); status != 503 {
			t.Fatalf("status %d; want 503", status)
		}
		c.Close()
	}
	in[0].Text("undisturbed")
	in[7].Hears(OpText, "undisturbed")
	in[7].Say(Frame(Final|OpClose, nil))
	in[7].Closes(schema.CloseDone)
	in[7].Close()
	for status := 0; status != 101; {
		c := Dial(t, h.address[0])
		c.Write([]byte(RequestFor("/chat")))
		if status = c.Head(); status != 101 && status != 503 {
			t.Fatalf("status %d", status)
		}
		if status == 503 {
			io.Copy(io.Discard, c.In)
		}
	}
}
