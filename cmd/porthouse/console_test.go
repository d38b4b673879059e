package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// consoleAt is a browser at a console: what it sends, a test says.
type consoleAt struct {
	t            *testing.T
	host         string // of the admin address
	cookie, csrf string
}

// send asks with header fields "Name: value"; an empty value takes one of the
// console's own away.
func (c *consoleAt) send(method, path, body string, lines ...string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, "http://"+c.host+path, strings.NewReader(body))
	Check(c.t, err)
	r.Header.Set("Origin", "http://"+c.host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Cookie", c.cookie)
	r.Header.Set("Porthouse-CSRF", c.csrf)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
		if name == "Host" {
			r.Host = value
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	Check(c.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	Check(c.t, err)
	return answer, string(text)
}

func (c *consoleAt) wants(status int, method, path, body string, lines ...string) string {
	c.t.Helper()
	answer, text := c.send(method, path, body, lines...)
	if answer.StatusCode != status {
		c.t.Errorf("%s %s %q: %s %s; want %d", method, path, lines, answer.Status, text, status)
	}
	return text
}

// enters begins a session.
func (c *consoleAt) enters(by string) {
	c.t.Helper()
	answer, text := c.send("POST", "/-/session", by)
	var said struct{ CSRF string }
	if answer.StatusCode != 200 || json.Unmarshal([]byte(text), &said) != nil || len(answer.Cookies()) != 1 {
		c.t.Fatalf("session: %s %s", answer.Status, text)
	}
	cookie := answer.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || len(cookie.Value) < 43 || len(said.CSRF) < 43 {
		c.t.Errorf("cookie %v, CSRF token %q", cookie, said.CSRF)
	}
	c.cookie, c.csrf = cookie.Name+"="+cookie.Value, said.CSRF
}

func (c *consoleAt) listens(lines ...string) (*websocket.Conn, int) {
	c.t.Helper()
	header := http.Header{"Origin": {"http://" + c.host}, "Cookie": {c.cookie}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	socket, answer, err := websocket.Dial(context.Background(), "ws://"+c.host+"/-/console",
		&websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{JSON}})
	if err != nil && answer == nil {
		c.t.Fatal(err)
	}
	if socket != nil {
		socket.SetReadLimit(1 << 20)
		c.t.Cleanup(func() { socket.CloseNow() })
	}
	return socket, answer.StatusCode
}

// hears reads envelopes until one of the kind comes.
func hears(t *testing.T, socket *websocket.Conn, kind string) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := socket.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for %s: %v", kind, err)
		}
		var m struct {
			Room string
			Data map[string]any
		}
		if json.Unmarshal(text, &m) == nil && m.Room == "-console" && m.Data["kind"] == kind {
			return m.Data
		}
	}
}

// closesWith reads until the socket's end.
func closesWith(t *testing.T, socket *websocket.Conn, code schema.CloseCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := socket.Read(ctx); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusCode(code) {
				t.Errorf("ended with %v; want %d", err, code)
			}
			return
		}
	}
}

// withConsole is a house with an admin address, and the console's host.
func withConsole(t *testing.T, seed func(*deed)) (*house, *consoleAt) {
	h := houseOf(t, 2, keeping(t, seed), "--open", "--admin", "127.0.0.1:0")
	out, _, _ := h.ask("status", "--json")
	var status struct{ Admin string }
	Check(t, json.Unmarshal([]byte(out), &status))
	return h, &consoleAt{t: t, host: status.Admin}
}

// invitation is a one-time code.
func (h *house) invitation(c *consoleAt) string {
	h.t.Helper()
	out, stderr, code := h.ask("console")
	at, invitation, found := strings.Cut(strings.TrimSpace(out), "#")
	if code != 0 || !found || at != "http://"+c.host+"/" {
		h.t.Fatalf("console: exit %d, %s, %s", code, out, stderr)
	}
	return `{"code":"` + invitation + `"}`
}

