package puddle

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema/format"
)

func TestHitBodies(t *testing.T) {
	for _, c := range []struct {
		name, lines, body string
		status            int
		kind              format.Kind
		data              string
	}{
		{"text", "Content-Type: text/plain\r\n", "hello", 200, format.Text, "hello"},
		{"text of a charset", "Content-Type: text/plain; charset=utf-8\r\n", "grüße", 200, format.Text, "grüße"},
		{"markdown", "Content-Type: text/markdown\r\n", "# hi", 200, format.Text, "# hi"},
		{"json", "Content-Type: application/json\r\n", `{"a": 1.50}`, 200, format.Value, `{"a": 1.50}`},
		{"some json", "Content-Type: application/activity+json\r\n", `[1]`, 200, format.Value, `[1]`},
		{"bytes", "Content-Type: application/octet-stream\r\n", "\x00\xff", 200, format.Bytes, "\x00\xff"},
		{"bytes that are text", "Content-Type: application/octet-stream\r\n", "hi", 200, format.Bytes, "hi"},
		{"no type, text", "", "hello", 200, format.Text, "hello"},
		{"no type, bytes", "", "\xff\xfe", 200, format.Bytes, "\xff\xfe"},
		{"curl -d hello", "Content-Type: application/x-www-form-urlencoded\r\n", "hello", 200, format.Text, "hello"},
		{"nothing", "Content-Type: text/plain\r\n", "", 200, format.Text, ""},
		{"no json", "Content-Type: application/json\r\n", `{"a":`, 400, 0, ""},
		{"a picture", "Content-Type: image/png\r\n", "\x89PNG", 415, 0, ""},
		{"compressed", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "\x1f\x8b", 415, 0, ""},
		{"a long key", "Idempotency-Key: " + strings.Repeat("k", 129) + "\r\n", "hi", 400, 0, ""},
		{"identity", "Content-Type: text/plain\r\nContent-Encoding: identity\r\n", "hi", 200, format.Text, "hi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := openDesk(t, nil, nil)
			response, body := td.trade(post(c.lines, c.body))
			if response.StatusCode != c.status {
				t.Fatalf("%s %s; want %d", response.Status, body, c.status)
			}
			if c.status != 200 {
				if len(td.asked()) != 0 {
					t.Error("a refused body was asked about")
				}
				return
			}
			h := td.one()
			if h.kind != hitSend || h.message.Kind != c.kind || string(h.message.Data) != c.data {
				t.Errorf("%v: %v %q; want %v %q", h.kind, h.message.Kind, h.message.Data, c.kind, c.data)
			}
			if h.path != "/chat" || h.host != "house.test:8080" || h.method != "POST" || h.address != testClient || h.origin != nil || h.offered {
				t.Errorf("%s of %q by %v: %q, offered %t", h.method, h.path, h.address, h.origin, h.offered)
			}
		})
	}
}

func TestHitBodyInPieces(t *testing.T) {
	td := openDesk(t, nil, nil)
	c := td.dial()
	long := strings.Repeat("0123456789", 10_000)
	whole := post("Content-Type: text/plain\r\n", long)
	for _, cut := range [][2]int{{0, 150}, {150, 20_000}, {20_000, len(whole)}} {
		c.say(whole[cut[0]:cut[1]])
		time.Sleep(5 * time.Millisecond)
	}
	if response, body := c.hear("POST"); response.StatusCode != 200 {
		t.Fatal(response.Status, body)
	}
	if got := string(td.one().message.Data); got != long {
		t.Errorf("%d bytes arrived, or others; want %d", len(got), len(long))
	}
	if held := td.held.Load(); held != 0 {
		t.Errorf("%d bytes held when nobody is there", held)
	}
}

