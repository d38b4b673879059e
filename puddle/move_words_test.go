package puddle

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// atOnce says words so that they come together.
func (h *house) atOnce(slot int, words ...ipc.ToPuddle) {
	h.t.Helper()
	var all []byte
	for _, word := range words {
		body := ipc.Encode(word)
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(body))), body...)
	}
	_, err := h.links[slot].Unix().Write(all)
	Check(h.t, err)
}

// What the supervisor says while sockets move is done when they have, before
// what it says then.
func TestWordsWaitInOrder(t *testing.T) {
	h := newHouse(t, 2, nil)
	a, b := Join(t, h.address[1], "/a"), Join(t, h.address[1], "/a")
	rules := func(size int) ipc.ToPuddle {
		h.desk.say("a", fmt.Sprintf(`{"size":%d}`, size))
		return ipc.ToPuddle{Room: h.desk.facts("a")}
	}
	for n := range 20 {
		number, size := uint64(n+1), 100+n
		h.atOnce(1,
			ipc.ToPuddle{Expect: &ipc.Expect{Number: number, From: 0, Rooms: []string{"a"}}},
			rules(10),
			ipc.ToPuddle{MoveOff: &ipc.MoveOff{Number: number}},
			rules(size),
			ipc.ToPuddle{Close: &ipc.Close{Sequence: 1}})
		h.await(1, func(w ipc.FromPuddle) bool { return w.Closed != nil })
		time.Sleep(5 * time.Millisecond)
		text := fmt.Sprintf("%0*d", size, n)
		a.Text(text)
		b.Hears(OpText, text)
	}
}
