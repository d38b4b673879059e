package puddle

import (
	"testing"

	"github.com/porthouse/porthouse/ipc"
	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// Who shares several rooms with a raw sender hears it once, whatever others say
// between the one room's message and the next.
func TestSpreadMessagesInterleave(t *testing.T) {
	h := newHouse(t, 1, nil)
	wide := Open(t, h.address[0], "/a", JSON)
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","room":"b"}`, `{"ok":"join"}`)
	one, two := h.fakePeer(1), h.fakePeer(2)
	said := func(from *fakePeer, position uint64, room, text string, bond bond) {
		from.say(ipc.MeshItem{
			Kind: ipc.MeshMessage, Position: position, Op: OpText, Name: []byte(room), Extra: bond.append(nil),
			Frame: append([]byte{Final | OpText, byte(len(text))}, text...),
		})
	}
	first, second := bond{sequence: 7 << 24, number: 5}, bond{sequence: 8 << 24, number: 5}
	said(one, 100, "a", "first", first)
	wide.Expects(`{"room":"a","data":"first"}`)
	said(two, 100, "a", "second", second)
	wide.Expects(`{"room":"a","data":"second"}`)
	said(one, 200, "b", "first", first)
	said(two, 200, "b", "second", second)
	one.hears(ipc.MeshAck)
	said(one, 300, "b", "third", bond{sequence: 7 << 24, number: 9})
	wide.Expects(`{"room":"b","data":"third"}`)
	said(two, 300, "b", "fourth", bond{sequence: 8 << 24, number: 9})
	wide.Expects(`{"room":"b","data":"fourth"}`)
}
