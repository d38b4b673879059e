package main

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestTheRequestIsHTTP(t *testing.T) {
	u := newUpgrade(plan{Path: "/", Room: "room", Host: "127.0.0.1:80"})
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(u.request(nil, 42, speakJSON, "YTpi"))))
	if err != nil {
		t.Fatal(err)
	}
	if r.URL.Path != "/room42" || r.Host != "127.0.0.1:80" || r.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Errorf("path %q, host %q, headers %v", r.URL.Path, r.Host, r.Header)
	}
	client, password, _ := r.BasicAuth()
	if r.Header.Get("Sec-WebSocket-Protocol") != "porthouse.v1.json" || client != "a" || password != "b" {
		t.Errorf("client %q, password %q, headers %v", client, password, r.Header)
	}
	plain := string(u.request(nil, 42, speakRaw, ""))
	if strings.Contains(plain, "Protocol") || strings.Contains(plain, "Authorization") || !strings.HasSuffix(plain, "\r\n\r\n") {
		t.Errorf("with nothing to offer: %q", plain)
	}
}

func TestTheAcceptOfTheRFC(t *testing.T) {
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

func TestAnswers(t *testing.T) {
	good := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + string(acceptValue) + "\r\n\r\n"
	spoken := strings.Replace(good, "\r\n", "\r\nSec-WebSocket-Protocol: porthouse.v1.json\r\n", 1)
	for _, c := range []struct {
		in     string
		speaks string
		used   int
		err    string
	}{
		{good, speakRaw, len(good), ""},
		{good + "\x82\x00", speakRaw, len(good), ""},
		{good[:len(good)-1], speakRaw, 0, ""},
		{"", speakRaw, 0, ""},
		{"HTTP/1.1 404 Not Found\r\n\r\n", speakRaw, 0, "404 Not Found"},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", speakRaw, 0, "Sec-WebSocket-Accept"},
		{strings.Repeat("x", headAnswerMost+1), speakRaw, 0, "did not end"},
		{spoken, speakJSON, len(spoken), ""},
		{spoken, speakMsgpack, 0, "porthouse.v1.msgpack"},
		{good, speakJSON, 0, "porthouse.v1.json"},
	} {
		used, err := parseAnswer([]byte(c.in), c.speaks)
		if used != c.used || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.40q: %d used, %v", c.in, used, err)
		}
	}
}

func TestAnotherAnswersStatus(t *testing.T) {
	for in, want := range map[string]int{
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\n": 429,
		"HTTP/1.1 40\r\n\r\n": 0,
		"SMTP\r\n\r\n":        0,
	} {
		_, err := parseAnswer([]byte(in), speakRaw)
		var other otherAnswer
		if !errors.As(err, &other) || other.status != want {
			t.Errorf("%q: %v, status %d; want %d", in, err, other.status, want)
		}
	}
}

func TestTheGreeting(t *testing.T) {
	for _, c := range []struct {
		opcode byte
		body   string
		is     bool
	}{
		{opText, `{"ok":"join","room":"chat"}`, true},
		{opText, `{"error":"denied"}`, false},
		{opText, `{"room":"chat","data":{"ok":"join"}}`, false},
		{opBinary, "\x84\xa2ok\xa4join\xa4room\xa4chat", true},
		{opBinary, "\x82\xa4room\xa4chat", false},
		{opBinary, "", false},
	} {
		if is := isGreeting(frame{c.opcode, []byte(c.body)}); is != c.is {
			t.Errorf("%q: %v", c.body, is)
		}
	}
}
