package puddle

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// house runs puddles in this process, with a test in the supervisor's place.
type house struct {
	t       testing.TB
	links   []*ipc.Conn
	tables  []*table.Table
	address []string // each puddle has a port of its own, so that tests choose
	done    []chan error
}

func newHouse(t testing.TB, puddles int, change func(*schema.Settings)) *house {
	t.Helper()
	settings := schema.DefaultSettings()
	settings.Transient = schema.TransientAnyone
	settings.Sockets, settings.SlabBytes = 4096, 64<<20
	if change != nil {
		change(&settings)
	}
	h := &house{t: t}
	for slot := range puddles {
		h.start(slot, settings)
	}
	for a := range puddles {
		for b := range a {
			ours, theirs, err := ipc.SocketPair()
			check(t, err)
			check(t, h.links[a].Send(ipc.ToPuddle{Peer: &ipc.Peer{Slot: b}}, ours))
			check(t, h.links[b].Send(ipc.ToPuddle{Peer: &ipc.Peer{Slot: a}}, theirs))
			unix.Close(ours)
			unix.Close(theirs)
		}
	}
	for slot := range puddles {
		check(t, h.links[slot].Send(ipc.ToPuddle{Serve: &ipc.Serve{}}))
		h.await(slot, func(w ipc.FromPuddle) bool { return w.Ready != nil })
	}
	t.Cleanup(h.stop)
	return h
}

func (h *house) start(slot int, settings schema.Settings) {
	h.t.Helper()
	made, err := table.Create(slot, table.GeometryOf(settings))
	check(h.t, err)
	made.SetHouse(table.Up)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(h.t, err)
	file, err := listener.(*net.TCPListener).File()
	check(h.t, err)
	poke, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	check(h.t, err)
	ours, theirs, err := ipc.SocketPair()
	check(h.t, err)
	link, err := ipc.ConnOf(ours, "link")
	check(h.t, err)
	other, err := ipc.ConnOf(theirs, "link")
	check(h.t, err)
	done := make(chan error, 1)
	go func() { done <- Run(other) }()
	check(h.t, link.Send(ipc.ToPuddle{Start: &ipc.Start{Slot: slot, Settings: settings, LogLevel: 4}}, made.Descriptor(), poke, int(file.Fd())))
	h.links, h.tables, h.done = append(h.links, link), append(h.tables, made), append(h.done, done)
	h.address = append(h.address, listener.Addr().String())
	file.Close()
	listener.Close()
	h.await(slot, func(w ipc.FromPuddle) bool { return w.Started != nil })
}

func (h *house) await(slot int, is func(ipc.FromPuddle) bool) {
	h.t.Helper()
	for {
		var word ipc.FromPuddle
		if _, err := h.links[slot].Receive(&word); err != nil {
			h.t.Fatalf("puddle %d: %v", slot, err)
		}
		if is(word) {
			return
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

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client is a plain WebSocket client that shows every byte.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return &client{t, c, bufio.NewReaderSize(c, 1<<16)}
}

func requestFor(path string, lines ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// join opens a socket and reads its 101.
func join(t testing.TB, address, path string) *client {
	t.Helper()
	c := dial(t, address)
	c.say([]byte(requestFor(path)))
	if status := c.head(); status != 101 {
		t.Fatalf("%s: status %d", path, status)
	}
	return c
}

func (c *client) say(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// head reads an answer's head and gives its status.
func (c *client) head() (status int) {
	c.t.Helper()
	for first := true; ; first = false {
		line, err := c.in.ReadString('\n')
		check(c.t, err)
		if first {
			fmt.Sscanf(line, "HTTP/1.1 %d", &status)
		}
		if line == "\r\n" {
			return status
		}
	}
}

const (
	opText   = 1
	opBytes  = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
	finalBit = 0x80
)

// frame is a client's frame.
func frame(first byte, payload []byte) []byte {
	mask := [4]byte{1, 2, 3, 4}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

func (c *client) text(s string) { c.t.Helper(); c.say(frame(finalBit|opText, []byte(s))) }

// next reads one frame of the server.
func (c *client) next() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	var long [8]byte
	switch n {
	case 126:
		if _, err := io.ReadFull(c.in, long[6:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(c.in, long[:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.in, payload)
	return h[0] & 0xf, payload, err
}

// hears expects a frame.
func (c *client) hears(op byte, payload string) {
	c.t.Helper()
	got, b, err := c.next()
	if err != nil || got != op || string(b) != payload {
		c.t.Fatalf("heard op %d %.80q, %v; want op %d %.80q", got, b, err, op, payload)
	}
}

// closes expects a close frame with the code, and then the end.
func (c *client) closes(code schema.CloseCode) {
	c.t.Helper()
	for {
		op, b, err := c.next()
		if err != nil {
			c.t.Fatalf("no close frame: %v; want %d", err, code)
		}
		if op != opClose {
			continue
		}
		if len(b) < 2 || schema.CloseCode(binary.BigEndian.Uint16(b)) != code {
			c.t.Fatalf("closed with %q; want %d", b, code)
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			c.t.Fatalf("after the close frame: %v; want EOF", err)
		}
		return
	}
}
