package main

import (
	"io"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

const (
	overheardWords = "came in clear"
	afar           = "X-Forwarded-For: 203.0.113.9"
	overTLS        = "X-Forwarded-Proto: https"
)

// waysOfSecrets are the ways that passwords and tokens come by, each with the
// header lines of who says it.
func waysOfSecrets(h *house) map[string]func(lines ...string) {
	return map[string]func(lines ...string){
		"?password=": func(lines ...string) { Status(h.t, h.address, "/club?password=hush", lines...) },
		"Basic": func(lines ...string) {
			Status(h.t, h.address, "/club", append(lines, "Authorization: Basic YWxpY2U6aHVzaA==")...)
		},
		"a token": func(lines ...string) {
			Status(h.t, h.address, "/club", append(lines, "Sec-WebSocket-Protocol: porthouse.v1.raw, porthouse.token.hush")...)
		},
		"AUTH": func(lines ...string) {
			Open(h.t, h.address, "/", "", lines...).Tells("AUTH alice hush", `{"error":"unauthorized"}`)
		},
		"ENTER": func(lines ...string) {
			c := Open(h.t, h.address, "/club", JSON, lines...)
			c.Expects(`{"room":"club"}`)
			c.Tells(`{"do":"enter","password":"hush"}`, `{"error":"unauthorized"}`)
		},
		"POST": func(lines ...string) {
			c := Dial(h.t, h.address)
			const form = "message=x&password=hush"
			c.Say([]byte("POST /club HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 23\r\n" +
				strings.Join(append(lines, "", form), "\r\n")))
			if status := c.Head(); status != 401 {
				h.t.Errorf("POST: %d", status)
			}
		},
	}
}

// A secret from afar is warned of, once; from loopback, and over a proxy's TLS,
// it is not.
func TestSecretsInClear(t *testing.T) {
	for way := range waysOfSecrets(nil) {
		t.Run(way, func(t *testing.T) {
			h := houseOf(t, 1, keeping(t, func(d *deed) { d.do("room", "add", "club", `{"rules":{"password":"a frog"}}`) }),
				"--open", "--proxies", "127.0.0.1")
			says := waysOfSecrets(h)[way]
			says()
			says(afar, overTLS)
			says(afar, "X-Forwarded-Proto: http, HTTPS")
			if said := h.log.String(); strings.Contains(said, overheardWords) {
				t.Fatalf("warned of nothing: %s", said)
			}
			says(afar, "X-Forwarded-Proto: https, http")
			h.eventually("it is warned of", func() bool { return strings.Contains(h.log.String(), overheardWords) })
			says(afar)
			h.run("stop")
			h.ends()
			said := h.log.String()
			if n := strings.Count(said, overheardWords); n != 1 || !strings.Contains(said, "203.0.113.9") {
				t.Errorf("warned of %d times: %s", n, said)
			}
			if strings.Contains(said, "hush") || strings.Contains(said, "aHVzaA") {
				t.Errorf("a secret is logged: %s", said)
			}
		})
	}
}

// What a socket is known to be by its address goes on over a reload.
func TestSecretsInClearAfterReload(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(*deed) {}), "--open", "--proxies", "127.0.0.1")
	sealed, clear := Open(t, h.address, "/", "", afar, overTLS), Open(t, h.address, "/", "", afar)
	for _, c := range []*Client{sealed, clear} {
		c.Tells("PING", `{"ok":"ping"}`)
	}
	if _, stderr, code := h.run("reload"); code != 0 {
		t.Fatalf("reload: %d %s", code, stderr)
	}
	sealed.Tells("AUTH alice hush", `{"error":"unauthorized"}`)
	if said := h.log.String(); strings.Contains(said, overheardWords) {
		t.Errorf("warned of what came over TLS: %s", said)
	}
	clear.Tells("AUTH alice hush", `{"error":"unauthorized"}`)
	h.eventually("it is warned of", func() bool { return strings.Contains(h.log.String(), overheardWords) })
}

// Who came over a proxy's TLS is told of an address with TLS.
func TestAddressOverTLS(t *testing.T) {
	h := newHouse(t, 1, "--proxies", "127.0.0.1")
	for line, want := range map[string]string{overTLS: "websocat wss://127.0.0.1/chat", afar: "websocat ws://127.0.0.1/chat"} {
		c := Dial(t, h.address)
		c.Say([]byte("GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nConnection: close\r\n" + line + "\r\n\r\n"))
		if said, err := io.ReadAll(c); err != nil || !strings.Contains(string(said), want) {
			t.Errorf("%s: %v %q; want %s", line, err, said, want)
		}
	}
}
