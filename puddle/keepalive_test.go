package puddle

import (
	"io"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

func TestSilentSocketsArePingedAndEnded(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.PingEvery, s.SilentAfter = time.Second, 3*time.Second })
	dead, alive := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat")
	begun := time.Now()
	for time.Since(begun) < 5*time.Second {
		op, payload, err := alive.next()
		if err != nil || op != opPing {
			t.Fatalf("heard op %d, %v; want a ping", op, err)
		}
		alive.say(frame(finalBit|opPong, payload))
	}
	dead.hears(opPing, "")
	if _, _, err := dead.next(); err != io.EOF {
		t.Errorf("who answers nothing: %v; want EOF", err)
	}
	alive.text("still in")
}

func TestHeadThatNeverEnds(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.HeaderTime = time.Second })
	c := dial(t, h.address[0])
	c.say([]byte("GET /chat HTTP/1.1\r\nHost: x\r\n"))
	if status := c.head(); status != 408 {
		t.Errorf("status %d; want 408", status)
	}
}

func TestHeadByteByByte(t *testing.T) {
	h := newHouse(t, 1, nil)
	c := dial(t, h.address[0])
	for _, b := range append([]byte(requestFor("/chat")), frame(finalBit|opPing, []byte("x"))...) {
		c.say([]byte{b})
		time.Sleep(100 * time.Microsecond)
	}
	if status := c.head(); status != 101 {
		t.Fatalf("status %d", status)
	}
	c.hears(opPong, "x")
}

func TestStopClosesEverybody(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat")
	a.text("last words")
	b.hears(opText, "last words")
	check(t, h.links[0].Send(ipc.ToPuddle{Stop: &ipc.Stop{Drain: int64(5 * time.Second)}}))
	a.closes(schema.CloseHouseStops)
	b.closes(schema.CloseHouseStops)
	a.Close()
	b.Close()
	if err := <-h.done[0]; err != nil {
		t.Error(err)
	}
	h.done[0] <- nil
}

func TestCloseOneSequence(t *testing.T) {
	h := newHouse(t, 1, nil)
	a := join(t, h.address[0], "/chat")
	var id schema.SequenceID
	for seen := range h.tables[0].Sequences {
		id = seen.ID
	}
	check(t, h.links[0].Send(ipc.ToPuddle{Close: &ipc.Close{Sequence: id, Code: schema.ClosePutOut, Reason: "by an operator"}}))
	a.closes(schema.ClosePutOut)
	h.await(0, func(w ipc.FromPuddle) bool { return w.Closed != nil && w.Closed.Found })
}

// When all are gone nothing is left: no socket, no room, no byte.
func TestNothingIsLeft(t *testing.T) {
	h := newHouse(t, 2, nil)
	var all []*client
	for n := range 40 {
		all = append(all, join(t, h.address[n%2], []string{"/a", "/b", "/c"}[n%3]))
	}
	for n, c := range all {
		c.text("hello")
		if n%3 == 0 {
			c.say(frame(finalBit|opClose, nil))
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
