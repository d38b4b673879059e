package puddle

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// fakePeer is a test in another puddle's place.
type fakePeer struct {
	t testing.TB
	net.Conn
	in    []byte
	items []ipc.MeshItem
}

func (h *house) fakePeer(slot int) *fakePeer {
	h.t.Helper()
	return h.fakePeerWho(slot, ipc.MeshItem{Kind: ipc.MeshHello, Slot: slot, Epoch: 1})
}

// fakePeerWho is one that begins with these items.
func (h *house) fakePeerWho(slot int, hello ...ipc.MeshItem) *fakePeer {
	h.t.Helper()
	ours, theirs, err := ipc.SocketPair()
	Check(h.t, err)
	Check(h.t, h.links[0].Send(ipc.ToPuddle{Peer: &ipc.Peer{Slot: slot}}, theirs))
	unix.Close(theirs)
	file := os.NewFile(uintptr(ours), "peer")
	conn, err := net.FileConn(file)
	Check(h.t, err)
	file.Close()
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	peer := &fakePeer{t: h.t, Conn: conn}
	peer.say(hello...)
	return peer
}

func (f *fakePeer) say(items ...ipc.MeshItem) {
	f.t.Helper()
	w := ipc.NewMeshWriter()
	for i := range items {
		Check(f.t, w.Put(&items[i]))
	}
	_, err := f.Write(w.Batch())
	Check(f.t, err)
}

// hears takes items until one is of the kind.
func (f *fakePeer) hears(kind ipc.MeshKind) ipc.MeshItem {
	f.t.Helper()
	for {
		for len(f.items) > 0 {
			item := f.items[0]
			if f.items = f.items[1:]; item.Kind == kind {
				return item
			}
		}
		b := make([]byte, 64<<10)
		n, err := f.Read(b)
		Check(f.t, err)
		f.in = append(f.in, b[:n]...)
		f.open()
	}
}

// open takes the batches apart that are whole.
func (f *fakePeer) open() {
	f.t.Helper()
	r := ipc.NewMeshReader()
	for {
		size, err := ipc.BatchSize(f.in)
		Check(f.t, err)
		if size == 0 || size > len(f.in) {
			return
		}
		r.Open(f.in[:size])
		f.in = f.in[size:]
		for {
			var item ipc.MeshItem
			more, err := r.Next(&item)
			Check(f.t, err)
			if !more {
				break
			}
			f.items = append(f.items, item)
		}
	}
}

func TestFirstMemberWaitsForThePeers(t *testing.T) {
	h := newHouse(t, 1, nil)
	peer := h.fakePeer(1)
	peer.hears(ipc.MeshHello)
	a := Dial(t, h.address[0])
	a.Say([]byte(RequestFor("/chat")))
	hold := peer.hears(ipc.MeshHold)
	if string(hold.Name) != "chat" {
		t.Fatalf("held %q", hold.Name)
	}
	a.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := a.In.Peek(1); err == nil {
		t.Fatal("it was let in before the peer had heard of the room")
	}
	a.SetReadDeadline(time.Now().Add(5 * time.Second))
	peer.say(ipc.MeshItem{Kind: ipc.MeshAck, Position: hold.Position})
	if status := a.Head(); status != 101 {
		t.Fatalf("status %d", status)
	}
	// From now on what the peer accepts is heard, once, however often it is told.
	said := []byte("\x81\x05hello")
	peer.say(ipc.MeshItem{Kind: ipc.MeshMessage, Position: 100, Ref: hold.Ref, Op: OpText, Frame: said},
		ipc.MeshItem{Kind: ipc.MeshMessage, Position: 100, Ref: hold.Ref, Op: OpText, Frame: said},
		ipc.MeshItem{Kind: ipc.MeshMessage, Position: 200, Ref: hold.Ref + 1, Op: OpText, Frame: said},
		ipc.MeshItem{Kind: ipc.MeshMessage, Position: 300, Ref: hold.Ref, Op: OpText, Frame: []byte("\x81\x03end")})
	a.Hears(OpText, "hello")
	a.Hears(OpText, "end")
	if ack := peer.hears(ipc.MeshAck); ack.Position != 300 {
		t.Errorf("acknowledged up to %d; want 300", ack.Position)
	}
	a.Close()
	if gone := peer.hears(ipc.MeshRelease); string(gone.Name) != "chat" || gone.Ref != hold.Ref {
		t.Errorf("released %q", gone.Name)
	}
}

