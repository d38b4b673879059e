package puddle

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestHitKeepAlive(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) { l.plain = true }, func(h hit) {
		h.done(hitAnswer{status: 200, json: fmt.Appendf(nil, "%q", h.message.Data)})
	})
	c := td.dial()
	for n := range 20 {
		c.say(post("", fmt.Sprint(n)))
		if response, body := c.hear("POST"); response.StatusCode != 200 || body != fmt.Sprintf("\"%d\"\n", n) || response.Close {
			t.Fatalf("%d: %s %s", n, response.Status, body)
		}
	}
	c.say("GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n")
	if response, _ := c.hear("GET"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
	c.say("GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if response, body := c.hear("GET"); response.StatusCode != 400 || !response.Close || !strings.Contains(body, "of its own") {
		t.Errorf("%s, close %t: %s", response.Status, response.Close, body)
	}
	c.ended()
}

// A proxy's connection is one client's no longer than a request, since the
// loop has told only the first one's address.
func TestHitThroughProxy(t *testing.T) {
	td := openDesk(t, nil, nil)
	c := td.dial()
	c.say(post("X-Forwarded-For: 192.0.2.1\r\n", "x") + post("X-Forwarded-For: 192.0.2.2\r\n", "y"))
	if response, _ := c.hear("POST"); response.StatusCode != 200 || !response.Close {
		t.Errorf("%s, close %t", response.Status, response.Close)
	}
	c.ended()
	td.one()
}

// All of it is with the loop before the desk sees the first.
func TestHitPipelined(t *testing.T) {
	td := openDesk(t, nil, func(h hit) {
		go func() { // answered out of order, heard in order
			time.Sleep(time.Duration(5-len(h.message.Data)) * time.Millisecond)
			h.done(hitAnswer{status: 200, json: fmt.Appendf(nil, "%q", h.message.Data)})
		}()
	})
	c := td.dial()
	var all strings.Builder
	for n := range 5 {
		all.WriteString(post("", strings.Repeat("x", n)))
	}
	c.say(all.String() + "GET /-/spaces HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	for n := range 5 {
		if _, body := c.hear("POST"); body != fmt.Sprintf("%q\n", strings.Repeat("x", n)) {
			t.Errorf("%d: %s", n, body)
		}
	}
	if response, _ := c.hear("GET"); !response.Close {
		t.Error("not the last")
	}
	c.ended()
}

func TestHitMalformedHead(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) { l.headBytes = 1 << 10 }, nil)
	for name, c := range map[string]struct {
		head   string
		status int
		code   string
	}{
		"garbage":     {"\x16\x03\x01\x00\r\n\r\n", 400, "malformed"},
		"no host":     {"GET /-/spaces HTTP/1.1\r\n\r\n", 400, "malformed"},
		"two hosts":   {"GET /-/spaces HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed"},
		"length":      {"POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400, "malformed"},
		"coding":      {"POST /chat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "unavailable"},
		"too long":    {"GET /-/spaces HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", 431, "too-large"},
		"old version": {"GET /-/spaces HTTP/1.0\r\nHost: h\r\n\r\n", 505, "unavailable"},
		"new version": {"GET /-/spaces HTTP/3.0\r\nHost: h\r\n\r\n", 505, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := td.dial()
			conn.say(post("", "x"))
			conn.hear("POST")
			conn.say(c.head)
			response, body := conn.hear("GET")
			if response.StatusCode != c.status || !response.Close || response.Header.Get("Content-Type") != "application/json" ||
				!strings.HasPrefix(body, `{"error":"`+c.code+`"`) || !strings.HasSuffix(body, "}\n") {
				t.Errorf("%s, close %t, %q", response.Status, response.Close, body)
			}
			conn.ended()
		})
	}
}

func TestHitTimes(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) {
		l.headTime, l.idleTime = 80*time.Millisecond, 80*time.Millisecond
	}, nil)
	for _, next := range []string{"", "GET /-/spaces HT", "GET /-/spaces HTTP/1.1\r\nHost: h\r\n"} {
		c := td.dial()
		c.say(post("", "x"))
		if response, _ := c.hear("POST"); response.StatusCode != 200 {
			t.Fatal(response.Status)
		}
		c.say(next)
		rest, err := io.ReadAll(c.r)
		if err != nil || len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 400 ") {
			t.Errorf("%q: %q, %v; want the end", next, rest, err)
		}
	}
	if n := len(td.asked()); n != 3 {
		t.Errorf("%d hits; want 3", n)
	}
}

// A client that has closed its half still hears; one that is gone is no harm.
func TestHitClientGone(t *testing.T) {
	answer := make(chan hit, 10)
	td := openDesk(t, nil, func(h hit) { answer <- h })

	c := td.dial()
	c.say(post("", "half"))
	c.Conn.(*net.TCPConn).CloseWrite()
	h := <-answer
	time.Sleep(20 * time.Millisecond)
	h.done(hitAnswer{status: 200, json: []byte("{}")})
	if response, _ := c.hear("POST"); response.StatusCode != 200 {
		t.Error(response.Status)
	}

	gone := td.dial()
	gone.say(post("", "gone"))
	h = <-answer
	gone.Conn.(*net.TCPConn).SetLinger(0) // a reset
	gone.Close()
	time.Sleep(20 * time.Millisecond)
	h.done(hitAnswer{status: 200, json: []byte("{}")})
	awaitDesk(t, "no connection open", td.nobody)

	early := td.dial()
	early.say("POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf of it")
	early.Close()
	awaitDesk(t, "no connection open", td.nobody)
	if n := len(td.asked()); n != 2 {
		t.Errorf("%d hits; want 2: none of half a body", n)
	}
}

func (td *testDesk) nobody() bool {
	td.mutex.Lock()
	waiting := len(td.queue)
	td.mutex.Unlock()
	td.desk.mutex.Lock()
	defer td.desk.mutex.Unlock()
	return td.desk.open == 0 && waiting == 0
}
