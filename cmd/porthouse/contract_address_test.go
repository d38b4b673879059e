package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// at is a request for a path on a host.
func at(host, path string, lines ...string) []byte {
	return []byte(strings.Replace(RequestFor(path, lines...), "Host: 127.0.0.1", "Host: "+host, 1))
}

func (h *house) atHost(host, path string, lines ...string) *Client {
	h.t.Helper()
	c := Dial(h.t, h.address)
	c.Say(at(host, path, lines...))
	if status := c.Head(); status != 101 {
		h.t.Fatalf("%s%s: status %d", host, path, status)
	}
	return c
}

func TestEndpoints(t *testing.T) {
	var alice, bob string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice, bob = d.client("alice", `{"owner":true}`), d.client("bob", "")
		d.do("client", "set", "alice", `{"admits":["bob"]}`)
		d.client("quiet", "")
		d.do("room", "add", "alice/notes", "")
		d.do("room", "add", "hall", "")
		d.do("endpoint", "add", "notes.example", `{"room":"alice/notes"}`)
		d.do("endpoint", "add", "shop.example/door", `{"room":"hall"}`)
		d.do("endpoint", "add", "alice.example", `{"client":"alice"}`)
	}), "--transient", "nobody", "--primary", "house.example")
	speaks := "Sec-WebSocket-Protocol: " + JSON
	for _, place := range []struct{ host, path, room string }{
		{"house.example", "/hall", "hall"}, {"HOUSE.example:8080", "/hall", "hall"},
		{"house.example", "/alice/notes", "alice/notes"}, {"alice.house.example", "/notes", "alice/notes"},
		{"notes.example", "/", "alice/notes"}, {"shop.example", "/door", "hall"},
	} {
		c := h.atHost(place.host, place.path, speaks)
		c.Expects(`{"ok":"join","room":"` + place.room + `"}`)
		c.Close()
	}
	for _, place := range []struct{ host, path string }{
		{"other.example", "/hall"}, {"127.0.0.1", "/hall"}, {"notes.example", "/hall"}, {"shop.example", "/"}, {"shop.example", "/hall"},
		{"nobody.house.example", "/"}, {"alice.house.example", "/bob/x"}, {"house.example", "/nothing"}, {"a.b.house.example", "/"},
		{"house.example", "/-/nothing"}, {"house.example", "/hall%2f"}, {"house.example", "/" + strings.Repeat("a", 129)},
	} {
		c := Dial(t, h.address)
		c.Say(at(place.host, place.path))
		if status := c.Head(); status != 404 {
			t.Errorf("%s%s: %d", place.host, place.path, status)
		}
	}
	own := h.atHost("alice.house.example", "/", speaks, bearer(alice))
	own.Expects(`{"ok":"join","room":"alice/home"}`)
	own.Tells(`{"do":"join","room":"notes"}`, `{"ok":"join","room":"alice/notes"}`)
	own.Tells(`{"do":"join","room":"/hall"}`, `{"ok":"join","room":"hall"}`)
	guest := h.atHost("alice.example", "/", speaks, bearer(bob))
	guest.Tells(`{"do":"whoami"}`, `{"state":"space","client":"bob"}`)
	guest.Tells(`{"do":"join","room":"notes"}`, `{"ok":"join","room":"alice/notes"}`)
	c := Dial(t, h.address)
	c.Say(at("quiet.house.example", "/", bearer(bob)))
	if status := c.Head(); status != 403 {
		t.Errorf("an endpoint that admits nobody: %d", status)
	}
	lobby := h.atHost("quiet.house.example", "/")
	lobby.Tells("AUTH TOKEN "+bob, `{"error":"denied","do":"auth"}`)
	lobby = h.atHost("alice.house.example", "/")
	lobby.Tells("AUTH TOKEN "+alice, `{"ok":"auth","client":"alice"}`)
	lobby.Expects(`{"ok":"join","room":"alice/home"}`)

	// an owner leads an address of its own somewhere, and takes it back
	own.Tells(`{"do":"new endpoint","host":"new.example","room":"notes"}`, `{"ok":"new endpoint"}`)
	h.atHost("new.example", "/").Close()
	own.Tells(`{"do":"drop endpoint","host":"new.example"}`, `{"ok":"drop endpoint"}`)
	c = Dial(t, h.address)
	c.Say(at("new.example", "/"))
	if status := c.Head(); status != 404 {
		t.Errorf("an endpoint that was dropped: %d", status)
	}
	guest.Tells(`{"do":"new endpoint","host":"bob.example","room":"hall"}`, `{"error":"denied"}`)
}