func TestBothHold(t *testing.T) {
	h := newHouse(t, 1, nil)
	peer := h.fakePeer(1)
	a := Dial(t, h.address[0])
	a.Say([]byte(RequestFor("/chat")))
	first := peer.hears(ipc.MeshHold)
	peer.say(ipc.MeshItem{Kind: ipc.MeshHold, Position: 8, Ref: 77, Name: []byte("chat")}, ipc.MeshItem{Kind: ipc.MeshAck, Position: first.Position})
	if again := peer.hears(ipc.MeshHold); again.Ref != first.Ref {
		t.Errorf("it is called %d, then %d", first.Ref, again.Ref)
	}
	a.Head()
	a.Text("hi")
	if m := peer.hears(ipc.MeshMessage); m.Ref != 77 || string(m.Frame) != "\x81\x02hi" {
		t.Errorf("the peer heard %+v", m)
	}
}

// A peer that hangs holds up those who speak to it, and nobody else; it is
// reported, and when it is gone all goes on.
func TestHungPeer(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.PeerTime, s.OutboxBytes = 1<<20, time.Second, 32<<20 })
	peer := h.fakePeer(1)
	near := Join(t, h.address[0], "/stuck")
	talker := Join(t, h.address[0], "/stuck")
	hold := peer.hears(ipc.MeshHold)
	peer.say(ipc.MeshItem{Kind: ipc.MeshHold, Position: 8, Ref: 77, Name: []byte("stuck")}, ipc.MeshItem{Kind: ipc.MeshAck, Position: hold.Position})
	peer.hears(ipc.MeshAck)
	a, b := Join(t, h.address[0], "/free"), Dial(t, h.address[0])
	b.Say([]byte(RequestFor("/free")))
	b.Head()
	said := make([]byte, 10_000)
	const messages = 1000 // ten times the log
	told := make(chan error, 1)
	go func() {
		for n := range messages {
			copy(said, fmt.Sprintf("%06d", n))
			if _, err := talker.Write(Frame(Final|OpBytes, said)); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()
	for n := range 500 {
		text := fmt.Sprintf("%0*d", 5000, n)
		a.Text(text)
		b.Hears(OpText, text)
	}
	h.await(0, func(w ipc.FromPuddle) bool { return w.Hung != nil && w.Hung.Slot == 1 })
	heard := 0
	Check(t, h.links[0].Send(ipc.ToPuddle{PeerGone: &ipc.PeerGone{Slot: 1}}))
	for ; heard < messages; heard++ {
		_, got, err := near.Next()
		if err != nil || string(got[:6]) != fmt.Sprintf("%06d", heard) {
			t.Fatalf("message %d: %.6q, %v", heard, got, err)
		}
	}
	Check(t, <-told)
}

// A peer that is slow but alive hears all, in order, though the log has long
// moved on.
func TestSlowPeer(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.PeerTime = 1<<20, 20*time.Second })
	talker := Join(t, h.address[0], "/stuck")
	a, b := Join(t, h.address[0], "/free"), Join(t, h.address[0], "/free")
	peer := h.fakePeer(1)
	hold := peer.hears(ipc.MeshHold)
	for string(hold.Name) != "stuck" {
		hold = peer.hears(ipc.MeshHold)
	}
	peer.say(ipc.MeshItem{Kind: ipc.MeshHold, Position: 8, Ref: 77, Name: []byte("stuck")}, ipc.MeshItem{Kind: ipc.MeshAck, Position: hold.Position})
	peer.hears(ipc.MeshAck)
	const messages = 1000
	go func() {
		for n := range messages {
			talker.Write(Frame(Final|OpBytes, fmt.Appendf(nil, "%0*d", 6000, n)))
		}
	}()
	last := hold.Position
	for n := range messages {
		if n%20 == 0 { // others' messages press the log
			text := fmt.Sprintf("%0*d", 60000, n)
			a.Text(text)
			b.Hears(OpText, text)
		}
		m := peer.hears(ipc.MeshMessage)
		if want := fmt.Sprintf("%0*d", 6000, n); len(m.Frame) != 6004 || string(m.Frame[4:]) != want {
			t.Fatalf("message %d: %d bytes, %.20q", n, len(m.Frame), m.Frame)
		}
		if m.Position <= last {
			t.Fatalf("position %d after %d", m.Position, last)
		}
		last = m.Position
		if n%7 == 0 || len(peer.items) == 0 { // a peer acknowledges all that it has, if late
			peer.say(ipc.MeshItem{Kind: ipc.MeshAck, Position: last})
		}
	}
}

