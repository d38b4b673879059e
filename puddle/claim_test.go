package puddle

import (
	"testing"

	"github.com/porthouse/porthouse/ipc"
	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// While a sibling's message waits for the word on its key, its main leaves the
// room and comes again: the room that it is in then hears it.
func TestRoomComesAgainWhileAKeyIsAsked(t *testing.T) {
	h := newHouse(t, 1, nil)
	claim := make(chan uint64, 1)
	h.desk.takeClaims(func(id uint64) { claim <- id })
	const key = "0123456789abcdefghijkl"
	main := Open(t, h.address[0], "/a", JSON+", porthouse.sibling."+key)
	main.Expects(`{"ok":"join"}`)
	sibling := Open(t, h.address[0], "/-/sibling", JSON+", porthouse.sibling."+key)
	sibling.Text(`{"room":"a","data":"hello","key":"k","ref":"1"}`)
	asked := <-claim
	main.Tells(`{"do":"leave","room":"a"}`, `{"ok":"leave"}`)
	for _, room := range []string{"b", "c"} { // one of them gets the entry that /a had
		main.Tells(`{"do":"join","room":"`+room+`"}`, `{"ok":"join"}`)
	}
	main.Tells(`{"do":"join","room":"a"}`, `{"ok":"join"}`)
	hears, b := Join(t, h.address[0], "/a"), Join(t, h.address[0], "/b")
	Check(t, h.links[0].Send(ipc.ToPuddle{Reply: &ipc.Reply{ID: asked, Claim: &ipc.Claim{First: true, ID: "m"}}}))
	hears.Hears(OpText, "hello")
	sibling.Expects(`{"ok":"send","ref":"1","receivers":1}`)
	b.HearsNothingNow()
}
