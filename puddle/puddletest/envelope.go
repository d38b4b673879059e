package puddletest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Speaks are the subprotocols by their short names.
const (
	Raw     = "porthouse.v1.raw"
	JSON    = "porthouse.v1.json"
	Msgpack = "porthouse.v1.msgpack"
)

// Open opens a socket that offers subprotocols and reads its 101.
func Open(t testing.TB, address, path, offers string, lines ...string) *Client {
	t.Helper()
	c := Dial(t, address)
	if offers != "" {
		lines = append(lines, "Sec-WebSocket-Protocol: "+offers)
	}
	c.Say([]byte(RequestFor(path, lines...)))
	if status := c.Head(); status != 101 {
		t.Fatalf("%s: status %d", path, status)
	}
	return c
}

// Status is what an opening handshake is answered with.
func Status(t testing.TB, address, path string, lines ...string) int {
	t.Helper()
	c := Dial(t, address)
	defer c.Close()
	c.Say([]byte(RequestFor(path, lines...)))
	return c.Head()
}

// Tell sends text and hears the reply, a JSON object.
func (c *Client) Tell(text string) map[string]any {
	c.t.Helper()
	c.Text(text)
	return c.Object()
}

// Object hears a text frame that is one JSON object; pings are passed over.
func (c *Client) Object() map[string]any {
	c.t.Helper()
	for {
		op, b, err := c.Next()
		if err != nil {
			c.t.Fatalf("heard nothing: %v", err)
		}
		if op == OpPing {
			continue
		}
		var object map[string]any
		if op != OpText || json.Unmarshal(b, &object) != nil {
			c.t.Fatalf("heard op %d %.200q; want a JSON object", op, b)
		}
		return object
	}
}

// Expects hears an object that has at least these fields; a value of "*" is
// any.
func (c *Client) Expects(want string) map[string]any {
	c.t.Helper()
	got := c.Object()
	Has(c.t, got, want)
	return got
}

// Tells sends text and expects an object with at least these fields.
func (c *Client) Tells(text, want string) map[string]any {
	c.t.Helper()
	got := c.Tell(text)
	Has(c.t, got, want)
	return got
}

// Has checks that an object has at least the fields of want.
func Has(t testing.TB, got map[string]any, want string) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(want), &fields); err != nil {
		t.Fatalf("the test expects no JSON: %s", want)
	}
	for key, value := range fields {
		have, there := got[key]
		if !there || value != "*" && !reflect.DeepEqual(have, value) {
			text, _ := json.Marshal(got)
			t.Fatalf("heard %s; want %s", text, want)
		}
	}
}

// HearsNothing expects that nothing comes within a moment but pings.
func (c *Client) HearsNothing() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
	defer c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		op, b, err := c.Next()
		if err != nil && strings.Contains(err.Error(), "timeout") {
			return
		}
		if err != nil || op != OpPing {
			c.t.Fatalf("heard op %d %.200q, %v; want nothing", op, b, err)
		}
	}
}

// HearsNothingNow expects that nothing has come and is not read, but pings.
func (c *Client) HearsNothingNow() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
	defer c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		op, b, err := c.Next()
		if err != nil && strings.Contains(err.Error(), "timeout") {
			return
		}
		if err != nil || op != OpPing {
			c.t.Fatalf("heard op %d %.200q, %v; want nothing", op, b, err)
		}
	}
}

// Envelope is a message as an envelope.
func Envelope(room string, data any) string {
	text, _ := json.Marshal(data)
	return fmt.Sprintf(`{"room":%q,"data":%s}`, room, text)
}