func TestHitChunked(t *testing.T) {
	td := openDesk(t, nil, nil)
	const head = "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
	response, _ := td.trade(head + "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
	if got := td.one(); response.StatusCode != 200 || string(got.message.Data) != "hello" {
		t.Errorf("%s, %q", response.Status, got.message.Data)
	}
	response, body := td.trade(head + "zz\r\n")
	if response.StatusCode != 400 || !response.Close || !strings.Contains(body, `"malformed"`) {
		t.Errorf("%s %s", response.Status, body)
	}
}

func TestHitForms(t *testing.T) {
	var parts bytes.Buffer
	m := multipart.NewWriter(&parts)
	m.WriteField("to", "alice")
	m.WriteField("to", "~1")
	m.WriteField("token", "pht_form")
	m.WriteField("password", "sesame")
	file, _ := m.CreateFormFile("file", "a.bin")
	file.Write([]byte("\x00\x01\xff"))
	m.Close()
	const urlencoded = "Content-Type: application/x-www-form-urlencoded\r\n"
	for _, c := range []struct {
		name, lines, body string
		kind              format.Kind
		data              string
		to                []string
		token, client     string
		of, room          string // passwords: the client's, the room's
		key               string
	}{
		{name: "message", lines: urlencoded, body: "message=a+b&to=alice&key=k1",
			kind: format.Text, data: "a b", to: []string{"alice"}, key: "k1"},
		{name: "client", lines: urlencoded, body: "message=x&client=bob&password=p%26q",
			kind: format.Text, data: "x", client: "bob", of: "p&q"},
		{name: "room", lines: urlencoded, body: "message=x&password=sesame", kind: format.Text, data: "x", room: "sesame"},
		{name: "object", lines: urlencoded, body: "temperature=21", kind: format.Value, data: `{"temperature":"21"}`},
		{name: "header before form", lines: urlencoded + "Authorization: Bearer pht_head\r\nIdempotency-Key: k0\r\n",
			body: "message=x&token=pht_form&key=k1", kind: format.Text, data: "x", token: "pht_head", key: "k0"},
		{name: "not filled in", lines: urlencoded, body: "message=x&token=&client=&password=", kind: format.Text, data: "x"},
		{name: "file", lines: "Content-Type: " + m.FormDataContentType() + "\r\n", body: parts.String(),
			kind: format.Bytes, data: "\x00\x01\xff", to: []string{"alice", "~1"}, token: "pht_form", room: "sesame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := openDesk(t, nil, nil)
			if response, body := td.trade(post(c.lines, c.body)); response.StatusCode != 200 {
				t.Fatal(response.Status, body)
			}
			h := td.one()
			if h.message.Kind != c.kind || string(h.message.Data) != c.data || !slices.Equal(h.to, c.to) || h.key != c.key {
				t.Errorf("%v %q to %q, key %q", h.message.Kind, h.message.Data, h.to, h.key)
			}
			if h.credential.Token != c.token || h.credential.Client != c.client || h.credential.Password != c.of || h.password != c.room {
				t.Errorf("%+v, room's password %q", h.credential, h.password)
			}
			if h.offered != (c.token != "" || c.client != "") || h.basic {
				t.Errorf("offered %t, basic %t", h.offered, h.basic)
			}
		})
	}
}

func TestHitTooLarge(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) { l.bodyMost = 1000 }, nil)
	c := td.dial()
	c.say(post("Content-Type: text/plain\r\n", strings.Repeat("x", 1000)))
	if response, body := c.hear("POST"); response.StatusCode != 200 {
		t.Fatal(response.Status, body)
	}
	for name, request := range map[string]string{
		"declared, nothing of it sent": "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n",
		"declared, huge":               "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000000\r\n\r\n",
		"waits for 100":                "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
		"chunked, without end": "POST /chat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"400\r\n" + strings.Repeat("x", 1024) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := td.dial()
			c.say(request)
			response, body := c.hear("POST")
			if response.StatusCode != 413 || !response.Close || !strings.Contains(body, `{"error":"too-large"`) {
				t.Errorf("%s, close %t, %s", response.Status, response.Close, body)
			}
			c.ended()
		})
	}
	if n := len(td.asked()); n != 1 {
		t.Errorf("%d hits; want 1", n)
	}
}