// A PROXY header and X-Forwarded-For are believed from proxies alone.
func TestBehindAProxy(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(*deed) {}), "--open", "--proxies", "127.0.0.1/32")
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x11, 0, 12)
	header = append(header, 192, 0, 2, 7, 127, 0, 0, 1)
	header = binary.BigEndian.AppendUint16(header, 4711)
	header = binary.BigEndian.AppendUint16(header, 80)
	c := Dial(t, h.address)
	c.Say(header[:9])
	time.Sleep(50 * time.Millisecond)
	c.Say(append(header[9:], RequestFor("/chat")...))
	if status := c.Head(); status != 101 {
		t.Fatalf("status %d", status)
	}
	forwarded := Open(t, h.address, "/chat", "", "X-Forwarded-For: 203.0.113.9, 198.51.100.4")
	plain := Open(t, h.address, "/chat", "")
	foreign, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", h.address)
	Check(t, err)
	t.Cleanup(func() { foreign.Close() })
	io.WriteString(foreign, RequestFor("/chat", "X-Forwarded-For: 203.0.113.9"))
	want := map[string]string{c.Sequence: "192.0.2.7:4711", forwarded.Sequence: "198.51.100.4:0", plain.Sequence: "127.0.0.1:"}
	h.eventually("all are listed", func() bool { return len(h.sequences()) == 4 })
	for _, s := range h.sequences() {
		address, known := want[s.Sequence]
		if !known {
			address = "127.0.0.2:"
		}
		if !strings.HasPrefix(s.Address, address) {
			t.Errorf("%s comes from %s; want %s", s.Sequence, s.Address, address)
		}
	}
}

const jwtSecret = "0123456789abcdef0123456789abcdef"

func signed(claims string) string {
	text := base64.RawURLEncoding
	body := text.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + text.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	io.WriteString(mac, body)
	return body + "." + text.EncodeToString(mac.Sum(nil))
}

func TestJWT(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	Check(t, os.WriteFile(key, []byte(jwtSecret), 0o600))
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		d.do("room", "add", "members", `{"rules":{"access":"authenticated"}}`)
	}), "--transient", "nobody", "--jwt-key", "HS256:"+key)
	soon := time.Now().Add(5 * time.Second).Unix()
	later := time.Now().Add(time.Hour).Unix()
	c := h.on(1, "/members", JSON, bearer(signed(fmt.Sprintf(`{"sub":"user-7","exp":%d}`, soon))))
	c.Expects(`{"ok":"join"}`)
	c.Text(`{"do":"whoami"}`)
	warned := false
	for {
		got := c.Object()
		if got["event"] != "expiring" {
			Has(t, got, `{"client":"user-7"}`)
			break
		}
		warned = true
	}
	renewed := h.on(2, "/members", JSON, bearer(signed(fmt.Sprintf(`{"sub":"user-8","exp":%d}`, soon))))
	renewed.Expects(`{"ok":"join"}`)
	says := func(token, want string) {
		t.Helper()
		renewed.Text(`{"do":"auth","token":"` + token + `"}`)
		got := renewed.Object()
		for got["event"] == "expiring" {
			got = renewed.Object()
		}
		Has(t, got, want)
	}
	says(signed(fmt.Sprintf(`{"sub":"user-7","exp":%d}`, later)), `{"error":"denied"}`)
	says(signed(fmt.Sprintf(`{"sub":"user-8","exp":%d}`, later)), `{"ok":"auth","client":"user-8"}`)
	if !warned {
		c.Expects(`{"event":"expiring","in":"*"}`)
	}
	c.Closes(schema.CloseUnknown)
	time.Sleep(time.Second)
	renewed.Tells(`{"do":"ping"}`, `{"ok":"ping"}`)
	for name, token := range map[string]string{
		"expired":  signed(`{"sub":"a","exp":1}`),
		"no sub":   signed(fmt.Sprintf(`{"exp":%d}`, later)),
		"tampered": signed(fmt.Sprintf(`{"sub":"a","exp":%d}`, later)) + "x",
	} {
		if status := Status(t, h.address, "/members", bearer(token)); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	limited := signed(fmt.Sprintf(`{"sub":"a","exp":%d,"rooms":["other"]}`, later))
	if status := Status(t, h.address, "/members", bearer(limited)); status != 403 {
		t.Errorf("a token for another room: %d", status)
	}
}

