package puddle

import (
	"io"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

func TestSilentSocketsArePingedAndEnded(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.PingEvery, s.SilentAfter = time.Second, 3*time.Second })
	dead, alive := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat")
	begun := time.Now()
	for time.Since(begun) < 5*time.Second {
		op, payload, err := alive.Next()
		if err != nil || op != OpPing {
			t.Fatalf("heard op %d, %v; want a ping", op, err)
		}
		alive.Say(Frame(Final|OpPong, payload))
	}
	dead.Hears(OpPing, "")
	if _, _, err := dead.Next(); err != io.EOF {
		t.Errorf("who answers nothing: %v; want EOF", err)
	}
	alive.Text("still in")
}

func TestHeadThatNeverEnds(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.HeaderTime = time.Second })
	c := Dial(t, h.address[0])
	c.Say([]byte("GET /chat HTTP/1.1\r\nHost: x\r\n"))
	if status := c.Head(); status != 408 {
		t.Errorf("status %d; want 408", status)
	}
}

func TestHeadByteByByte(t *testing.T) {
	h := newHouse(t, 1, nil)
	c := Dial(t, h.address[0])
	for _, b := range append([]byte(RequestFor("/chat")), Frame(Final|OpPing, []byte("x"))...) {
		c.Say([]byte{b})
		time.Sleep(100 * time.Microsecond)
	}
	if status := c.Head(); status != 101 {
		t.Fatalf("status %d", status)
	}
	c.Hears(OpPong, "x")
}

func TestStopClosesEverybody(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat")
	a.Text("last words")
	b.Hears(OpText, "last words")
	Check(t, h.links[0].Send(ipc.ToPuddle{Stop: &ipc.Stop{Drain: int64(5 * time.Second)}}))
	a.Closes(schema.CloseHouseStops)
	b.Closes(schema.CloseHouseStops)
	a.Close()
	b.Close()
	if err := <-h.done[0]; err != nil {
		t.Error(err)
	}
	h.done[0] <- nil
}

func TestCloseOneSequence(t *testing.T) {
	h := newHouse(t, 1, nil)
	a := Join(t, h.address[0], "/chat")
	var id schema.SequenceID
	for seen := range h.tables[0].Sequences {
		id = seen.ID
	}
	Check(t, h.links[0].Send(ipc.ToPuddle{Close: &ipc.Close{Sequence: id, Code: schema.ClosePutOut, Reason: "by an operator"}}))
	a.Closes(schema.ClosePutOut)
	h.await(0, func(w ipc.FromPuddle) bool { return w.Closed != nil && w.Closed.Found })
}

// When all are gone nothing is left: no socket, no room, no byte.
func TestNothingIsLeft(t *testing.T) {
	h := newHouse(t, 2, nil)
	var all []*Client
	for n := range 40 {
		all = append(all, Join(t, h.address[n%2], []string{"/a", "/b", "/c"}[n%3]))
	}
	for n, c := range all {
		c.Text("hello")
		if n%3 == 0 {
			c.Say(Frame(Final|OpClose, nil))
		}
	}
	for _, c := range all {
		c.Close()
	}
	for slot, tb := range h.tables {
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			left := tb.Count(table.RoomsHere)
			for state := schema.Handshake; state < schema.States; state++ {
				left += tb.Count(table.StateGauge + table.Counter(state))
			}
			for range tb.Sequences {
				left++
			}
			if left == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("puddle %d: %d are left", slot, left)
			}
		}
	}
}
