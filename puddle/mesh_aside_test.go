package puddle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// stuckPeer is a peer that has members of /stuck, and the last that it has
// heard of our log.
func stuckPeer(h *house) (peer *fakePeer, last uint64) {
	h.t.Helper()
	peer = h.fakePeer(1)
	hold := peer.hears(ipc.MeshHold)
	for string(hold.Name) != "stuck" {
		hold = peer.hears(ipc.MeshHold)
	}
	peer.say(ipc.MeshItem{Kind: ipc.MeshHold, Position: 8, Ref: 77, Name: []byte("stuck")}, ipc.MeshItem{Kind: ipc.MeshAck, Position: hold.Position})
	peer.hears(ipc.MeshAck)
	return peer, hold.Position
}

// wrapTheLog has others talk, in bursts, until the log has gone round, so that
// what the peer has not acknowledged is set aside.
func wrapTheLog(t *testing.T, a, b *Client, bytes int) {
	t.Helper()
	for n := 0; bytes > 0; n++ {
		texts := make([]string, 1+n%5)
		var burst []byte
		for k := range texts {
			texts[k] = strings.Repeat("x", 10_000+(n*7919+k*104729)%30_000)
			burst = append(burst, Frame(Final|OpText, []byte(texts[k]))...)
			bytes -= len(texts[k])
		}
		a.Say(burst)
		for _, text := range texts {
			b.Hears(OpText, text)
		}
	}
}

func (f *fakePeer) hearsNumbers(from, to int) {
	f.t.Helper()
	for n := from; n < to; n++ {
		m := f.hears(ipc.MeshMessage)
		if want := fmt.Sprintf("%0*d", 6000, n); len(m.Frame) != 6004 || string(m.Frame[4:]) != want {
			f.t.Fatalf("message %d: %d bytes, %.20q", n, len(m.Frame), m.Frame)
		}
		if !slices.ContainsFunc(f.items, func(item ipc.MeshItem) bool { return item.Kind == ipc.MeshMessage }) {
			f.say(ipc.MeshItem{Kind: ipc.MeshAck, Position: m.Position})
		}
	}
}

func numbers(c *Client, messages int) {
	for n := range messages {
		c.Write(Frame(Final|OpBytes, fmt.Appendf(nil, "%0*d", 6000, n)))
	}
}

// The link with a peer breaks while what it has not heard is set aside.
func TestLinkBreaksWhileSetAside(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.PeerTime = 1<<20, 20*time.Second })
	talker := Join(t, h.address[0], "/stuck")
	a, b := Join(t, h.address[0], "/free"), Join(t, h.address[0], "/free")
	_, last := stuckPeer(h)
	numbers(talker, 30)
	wrapTheLog(t, a, b, 3<<20)
	again := h.fakePeerWho(1, ipc.MeshItem{Kind: ipc.MeshHello, Slot: 1, Epoch: 1, HeardEpoch: h.tables[0].Epoch(), Heard: last})
	again.hearsNumbers(0, 30)
}

// A peer hears nothing while the log goes round several times, and then all.
func TestLogGoesRoundWhileSetAside(t *testing.T) {
	for _, log := range []int{1 << 20, 4 << 20} {
		h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.PeerTime = log, 20*time.Second })
		talker := Join(t, h.address[0], "/stuck")
		a, b := Join(t, h.address[0], "/free"), Join(t, h.address[0], "/free")
		peer, _ := stuckPeer(h)
		messages := log / 18_000 // a third more than the peer may owe
		go numbers(talker, messages)
		time.Sleep(100 * time.Millisecond)
		wrapTheLog(t, a, b, 3*log)
		c := Dial(t, h.address[0])
		c.Say([]byte(RequestFor("/later")))
		wrapTheLog(t, a, b, 3*log)
		peer.hearsNumbers(0, messages)
	}
}

// What was told of a room that is gone is not told again as of the room that
// has its entry now.
func TestLinkBreaksWhenTheRoomIsGone(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.PeerTime = 1<<20, 20*time.Second })
	a, b := Join(t, h.address[0], "/free"), Join(t, h.address[0], "/free")
	talker := Join(t, h.address[0], "/stuck")
	_, last := stuckPeer(h)
	talker.Text("for /stuck alone")
	wrapTheLog(t, a, b, 1<<20)
	talker.Say(Frame(Final|OpClose, []byte{3, 232}))
	talker.Closes(schema.CloseDone)
	wrapTheLog(t, a, b, 3<<20)
	next := Dial(t, h.address[0])
	next.Say([]byte(RequestFor("/next")))
	wrapTheLog(t, a, b, 60_000)
	again := h.fakePeerWho(1,
		ipc.MeshItem{Kind: ipc.MeshHello, Slot: 1, Epoch: 1, HeardEpoch: h.tables[0].Epoch(), Heard: last},
		ipc.MeshItem{Kind: ipc.MeshHold, Position: 16, Ref: 78, Name: []byte("next")})
	if m := again.hears(ipc.MeshMessage); m.Ref == 78 || string(m.Name) == "next" {
		t.Errorf("%q is told of /next", m.Frame)
	}
}