func TestConsoleByAOneTimeAddress(t *testing.T) {
	h, c := withConsole(t, func(*deed) {})
	c.wants(200, "GET", "/", "", "Cookie: ")
	c.wants(401, "GET", "/-/session", "")
	c.wants(401, "GET", "/-/spaces", "")
	c.wants(401, "GET", "/api/status", "")
	code := h.invitation(c)
	c.wants(403, "POST", "/-/session", code, "Origin: ")
	c.wants(403, "POST", "/-/session", code, "Origin: null")
	c.wants(403, "POST", "/-/session", code, "Origin: http://evil.example")
	c.wants(403, "POST", "/-/session", code, "Host: evil.example", "Origin: http://evil.example")
	c.wants(400, "POST", "/-/session", code, "Content-Type: text/plain")
	c.wants(401, "POST", "/-/session", `{"code":"wrong"}`)
	c.wants(401, "POST", "/-/session", `{}`)
	c.enters(code)
	c.wants(401, "POST", "/-/session", code) // it was good once

	for _, path := range []string{"/-/session", "/-/spaces", "/-/sequences", "/api/status", "/api/rooms", "/api/clients"} {
		c.wants(200, "GET", path, "")
		c.wants(403, "GET", path, "", "Sec-Fetch-Site: cross-site")
		c.wants(403, "GET", path, "", "Host: localhost:"+strings.Split(c.host, ":")[1]) // begun elsewhere
		c.wants(401, "GET", path, "", "Cookie: "+c.cookie+"x")
	}
	for _, deed := range [][3]string{{"POST", "/-/scale", `{"puddles":2}`}, {"PUT", "/api/rooms/kept", `{}`}, {"POST", "/api/send", `{"room":"kept","data":"x"}`}} {
		c.wants(403, deed[0], deed[1], deed[2], "Porthouse-CSRF: ")
		c.wants(403, deed[0], deed[1], deed[2], "Porthouse-CSRF: "+strings.Repeat("A", 43))
		c.wants(403, deed[0], deed[1], deed[2], "Origin: ")
		c.wants(403, deed[0], deed[1], deed[2], "Origin: http://localhost:1")
		if answer, text := c.send(deed[0], deed[1], deed[2]); answer.StatusCode/100 != 2 {
			t.Errorf("%v: %s %s", deed, answer.Status, text)
		}
	}
	for _, path := range []string{"/-/reload", "/-/scale", "/-/rules/kept"} {
		c.wants(400, "POST", path, `{"nonsense":1}`)
	}
	if text := c.wants(200, "POST", "/-/rules/kept", `{"size":1000}`); !strings.Contains(text, `"size":1000`) {
		t.Errorf("rules: %s", text)
	}
	c.wants(404, "GET", "/-/rules/nowhere", "")
	member := Open(t, h.address, "/passing", JSON)
	member.Expects(`{"ok":"join"}`)
	if text := c.wants(200, "POST", "/-/rules/passing", `{"echo":true}`); !strings.Contains(text, `"echo":true`) {
		t.Errorf("a transient room's rules: %s", text)
	}
	member.Text(`{"data":"x"}`)
	member.Expects(`{"data":"x"}`)
	c.wants(400, "POST", "/-/rules/passing", `{"siez":1}`)

	socket, _ := c.listens()
	hears(t, socket, "past")
	c.wants(200, "DELETE", "/-/session", "")
	c.wants(401, "GET", "/api/status", "")
	closesWith(t, socket, schema.CloseUnknown)
	if strings.Contains(h.log.String(), code) || strings.Contains(h.log.String(), c.csrf) {
		t.Error("the log has a secret")
	}
}

