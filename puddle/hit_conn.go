package puddle

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"

	"github.com/porthouse/porthouse/schema"
)

// deskQueue is the listener of the desk's server: the connections that the
// loop has accepted. It ends with the server.
type deskQueue struct{ *desk }

func (q deskQueue) Accept() (net.Conn, error) {
	if c, ok := <-q.queue; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// Close closes the queue and what nobody serves any more; the server calls it
// once, when the desk has stopped.
func (q deskQueue) Close() error {
	q.mutex.Lock()
	q.closed = true
	close(q.queue)
	q.mutex.Unlock()
	for c := range q.queue {
		c.Close()
	}
	return nil
}

func (q deskQueue) Addr() net.Addr { return &net.TCPAddr{} }

// hitConn is a connection whose first bytes were read by the loop.
type hitConn struct {
	net.Conn
	first   []byte // not yet read from here
	address netip.AddrPort
	clear   bool // what comes by it crosses a network in clear
	once    sync.Once
	closed  func()
}

func newHitConn(inner net.Conn, first []byte, address netip.AddrPort, clear bool, closed func()) *hitConn {
	return &hitConn{Conn: inner, first: bytes.Clone(first), address: address, clear: clear, closed: closed}
}

func (c *hitConn) Read(b []byte) (n int, err error) {
	if len(c.first) == 0 {
		return c.Conn.Read(b)
	}
	n = copy(b, c.first)
	if c.first = c.first[n:]; len(c.first) == 0 {
		c.first = nil
	}
	return n, nil
}

func (c *hitConn) Write(b []byte) (n int, err error) {
	status, ok := serverError(b)
	if !ok {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(malformedHead(status).whole()); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite ends the connection's sending half (net/http asks for it).
func (c *hitConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close says the end first: a duplicate of the descriptor may live elsewhere.
func (c *hitConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.CloseWrite()
		err = c.Conn.Close()
		c.closed()
	})
	return err
}

func (c *hitConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.address) }

// serverError tells the status if b is what net/http writes by itself, as
// text, to a head that it cannot read. An answer of the desk's begins with
// other header fields.
func serverError(b []byte) (status int, ok bool) {
	const start, header = "HTTP/1.1 ", "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	line, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(line, []byte(start)) || !bytes.HasPrefix(rest, []byte(header)) {
		return 0, false
	}
	status, err := strconv.Atoi(string(line[len(start):min(len(line), len(start)+3)]))
	return status, err == nil && http.StatusText(status) != ""
}

// malformedHead is the desk's own form of it.
func malformedHead(status int) hitAnswer {
	code, message := schema.Malformed, "this is no HTTP/1.1 request with one Host (RFC 9112)"
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		code, message = schema.TooLarge, "the request's head is larger than the house takes: send fewer or shorter header fields"
	case http.StatusNotImplemented:
		code, message = schema.Unavailable, "no Transfer-Encoding but chunked is taken"
	case http.StatusHTTPVersionNotSupported:
		code, message = schema.Unavailable, "only HTTP/1.1 is spoken here"
	}
	return hitAnswer{status: status, json: (&schema.Refusal{Code: code, Message: message}).JSON(), hangUp: true}
}
