package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// dialFrom connects from another address of this machine.
func (h *house) dialFrom(from string) *Client {
	h.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.Dial("tcp", h.address)
	Check(h.t, err)
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &Client{Conn: c, In: bufio.NewReader(c)}
}

// comeFrom opens sockets from an address at once. in are those that got a 101;
// the others must have got a 429 that says when to come back.
func (h *house) comeFrom(from string, sockets int, lines ...string) (in []*Client) {
	h.t.Helper()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for range sockets {
		c := h.dialFrom(from)
		wait.Go(func() {
			if _, err := io.WriteString(c.Conn, RequestFor("/chat", lines...)); err != nil {
				h.t.Error(err)
			}
			answer, err := http.ReadResponse(c.In, nil)
			if err != nil {
				h.t.Errorf("no answer: %v", err)
				return
			}
			switch {
			case answer.StatusCode == 101:
				mutex.Lock()
				in = append(in, c)
				mutex.Unlock()
			case answer.StatusCode != 429 || answer.Header.Get("Retry-After") == "":
				h.t.Errorf("status %d, Retry-After %q", answer.StatusCode, answer.Header.Get("Retry-After"))
			}
		})
	}
	wait.Wait()
	return in
}

// postFrom posts and keeps the connection.
func (h *house) postFrom(from string) (c *Client, status int) {
	h.t.Helper()
	c = h.dialFrom(from)
	io.WriteString(c.Conn, "POST /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\nhi")
	answer, err := http.ReadResponse(c.In, nil)
	Check(h.t, err)
	io.Copy(io.Discard, answer.Body)
	return c, answer.StatusCode
}

func TestConnectionsPerAddress(t *testing.T) {
	h := strictHouse(t, "--connections-per-address", "10", "--admin", "127.0.0.1:0")
	mine := h.comeFrom("127.0.0.1", 40)
	if len(mine) != 10 {
		t.Fatalf("%d of 40 at once are in; want 10", len(mine))
	}
	if n := h.metric(`porthouse_refused_total{reason="limit"}`); n != "30" {
		t.Errorf("%s refused; want 30", n)
	}
	if others := h.comeFrom("127.0.0.2", 12); len(others) != 10 {
		t.Errorf("%d of another address are in; want 10", len(others))
	}
	browser := Dial(t, h.address)
	browser.Say([]byte(RequestFor("/chat", "Origin: http://127.0.0.1")))
	if status := browser.Head(); status != 101 {
		t.Fatalf("a page: status %d", status)
	}
	browser.Closes(schema.CloseLater)
	for _, c := range mine[:4] {
		c.Close()
	}
	h.eventually("those who left are given back", func() bool {
		now := h.comeFrom("127.0.0.1", 1)
		mine = append(mine, now...)
		return len(now) == 1 && len(mine) == 14
	})

	// Who only connects is counted as well, and so is who is in after a hand-over.
	for name, replace := range replacements {
		replace(t, h)
		h.eventually(name+": nobody is let in over the limit", func() bool { return len(h.comeFrom("127.0.0.1", 1)) == 0 })
	}
	if out, errs, code := h.run("scale", "1"); code != 0 { // half of them move
		t.Fatalf("scale: exit %d: %s%s", code, out, errs)
	}
	h.eventually("all are with one puddle", func() bool {
		status, err := h.status()
		return err == nil && len(status.Puddles) == 1 && status.Sequences == 20
	})
	h.eventually("moved: nobody is let in over the limit", func() bool { return len(h.comeFrom("127.0.0.1", 1)) == 0 })
	for _, c := range mine {
		c.Close()
	}
	h.eventually("all of them are gone", func() bool { return len(h.sequences()) == 10 })
	var silent []*Client
	for range 10 {
		silent = append(silent, h.dialFrom("127.0.0.1"))
	}
	time.Sleep(100 * time.Millisecond)
	eleventh := h.dialFrom("127.0.0.1")
	answer, err := http.ReadResponse(eleventh.In, nil) // it has said nothing
	Check(t, err)
	if answer.StatusCode != 429 {
		t.Errorf("the 11th that says nothing: status %d", answer.StatusCode)
	}
	for _, c := range silent {
		c.Close()
	}
	// Who posts and keeps the connection is one of them, until it ends that.
	h.eventually("ten may post", func() bool {
		var posts []*Client
		for range 10 {
			if c, status := h.postFrom("127.0.0.1"); status == 200 {
				posts = append(posts, c)
			}
		}
		_, over := h.postFrom("127.0.0.1")
		for _, c := range posts {
			c.Close()
		}
		return len(posts) == 10 && over == 429
	})
	h.eventually("there is room again", func() bool { return len(h.comeFrom("127.0.0.1", 1)) == 1 })
}

func TestConnectionsPerAddressBehindProxy(t *testing.T) {
	h := strictHouse(t, "--connections-per-address", "5", "--proxies", "127.0.0.1")
	if in := h.comeFrom("127.0.0.1", 20, "X-Forwarded-For: 192.0.2.1"); len(in) != 5 {
		t.Errorf("%d of one client behind the proxy are in; want 5", len(in))
	}
	if in := h.comeFrom("127.0.0.1", 20, "X-Forwarded-For: 192.0.2.2, 127.0.0.1"); len(in) != 5 {
		t.Errorf("%d of another client are in; want 5", len(in))
	}
	if in := h.comeFrom("127.0.0.1", 12, "X-Forwarded-For: 2001:db8::1"); len(in) != 5 {
		t.Errorf("%d of an IPv6 client are in; want 5", len(in))
	}
	if in := h.comeFrom("127.0.0.1", 3, "X-Forwarded-For: 2001:db8::2"); len(in) != 0 {
		t.Errorf("%d of its network are in; want 0", len(in))
	}
	if in := h.comeFrom("127.0.0.2", 7, "X-Forwarded-For: 192.0.2.3"); len(in) != 5 {
		t.Errorf("%d that say where they come from, and are no proxy, are in; want 5", len(in))
	}
}

func TestHandshakesPerAddress(t *testing.T) {
	h := strictHouse(t, "--handshakes-per-address", "20/m", "--admin", "127.0.0.1:0")
	if in := h.comeFrom("127.0.0.1", 50); len(in) < 20 || len(in) > 22 {
		t.Errorf("%d of 50 at once are in; want 20", len(in))
	}
	if n := h.metric(`porthouse_refused_total{reason="rate"}`); n == "0" {
		t.Error("nobody counts as refused")
	}
	if in := h.comeFrom("127.0.0.2", 5); len(in) != 5 {
		t.Errorf("%d of another address are in; want 5", len(in))
	}
	c := Dial(t, h.address)
	c.Say([]byte(RequestFor("/chat", "Origin: http://127.0.0.1")))
	if status := c.Head(); status == 101 {
		c.Closes(schema.CloseRate)
	} else {
		t.Errorf("a page: status %d", status)
	}
}