func TestConsoleHearsTheHouse(t *testing.T) {
	h, c := withConsole(t, func(*deed) {})
	if _, status := c.listens(); status != 401 {
		t.Errorf("without a session: %d", status)
	}
	c.enters(h.invitation(c))
	for _, lines := range [][]string{{"Origin: http://evil.example"}, {"Origin: "}, {"Sec-Fetch-Site: cross-site"}} {
		if _, status := c.listens(lines...); status != 403 {
			t.Errorf("%q: %d", lines, status)
		}
	}
	socket, _ := c.listens()
	hears(t, socket, "past")
	picture := hears(t, socket, "snapshot")["snapshot"].(map[string]any)
	Has(t, picture["status"].(map[string]any), `{"state":"up","sequences":0}`)
	Join(t, h.address, "/chat")
	h.eventually("a picture has the socket", func() bool {
		picture := hears(t, socket, "snapshot")["snapshot"].(map[string]any)
		return picture["status"].(map[string]any)["sequences"] == 1.0
	})
	c.wants(202, "POST", "/-/reload", `{"slot":1}`)
	Has(t, hears(t, socket, "progress")["progress"].(map[string]any), `{"slot":1,"step":"start"}`)
	moved := hears(t, socket, "handover")["handover"].(map[string]any)
	Has(t, moved, `{"slot":1,"planned":true,"lost":0}`)
	if stall := moved["stall"].(float64); stall <= 0 || stall > 60 {
		t.Errorf("a stall of %v s", stall)
	}
	Has(t, hears(t, socket, "reloaded"), `{"failed":""}`)
	c.wants(202, "POST", "/-/reload", `{"slot":7}`)
	if failed := hears(t, socket, "reloaded")["failed"]; !strings.Contains(failed.(string), "no puddle 7") {
		t.Errorf("a reload of none: %v", failed)
	}
	late, _ := c.listens()
	past := hears(t, late, "past")
	if handed, lines := past["past"].([]any), past["lines"].([]any); len(handed) != 1 || len(lines) == 0 {
		t.Errorf("who comes later is told of %d hand-overs and %d lines", len(handed), len(lines))
	}
	c.wants(200, "POST", "/-/scale", `{"puddles":3}`)
	h.eventually("three puddles serve", func() bool {
		s, err := h.status()
		return err == nil && len(s.Puddles) == 3 && s.Puddles[2].Pid != 0
	})
	for _, path := range []string{"/-/console", "/-console"} { // the shared port has no such room
		if status := Status(t, h.address, path); status != 404 {
			t.Errorf("%s on the shared port: %d", path, status)
		}
	}
	h.run("stop")
	closesWith(t, socket, schema.CloseHouseStops)
}

func TestConsoleByToken(t *testing.T) {
	var admin, id, owner, limited string
	h, c := withConsole(t, func(d *deed) {
		d.do("client", "add", "root", `{"admin":true}`)
		admin, id = d.tokenAndID("root", "")
		limited = d.token("root", `{"chat":"hear"}`)
		owner = d.client("alice", `{"owner":true}`)
	})
	for _, token := range []string{owner, limited} {
		c.wants(403, "POST", "/-/session", `{"token":"`+token+`"}`)
	}
	c.wants(401, "POST", "/-/session", `{"token":"pht_wrong"}`)
	c.enters(`{"token":"` + admin + `"}`)
	if text := c.wants(200, "GET", "/-/session", ""); !strings.Contains(text, `"client":"root"`) {
		t.Errorf("session: %s", text)
	}
	socket, _ := c.listens()
	hears(t, socket, "snapshot")
	if _, stderr, code := h.ask("token", "revoke", id); code != 0 {
		t.Fatal(stderr)
	}
	closesWith(t, socket, schema.CloseUnknown)
	c.wants(401, "GET", "/api/status", "")
	c.wants(401, "POST", "/-/scale", `{"puddles":1}`)
}

func TestConsoleWithoutAnAdminAddress(t *testing.T) {
	h := newHouse(t, 1)
	if _, stderr, code := h.ask("console"); code != 1 || !strings.Contains(stderr, "--admin") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
