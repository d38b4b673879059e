package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// shown is what a GET of a path is answered with.
func (h *house) shown(path, host, accept string, lines ...string) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequest("GET", "http://"+h.address+path, nil)
	Check(h.t, err)
	if host != "" {
		r.Host = host
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	Check(h.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	Check(h.t, err)
	return answer, string(body)
}

const fromBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

func TestPageForBrowsersAlone(t *testing.T) {
	h := houseOf(t, 2, keeping(t, func(d *deed) {
		d.client("alice", `{"owner":true}`)
		d.do("room", "add", "alice/notes", `{}`)
		d.do("endpoint", "add", "notes.example", `{"room":"alice/notes"}`)
	}), "--primary", "chat.example")
	for _, c := range []struct {
		path, host, accept string
		status             int
		begins             string
	}{
		{"/", "chat.example", fromBrowser, 200, "<!doctype html>"},
		{"/chat", "chat.example", fromBrowser, 200, "<!doctype html>"},
		{"/alice/notes?x=1", "chat.example:8080", "TEXT/HTML", 200, "<!doctype html>"},
		{"/notes", "alice.chat.example", fromBrowser, 200, "<!doctype html>"},
		{"/", "alice.chat.example", fromBrowser, 200, "<!doctype html>"},
		{"/", "notes.example", fromBrowser, 200, "<!doctype html>"},
		{"/-/page.js", "other.example", "*/*", 200, "//"},
		{"/-/page.css", "chat.example", "text/css", 200, ":root"},
		{"/-/page.svg", "chat.example", "image/avif", 200, "<svg"},

		{"/", "chat.example", "", 426, "This is a lobby"},
		{"/chat", "chat.example", "*/*", 426, "This is a room"},
		{"/chat", "chat.example", "text/html, text/event-stream", 406, `{"error"`},
		{"/chat", "other.example", fromBrowser, 404, `{"error"`},
		{"/elsewhere", "notes.example", fromBrowser, 404, `{"error"`},
		{"/a/b/c", "chat.example", fromBrowser, 404, `{"error"`},
		{"/favicon.ico", "chat.example", fromBrowser, 404, `{"error"`},
		{"/-/page", "chat.example", fromBrowser, 404, `{"error"`},
		{"/-/health", "chat.example", fromBrowser, 200, "ok"},
		{"/-/spaces", "chat.example", fromBrowser, 200, `{"ok":"spaces"`},
	} {
		answer, body := h.shown(c.path, c.host, c.accept)
		if answer.StatusCode != c.status || !strings.HasPrefix(body, c.begins) {
			t.Errorf("%s%s, Accept %q: %s, %.60q; want %d, %q", c.host, c.path, c.accept, answer.Status, body, c.status, c.begins)
		}
		if strings.HasPrefix(c.begins, "<!doctype") {
			policy := answer.Header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") ||
				answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s%s: header %v", c.host, c.path, answer.Header)
			}
			answer, body = h.shown(c.path, c.host, c.accept, "If-None-Match: W/\"other\", "+answer.Header.Get("ETag"))
			if answer.StatusCode != 304 || body != "" {
				t.Errorf("%s%s, known: %s, %q", c.host, c.path, answer.Status, body)
			}
		}
	}
}

func TestPageOff(t *testing.T) {
	h := newHouse(t, 1, "--page", "off")
	for path, want := range map[string]int{"/": 426, "/chat": 426, "/-/page.js": 404, "/-/page.css": 404} {
		if answer, body := h.shown(path, "", fromBrowser); answer.StatusCode != want {
			t.Errorf("%s: %s, %.60q; want %d", path, answer.Status, body, want)
		}
	}
	if _, stderr, code := h.ask("up", "--page", "maybe"); code != 2 || !strings.Contains(stderr, "--page") {
		t.Errorf("--page maybe: exit %d, %s", code, stderr)
	}
}

// The page is small, asks nobody else for anything, and never makes HTML of a
// text.
func TestPageIsSmallAndItsOwn(t *testing.T) {
	const most = 60 << 10
	files, err := filepath.Glob("../../puddle/page/page.*")
	Check(t, err)
	size := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".go") {
			continue
		}
		text, err := os.ReadFile(file)
		Check(t, err)
		size += len(text)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "https://", "http://", "//cdn", "style=\"", "onclick=\""} {
			if at := strings.Index(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), bad); at >= 0 {
				t.Errorf("%s has %q at %d", file, bad, at)
			}
		}
	}
	if len(files) < 4 || size > most {
		t.Errorf("%d files have %d bytes; want at most %d", len(files), size, most)
	}
}
