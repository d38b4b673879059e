package puddle

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testDesk is a desk behind a real port: what stands for the loop accepts
// there, reads a head and gives the connection away.
type testDesk struct {
	*desk
	t       testing.TB
	address string
	errors  chan error // what take returned

	mutex sync.Mutex
	hits  []hit
}

// openDesk opens a desk whose hits are answered by reply, on the goroutine
// that asks; nil answers 200.
func openDesk(t testing.TB, change func(*deskLimits), reply func(hit)) *testDesk {
	limits := deskDefaults
	if change != nil {
		change(&limits)
	}
	if reply == nil {
		reply = func(h hit) { h.done(hitAnswer{status: 200, json: []byte(`{"ok":"send"}`)}) }
	}
	td := &testDesk{t: t, errors: make(chan error, 4096)}
	td.desk = newDesk(limits, func(h hit) {
		td.mutex.Lock()
		td.hits = append(td.hits, h)
		td.mutex.Unlock()
		reply(h)
	})
	td.listen()
	return td
}

func (td *testDesk) listen() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		td.t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		td.t.Fatal(err)
	}
	if err := unix.Listen(fd, 2048); err != nil {
		td.t.Fatal(err)
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		td.t.Fatal(err)
	}
	at := own.(*unix.SockaddrInet4)
	td.address = netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)).String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		td.accept(fd)
	}()
	td.t.Cleanup(func() {
		unix.Shutdown(fd, unix.SHUT_RDWR)
		<-done
		unix.Close(fd)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		td.stop(ctx)
	})
}

// testClient is an address that no client here has: as if a proxy had told it.
var testClient = netip.MustParseAddrPort("[2001:db8::7]:4711")

func (td *testDesk) accept(listener int) {
	var heads sync.WaitGroup
	defer heads.Wait()
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		heads.Go(func() {
			if first := readTestHead(fd); first != nil {
				td.errors <- td.take(fd, first, testClient, false)
				clear(first) // the loop uses its buffer again
				return
			}
			unix.Close(fd)
		})
	}
}

// readTestHead reads until a head is whole, nil if it never is.
func readTestHead(fd int) (b []byte) {
	var chunk [4 << 10]byte
	until := time.Now().Add(5 * time.Second)
	for !bytes.Contains(b, []byte("\r\n\r\n")) {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
		n, err := unix.Read(fd, chunk[:])
		if err == unix.EAGAIN || err == unix.EINTR { // a signal of the runtime's ended the poll
			if time.Now().After(until) {
				return nil
			}
			continue
		}
		if n <= 0 || err != nil {
			return nil
		}
		b = append(b, chunk[:n]...)
	}
	return b
}

func (td *testDesk) asked() []hit {
	td.mutex.Lock()
	defer td.mutex.Unlock()
	return append([]hit(nil), td.hits...)
}

// one is the only hit that was asked.
func (td *testDesk) one() hit {
	td.t.Helper()
	hits := td.asked()
	if len(hits) != 1 {
		td.t.Fatalf("%d hits; want 1", len(hits))
	}
	return hits[0]
}

// deskClient is one connection to a desk.
type deskClient struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (td *testDesk) dial() *deskClient {
	td.t.Helper()
	c, err := net.Dial("tcp", td.address)
	if err != nil {
		td.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	td.t.Cleanup(func() { c.Close() })
	return &deskClient{Conn: c, t: td.t, r: bufio.NewReader(c)}
}

func (c *deskClient) say(request string) {
	c.t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer to a method, its body whole.
func (c *deskClient) hear(method string) (*http.Response, string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response, string(body)
}

// ended waits for the connection's end; anything but that is an error.
func (c *deskClient) ended() {
	c.t.Helper()
	if n, err := c.r.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		c.t.Fatalf("%d bytes, %v; want the end", n, err)
	}
}

// trade says one request on a connection of its own.
func (td *testDesk) trade(request string) (*http.Response, string) {
	td.t.Helper()
	c := td.dial()
	c.say(request)
	method, _, _ := strings.Cut(request, " ")
	return c.hear(method)
}

// post is a POST to /chat with these header lines, each with its CRLF.
func post(lines, body string) string {
	return "POST /chat HTTP/1.1\r\nHost: house.test:8080\r\n" + lines +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
