// Package puddletest has a WebSocket client that shows every byte, for the
// tests that speak to puddles over real sockets.
package puddletest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// Check ends the test on an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Client is a plain WebSocket client that shows every byte.
type Client struct {
	net.Conn
	In       *bufio.Reader
	Sequence string // as the 101 said

	t testing.TB
}

// Dial connects; the test has 30 seconds.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	Check(t, err)
	return Over(t, c)
}

// DialNarrow connects a client whose kernel holds little that is not read. It
// does from the start: what comes into a buffer that has shrunk is dropped, and
// TCP waits, twice as long each time, to send it again.
func DialNarrow(t testing.TB, address string, bytes int) *Client {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		wrong := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes) })
		return errors.Join(err, wrong)
	}}
	c, err := dialer.Dial("tcp", address)
	Check(t, err)
	return Over(t, c)
}

// Over is a client on a connection that is there, such as one through a proxy.
func Over(t testing.TB, c net.Conn) *Client {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return &Client{Conn: c, In: bufio.NewReaderSize(c, 1<<16), t: t}
}

// RequestFor is an opening handshake for a path, with further header lines.
func RequestFor(path string, lines ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// Join opens a socket and reads its 101.
func Join(t testing.TB, address, path string) *Client {
	t.Helper()
	return Dial(t, address).join(path)
}

// JoinNarrow opens a socket over DialNarrow.
func JoinNarrow(t testing.TB, address, path string, bytes int) *Client {
	t.Helper()
	return DialNarrow(t, address, bytes).join(path)
}

func (c *Client) join(path string) *Client {
	c.t.Helper()
	c.Say([]byte(RequestFor(path)))
	if status := c.Head(); status != 101 {
		c.t.Fatalf("%s: status %d", path, status)
	}
	return c
}

// Say writes bytes as they are.
func (c *Client) Say(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// Head reads an answer's head and gives its status.
func (c *Client) Head() (status int) {
	c.t.Helper()
	for first := true; ; first = false {
		line, err := c.In.ReadString('\n')
		Check(c.t, err)
		if first {
			fmt.Sscanf(line, "HTTP/1.1 %d", &status)
		}
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "Porthouse-Sequence" {
			c.Sequence = value
		}
		if line == "\r\n" {
			return status
		}
	}
}

// Opcodes (RFC 6455 section 5.2), and the bit of a message's last frame.
const (
	OpText  = 1
	OpBytes = 2
	OpClose = 8
	OpPing  = 9
	OpPong  = 10
	Final   = 0x80
)

// Frame is a client's frame.
func Frame(first byte, payload []byte) []byte {
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

// Text sends a text message.
func (c *Client) Text(s string) { c.t.Helper(); c.Say(Frame(Final|OpText, []byte(s))) }

// Next reads one frame of the server.
func (c *Client) Next() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(c.In, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	var long [8]byte
	switch n {
	case 126:
		if _, err := io.ReadFull(c.In, long[6:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(c.In, long[:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(long[:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.In, payload)
	return h[0] & 0xf, payload, err
}

// Hears expects a frame.
func (c *Client) Hears(op byte, payload string) {
	c.t.Helper()
	got, b, err := c.Next()
	if err != nil || got != op || string(b) != payload {
		c.t.Fatalf("heard op %d %.80q, %v; want op %d %.80q", got, b, err, op, payload)
	}
}

// Closes expects a close frame with the code, and then the end.
func (c *Client) Closes(code schema.CloseCode) {
	c.t.Helper()
	for {
		op, b, err := c.Next()
		if err != nil {
			c.t.Fatalf("no close frame: %v; want %d", err, code)
		}
		if op != OpClose {
			continue
		}
		if len(b) < 2 || schema.CloseCode(binary.BigEndian.Uint16(b)) != code {
			c.t.Fatalf("closed with %q; want %d", b, code)
		}
		if _, err := c.In.ReadByte(); err != io.EOF {
			c.t.Fatalf("after the close frame: %v; want EOF", err)
		}
		return
	}
}

// HearsAll expects n messages, "SENDER NUMBER" in text each, of each sender
// but itself, and each sender's in order. It may run beside the test.
func (c *Client) HearsAll(itself, senders, n int) {
	c.t.Helper()
	next, want := make([]int, senders), senders*n
	if itself < senders {
		want -= n
	}
	for range want {
		_, b, err := c.Next()
		var sender, number int
		if err == nil {
			_, err = fmt.Sscanf(string(b), "%d %d", &sender, &number)
		}
		if err != nil || sender == itself || sender >= senders || number != next[sender] {
			c.t.Errorf("socket %d heard %q, %v; the senders are at %v", itself, b, err, next)
			return
		}
		next[sender]++
	}
}