func TestPeerThatTalksNonsense(t *testing.T) {
	h := newHouse(t, 1, nil)
	a := Join(t, h.address[0], "/chat")
	peer := h.fakePeer(1)
	peer.hears(ipc.MeshHold)
	peer.Write([]byte{0, 0, 0, 2, 9, 9})
	b := Join(t, h.address[0], "/chat")
	a.Text("still here")
	b.Hears(OpText, "still here")
}

func TestPuddleGoneInTheMiddle(t *testing.T) {
	h := newHouse(t, 3, nil)
	a, b, c := Join(t, h.address[0], "/chat"), Join(t, h.address[1], "/chat"), Join(t, h.address[2], "/chat")
	for n := range 200 {
		if n == 100 {
			h.links[1].Send(ipc.ToPuddle{Stop: &ipc.Stop{Drain: 0}})
			<-h.done[1]
			h.done[1] <- nil
			for _, other := range []int{0, 2} {
				Check(t, h.links[other].Send(ipc.ToPuddle{PeerGone: &ipc.PeerGone{Slot: 1}}))
			}
		}
		a.Text(fmt.Sprint(n))
		c.Hears(OpText, fmt.Sprint(n))
	}
	b.Close()
}

// A peer that has nothing to hear for long is told from where the log is now,
// not from where it was.
func TestLogMovesOnBetweenMessagesToAPeer(t *testing.T) {
	h := newHouse(t, 2, func(s *schema.Settings) { s.LogBytes = 1 << 20 })
	a, b := Join(t, h.address[0], "/near"), Join(t, h.address[0], "/near")
	c, far := Join(t, h.address[0], "/far"), Join(t, h.address[1], "/far")
	said := make([]byte, 60_000)
	for n := range 200 {
		a.Say(Frame(Final|OpBytes, said))
		b.Hears(OpBytes, string(said))
		if n%37 == 0 {
			c.Text(fmt.Sprint(n))
			far.Hears(OpText, fmt.Sprint(n))
		}
		if n == 100 {
			time.Sleep(2500 * time.Millisecond) // quiet: the log's pages are given back
		}
	}
	c.Text("end")
	far.Hears(OpText, "end")
}

// What a socket says before it is in is not read, however much it is.
func TestFloodBeforeTheRoomIsOpen(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.PeerTime, s.OutboxBytes = 2*time.Second, 64<<20 })
	peer := h.fakePeer(1)
	peer.hears(ipc.MeshHello)
	b := Dial(t, h.address[0])
	b.Say([]byte(RequestFor("/chat")))
	hold := peer.hears(ipc.MeshHold)
	a := Dial(t, h.address[0])
	a.Say([]byte(RequestFor("/chat")))
	const messages = 3000
	told := make(chan error, 1)
	go func() {
		for n := range messages {
			if _, err := a.Write(Frame(Final|OpBytes, fmt.Appendf(nil, "%0*d", 10_000, n))); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()
	time.Sleep(500 * time.Millisecond)
	select {
	case <-told:
		t.Error("30 MB were read from a socket that is not in its room")
	default:
	}
	peer.say(ipc.MeshItem{Kind: ipc.MeshAck, Position: hold.Position})
	b.Head()
	for n := range messages {
		b.Hears(OpBytes, fmt.Sprintf("%0*d", 10_000, n))
	}
	Check(t, <-told)
}
