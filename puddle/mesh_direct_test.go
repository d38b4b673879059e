package puddle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// A direct message says for whom it is and which rooms its sender is in. One
// that says more than a record holds is refused, and breaks no link.
func TestDirectMessageThatSaysTooMuch(t *testing.T) {
	h := newHouse(t, 2, nil)
	a, far := Open(t, h.address[0], "/a", JSON), Join(t, h.address[1], "/a")
	a.Expects(`{"ok":"join"}`)
	rooms, to := make([]string, 255), make([]string, format.ToMost)
	for n := range rooms {
		rooms[n] = fmt.Sprintf("client/%0*d", schema.RoomNameMost, n)
	}
	for n := range to {
		to[n] = fmt.Sprintf("%0*d", format.NameMost, n)
	}
	for some := range slices.Chunk(rooms, 64) {
		a.Text(`{"do":"join","rooms":["` + strings.Join(some, `","`) + `"]}`)
		for range some {
			a.Expects(`{"ok":"join"}`)
		}
	}
	a.Text(`{"to":["` + strings.Join(to, `","`) + `"],"data":"all"}`)
	a.Text(`{"room":"a","data":"one"}`)
	far.Hears(OpText, "one")
	a.Expects(`{"error":"too-large","do":"send"}`)
	a.Tells(`{"to":["`+strings.Join(to[1:100], `","`)+`"],"data":"some","ref":"1"}`, `{"ok":"send","ref":"1"}`)
}