// Who is refused before its body is there, and goes on sending it, hears why:
// the connection is not reset under the answer, whatever the head says.
func TestHitRefusedWhileSending(t *testing.T) {
	for _, line := range []string{"", "Connection: close\r\n", "Expect: 100-continue\r\n"} {
		td := openDesk(t, nil, nil)
		c := td.dial()
		c.say(fmt.Sprintf("POST /chat HTTP/1.1\r\nHost: house.test\r\n%sContent-Length: %d\r\n\r\n", line, 2<<20))
		if response, body := c.hear("POST"); response.StatusCode != 413 {
			t.Errorf("%q: %s %s", line, response.Status, body)
		}
		began := time.Now()
		for range 3 { // where the first meets a reset, the next is refused
			_, err := c.Write(make([]byte, 16<<10))
			if took := time.Since(began); err != nil && took < lingerTime/2 {
				t.Errorf("%q: reset %v after the answer: %v", line, took, err)
			}
			time.Sleep(lingerTime / 10)
		}
	}
}

func TestHitContinue(t *testing.T) {
	td := openDesk(t, nil, nil)
	c := td.dial()
	c.say("POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if response, _ := c.hear("POST"); response.StatusCode != http.StatusContinue {
		t.Fatal(response.Status)
	}
	c.say("hello")
	if response, _ := c.hear("POST"); response.StatusCode != 200 || string(td.one().message.Data) != "hello" {
		t.Error(response.Status)
	}
}

// All bodies together have a bound, and give back what they took.
func TestHitBodiesHeld(t *testing.T) {
	wait := make(chan struct{})
	td := openDesk(t, func(l *deskLimits) { l.heldMost = 20 << 10 }, func(h hit) {
		go func() {
			<-wait
			h.done(hitAnswer{status: 200})
		}()
	})
	body := strings.Repeat("x", 10<<10) // in 16 KiB
	first := td.dial()
	first.say(post("", body))
	awaitDesk(t, "the first hit", func() bool { return len(td.asked()) == 1 })
	response, text := td.trade(post("", body))
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s", response.Status, text)
	}
	close(wait)
	if response, _ := first.hear("POST"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
	awaitDesk(t, "all given back", func() bool { return td.held.Load() == 0 })
	if response, _ := td.trade(post("", body)); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}

func TestHitSlowBody(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) { l.bodyTime = 100 * time.Millisecond }, nil)
	for _, coding := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		c := td.dial()
		c.say(fmt.Sprintf("POST /chat HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", coding))
		response, body := c.hear("POST")
		if response.StatusCode != 408 || !response.Close || !strings.HasSuffix(body, "}\n") {
			t.Errorf("%s: %s %s", coding, response.Status, body)
		}
		c.ended()
	}
	if n := len(td.asked()); n != 0 {
		t.Errorf("%d hits of half a body", n)
	}
}

// The time for a body is no time for the loop.
func TestHitAnswerAfterBodyTime(t *testing.T) {
	td := openDesk(t, func(l *deskLimits) { l.bodyTime = 50 * time.Millisecond }, func(h hit) {
		time.Sleep(120 * time.Millisecond)
		h.done(hitAnswer{status: 200})
	})
	c := td.dial()
	for range 2 {
		c.say(post("", "x"))
		if response, _ := c.hear("POST"); response.StatusCode != 200 || response.Close {
			t.Errorf("%s, close %t", response.Status, response.Close)
		}
	}
}

// A body that nobody wanted is not taken for the next request.
func TestHitUnreadBody(t *testing.T) {
	td := openDesk(t, nil, nil)
	c := td.dial()
	c.say(post("Authorization: none\r\n", "GET /-/spaces HTTP/1.1\r\nHost: h\r\n\r\n"))
	if response, body := c.hear("POST"); response.StatusCode != 401 || !response.Close {
		t.Errorf("%s, close %t: %s", response.Status, response.Close, body)
	}
	c.ended()
	if n := len(td.asked()); n != 0 {
		t.Errorf("%d hits", n)
	}
}

// awaitDesk waits until it is so.
func awaitDesk(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
