package main

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestTheRequestIsHTTP(t *testing.T) {
	u := newUpgrade(plan{Path: "/", Room: "room", Host: "127.0.0.1:80"})
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(u.request(nil, 42))))
	if err != nil {
		t.Fatal(err)
	}
	if r.URL.Path != "/room42" || r.Host != "127.0.0.1:80" || r.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Errorf("path %q, host %q, headers %v", r.URL.Path, r.Host, r.Header)
	}
}

func TestTheAcceptOfTheRFC(t *testing.T) {
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

func TestAnswers(t *testing.T) {
	good := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + string(acceptValue) + "\r\n\r\n"
	for _, c := range []struct {
		in   string
		used int
		err  string
	}{
		{good, len(good), ""},
		{good + "\x82\x00", len(good), ""},
		{good[:len(good)-1], 0, ""},
		{"", 0, ""},
		{"HTTP/1.1 404 Not Found\r\n\r\n", 0, "404 Not Found"},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, "Sec-WebSocket-Accept"},
		{strings.Repeat("x", headAnswerMost+1), 0, "did not end"},
	} {
		used, err := parseAnswer([]byte(c.in))
		if used != c.used || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.40q: %d used, %v", c.in, used, err)
		}
	}
}
