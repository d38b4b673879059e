package puddle

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// house runs puddles in this process, with a test in the supervisor's place.
type house struct {
	t       testing.TB
	links   []*ipc.Conn
	tables  []*table.Table
	address []string // each puddle has a port of its own, so that tests choose
	done    []chan error
	words   []chan ipc.FromPuddle
	desk    *frontDesk
}

func newHouse(t testing.TB, puddles int, change func(*schema.Settings)) *house {
	t.Helper()
	settings := schema.DefaultSettings()
	settings.Sockets, settings.SlabBytes = 4096, 64<<20
	if change != nil {
		change(&settings)
	}
	h := &house{t: t, desk: newFrontDesk()}
	for slot := range puddles {
		h.start(slot, settings)
	}
	for a := range puddles {
		for b := range a {
			ours, theirs, err := ipc.SocketPair()
			Check(t, err)
			Check(t, h.links[a].Send(ipc.ToPuddle{Peer: &ipc.Peer{Slot: b}}, ours))
			Check(t, h.links[b].Send(ipc.ToPuddle{Peer: &ipc.Peer{Slot: a}}, theirs))
			unix.Close(ours)
			unix.Close(theirs)
		}
	}
	for slot := range puddles {
		Check(t, h.links[slot].Send(ipc.ToPuddle{Serve: &ipc.Serve{}}))
		h.await(slot, func(w ipc.FromPuddle) bool { return w.Ready != nil })
	}
	t.Cleanup(h.stop)
	return h
}

func (h *house) start(slot int, settings schema.Settings) {
	h.t.Helper()
	made, err := table.Create(slot, table.GeometryOf(settings))
	Check(h.t, err)
	made.SetHouse(table.Up)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Check(h.t, err)
	file, err := listener.(*net.TCPListener).File()
	Check(h.t, err)
	poke, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	Check(h.t, err)
	ours, theirs, err := ipc.SocketPair()
	Check(h.t, err)
	link, err := ipc.ConnOf(ours, "link")
	Check(h.t, err)
	other, err := ipc.ConnOf(theirs, "link")
	Check(h.t, err)
	done := make(chan error, 1)
	go func() { done <- Run(other) }()
	Check(h.t, link.Send(ipc.ToPuddle{Start: &ipc.Start{Slot: slot, Settings: settings, LogLevel: 4}}, made.Descriptor(), poke, keeperless(h.t), int(file.Fd())))
	h.links, h.tables, h.done = append(h.links, link), append(h.tables, made), append(h.done, done)
	words := make(chan ipc.FromPuddle, 1024)
	h.words = append(h.words, words)
	go func() {
		defer close(words)
		for {
			var word ipc.FromPuddle
			if _, err := link.Receive(&word); err != nil {
				return
			}
			for _, reply := range h.desk.answer(slot, word) {
				link.Send(ipc.ToPuddle{Reply: &reply})
			}
			if word.Questions == nil && word.Released == nil {
				words <- word
			}
		}
	}()
	h.address = append(h.address, listener.Addr().String())
	file.Close()
	listener.Close()
	h.await(slot, func(w ipc.FromPuddle) bool { return w.Started != nil })
}

func (h *house) await(slot int, is func(ipc.FromPuddle) bool) {
	h.t.Helper()
	for {
		select {
		case word, ok := <-h.words[slot]:
			if !ok {
				h.t.Fatalf("puddle %d: its link ended", slot)
			}
			if is(word) {
				return
			}
		case <-time.After(30 * time.Second):
			h.t.Fatalf("puddle %d: nothing said for 30 s", slot)
		}
	}
}

func (h *house) stop() {
	for slot, link := range h.links {
		link.Send(ipc.ToPuddle{Stop: &ipc.Stop{Drain: int64(2 * time.Second)}})
		select {
		case err := <-h.done[slot]:
			if err != nil {
				h.t.Errorf("puddle %d: %v", slot, err)
			}
		case <-time.After(10 * time.Second):
			h.t.Errorf("puddle %d does not stop", slot)
		}
		link.Close()
	}
}

// keeperless is a link to a keeper that takes everything and keeps nothing.
func keeperless(t testing.TB) int {
	t.Helper()
	ours, theirs, err := keeper.Pair()
	Check(t, err)
	held := os.NewFile(uintptr(ours), "keeper")
	t.Cleanup(func() { held.Close() })
	go func() {
		var b [8 << 10]byte
		for {
			if _, err := held.Read(b[:]); err != nil {
				return
			}
		}
	}()
	return theirs
}