func TestTheSameKeyIsSentOnce(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) { alice = d.client("alice", "") }), "--open")
	a, b := h.on(0, "/chat", JSON, bearer(alice)), h.on(1, "/chat", JSON, bearer(alice))
	a.Expects(`{"ok":"join"}`)
	b.Expects(`{"ok":"join"}`)
	hears := h.on(2, "/chat", "")
	first := a.Tells(`{"data":"once","key":"k1","ref":"1"}`, `{"ok":"send","ref":"1","receivers":2}`)
	b.Expects(`{"data":"once"}`)
	again := b.Tells(`{"data":"once","key":"k1","ref":"2"}`, `{"ok":"send","ref":"2","receivers":2}`)
	if first["id"] != again["id"] {
		t.Errorf("ids %v and %v", first["id"], again["id"])
	}
	hears.Hears(OpText, "once")
	a.Text(`{"data":"other","key":"k2"}`)
	hears.Hears(OpText, "other")
}

// A message that was refused was not sent: its key is free for the next try.
func TestTheKeyOfARefusedMessageIsFree(t *testing.T) {
	var alice string
	h := houseOf(t, 2, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true}`)
		d.do("room", "add", "news", `{"owner":"alice","rules":{"format":"json","send":"nobody"}}`)
	}))
	hears := h.on(1, "/news", "")
	a := h.on(0, "/news", JSON, bearer(alice))
	a.Expects(`{"ok":"join"}`)
	post := func() int {
		status, _, _ := h.post("POST", "/news", "application/json", `"posted"`, bearer(alice), "Idempotency-Key: k2")
		return status
	}
	a.Tells(`{"data":"sent","key":"k1","ref":"1"}`, `{"error":"denied","ref":"1"}`)
	if status := post(); status != 403 {
		t.Errorf("a POST that nobody may make: %d", status)
	}
	a.Tells(`{"do":"rules","room":"news","rules":{"send":"members"}}`, `{"ok":"rules"}`)
	a.Tells(`{"data":"sent","key":"k1","ref":"2"}`, `{"ok":"send","ref":"2","receivers":1}`)
	hears.Hears(OpText, `"sent"`)
	if status := post(); status != 200 {
		t.Errorf("the same POST, when all may: %d", status)
	}
	hears.Hears(OpText, `"posted"`)
}

func TestMsgpack(t *testing.T) {
	h := newHouse(t, 3)
	packed := h.on(0, "/chat", Msgpack)
	if op, _, err := packed.Next(); op != OpBytes || err != nil {
		t.Fatalf("the join's reply: op %d, %v", op, err)
	}
	text, raw := h.on(1, "/chat", JSON), h.on(2, "/chat", "")
	text.Expects(`{"ok":"join"}`)
	// {"data": {"n": 7, "b": true}}
	packed.Say(Frame(Final|OpBytes, []byte("\x81\xa4data\x82\xa1n\x07\xa1b\xc3")))
	got := text.Expects(`{"room":"chat"}`)
	Has(t, got["data"].(map[string]any), `{"n":7,"b":true}`)
	raw.Hears(OpText, `{"n":7,"b":true}`)
	// {"data": bin 01 02}
	packed.Say(Frame(Final|OpBytes, []byte("\x81\xa4data\xc4\x02\x01\x02")))
	text.Expects(`{"room":"chat","bytes":"AQI="}`)
	raw.Hears(OpBytes, "\x01\x02")
	raw.Text("hi")
	text.Expects(`{"data":"hi"}`)
	packed.Hears(OpBytes, "\x82\xa4room\xa4chat\xa4data\xa2hi")
	// {"do": "ping", "ref": "r"}
	packed.Say(Frame(Final|OpBytes, []byte("\x82\xa2do\xa4ping\xa3ref\xa1r")))
	packed.Hears(OpBytes, "\x82\xa2ok\xa4ping\xa3ref\xa1r")
}
