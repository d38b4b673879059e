package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// Opening handshakes by raw bytes, against a real house.

const (
	onLine    = "GET /echo HTTP/1.1\r\n"
	onHost    = "Host: 127.0.0.1\r\n"
	onUpgrade = "Upgrade: websocket\r\n"
	onConnect = "Connection: Upgrade\r\n"
	onVersion = "Sec-WebSocket-Version: 13\r\n"
	onKey     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	onLists   = onUpgrade + onConnect
	onNames   = onVersion + onKey
	opening   = onLine + onHost + onLists + onNames // wants its blank line
)

var strictHandshakes = []struct {
	name, say string
	status    int
	has       string // a header line of the answer, if any
}{
	{"by the book", opening + "\r\n", 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
	{"names and values in other case", onLine + "hOST: 127.0.0.1\r\nUPGRADE: WebSocket\r\ncONNECTION: uPGRADE\r\nsec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 101, ""},
	{"Connection is a list", onLine + onHost + onUpgrade + "Connection: keep-alive, Upgrade\r\n" + onNames + "\r\n", 101, ""},
	{"Connection on two lines", onLine + onHost + onUpgrade + "Connection: keep-alive\r\nConnection: Upgrade\r\n" + onNames + "\r\n", 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
	{"Connection on three lines", onLine + "Connection: x\r\n" + onHost + onUpgrade + "Connection: ,upgrade,\r\n" + onNames + "Connection: close\r\n\r\n", 101, ""},
	{"Upgrade is a list", onLine + onHost + "Upgrade: h2c, websocket\r\n" + onConnect + onNames + "\r\n", 101, "Upgrade: websocket"},
	{"Upgrade on two lines", onLine + onHost + "Upgrade: foo/1\r\nUpgrade: WEBSOCKET\r\n" + onConnect + onNames + "\r\n", 101, "Upgrade: websocket"},
	{"subprotocols on two lines", opening + "Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: bar, porthouse.v1.raw\r\n\r\n", 101, "Sec-WebSocket-Protocol: porthouse.v1.raw"},
	{"extensions that are not known", opening + "Sec-WebSocket-Extensions: x-nothing; a=1\r\n\r\n", 101, ""},
	{"a key whose last bits are not zero", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key: +/+/+/+/+/+/+/+/+/+/+/==\r\n\r\n", 101, ""},

	{"no Host", onLine + onLists + onNames + "\r\n", 400, ""},
	{"two Hosts", opening + "Host: 127.0.0.1\r\n\r\n", 400, ""},
	{"an empty Host", onLine + "Host:\r\n" + onLists + onNames + "\r\n", 400, ""},
	{"a Host that is none", onLine + "Host: a b\r\n" + onLists + onNames + "\r\n", 400, ""},
	{"no key", onLine + onHost + onLists + onVersion + "\r\n", 400, ""},
	{"two keys", opening + onKey + "\r\n", 400, ""},
	{"two keys that differ", opening + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 400, ""},
	{"an empty key", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key:\r\n\r\n", 400, ""},
	{"a key of 15 bytes", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n", 400, ""},
	{"a key of 17 bytes", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 400, ""},
	{"a key that is no base64", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400, ""},
	{"a key in base64 for URLs", onLine + onHost + onLists + onVersion + "Sec-WebSocket-Key: -_-_-_-_-_-_-_-_-_-_-A==\r\n\r\n", 400, ""},
	{"no version", onLine + onHost + onLists + onKey + "\r\n", 400, ""},
	{"version 8", onLine + onHost + onLists + "Sec-WebSocket-Version: 8\r\n" + onKey + "\r\n", 426, "Sec-WebSocket-Version: 13"},
	{"version 14", onLine + onHost + onLists + "Sec-WebSocket-Version: 14\r\n" + onKey + "\r\n", 426, "Sec-WebSocket-Version: 13"},
	{"version 013", onLine + onHost + onLists + "Sec-WebSocket-Version: 013\r\n" + onKey + "\r\n", 426, "Sec-WebSocket-Version: 13"},
	{"a list of versions", onLine + onHost + onLists + "Sec-WebSocket-Version: 13, 8\r\n" + onKey + "\r\n", 426, "Sec-WebSocket-Version: 13"},
	{"two versions", opening + onVersion + "\r\n", 400, ""},
	{"no Upgrade", onLine + onHost + onConnect + onNames + "\r\n", 400, ""},
	{"another Upgrade", onLine + onHost + "Upgrade: websockets\r\n" + onConnect + onNames + "\r\n", 400, ""},
	{"no Connection", onLine + onHost + onUpgrade + onNames + "\r\n", 400, ""},
	{"Connection without upgrade", onLine + onHost + onUpgrade + "Connection: keep-alive\r\n" + onNames + "\r\n", 400, ""},
	{"Connection with a longer word", onLine + onHost + onUpgrade + "Connection: upgrades\r\n" + onNames + "\r\n", 400, ""},
	{"two Origins", opening + "Origin: http://127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n", 400, ""},
	{"a subprotocol that is no token", opening + "Sec-WebSocket-Protocol: a b\r\n\r\n", 400, ""},
	{"a plain GET", onLine + onHost + "\r\n", 426, "Sec-WebSocket-Version: 13"},

	{"POST", strings.Replace(opening, "GET", "POST", 1) + "\r\n", 405, ""},
	{"PUT", strings.Replace(opening, "GET", "PUT", 1) + "\r\n", 405, ""},
	{"HEAD", strings.Replace(opening, "GET", "HEAD", 1) + "\r\n", 405, ""},
	{"get", strings.Replace(opening, "GET", "get", 1) + "\r\n", 405, ""},
	{"HTTP/1.0", strings.Replace(opening, "1.1", "1.0", 1) + "\r\n", 505, ""},
	{"HTTP/2.0", strings.Replace(opening, "1.1", "2.0", 1) + "\r\n", 505, ""},
	{"HTTP/1.10", strings.Replace(opening, "1.1", "1.10", 1) + "\r\n", 400, ""},
	{"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, ""},
	{"a TLS ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""},
	{"absolute form", strings.Replace(opening, "/echo", "ws://127.0.0.1/echo", 1) + "\r\n", 400, ""},
	{"a fragment in the target", strings.Replace(opening, "/echo", "/echo#a", 1) + "\r\n", 400, ""},

	{"Content-Length with Upgrade", opening + "Content-Length: 5\r\n\r\nhello", 400, ""},
	{"Content-Length of 0 with Upgrade", opening + "Content-Length: 0\r\n\r\n", 400, ""},
	{"chunked with Upgrade", opening + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
	{"both lengths", opening + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
	{"both lengths, plain", "POST /echo HTTP/1.1\r\n" + onHost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
	{"two lengths", "POST /echo HTTP/1.1\r\n" + onHost + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello", 400, ""},
	{"a list of lengths", "POST /echo HTTP/1.1\r\n" + onHost + "Content-Length: 5, 5\r\n\r\nhello", 400, ""},
	{"a length with a sign", "POST /echo HTTP/1.1\r\n" + onHost + "Content-Length: +5\r\n\r\nhello", 400, ""},
	{"a coding that hides chunked", "POST /echo HTTP/1.1\r\n" + onHost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, ""},
	{"two codings", "POST /echo HTTP/1.1\r\n" + onHost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501, ""},
	{"a GET with a body", onLine + onHost + "Content-Length: 4\r\n\r\nGET ", 400, ""},
	{"a space before the colon", opening + "X : 1\r\n\r\n", 400, ""},
	{"Content-Length, a space before the colon", opening + "Content-Length : 5\r\n\r\nhello", 400, ""},
	{"NUL in a value", opening + "X: a\x00b\r\n\r\n", 400, ""},
	{"NUL in a name", opening + "X\x00: a\r\n\r\n", 400, ""},
	{"a bare CR in a value", opening + "X: a\rContent-Length: 5\r\n\r\n", 400, ""},
	{"a bare LF", opening + "X: a\n\r\n", 400, ""},
	{"obs-fold", opening + "X: a\r\n b\r\n\r\n", 400, ""},
	{"obs-fold of the first line", onLine + " " + onHost + onLists + onNames + "\r\n", 400, ""},
	{"no colon", opening + "nothing\r\n\r\n", 400, ""},
	{"an empty name", opening + ": a\r\n\r\n", 400, ""},
	{"a colon in parentheses", opening + "X(a): b\r\n\r\n", 400, ""},
	{"a head of 8193", opening + "X: " + strings.Repeat("a", 8193-len(opening)-len("X: \r\n\r\n")) + "\r\n\r\n", 431, ""},
	{"a head of 8192", opening + "X: " + strings.Repeat("a", 8192-len(opening)-len("X: \r\n\r\n")) + "\r\n\r\n", 101, ""},
	{"65 fields", opening + strings.Repeat("X: a\r\n", 60) + "\r\n", 431, ""},
	{"a line without end", opening + "X: " + strings.Repeat("a", 16<<10), 431, ""},
	{"a target of 2049", "GET /" + strings.Repeat("a", 2048) + " HTTP/1.1\r\n" + onHost + onLists + onNames + "\r\n", 414, ""},
	{"a target without end", "GET /" + strings.Repeat("a", 9<<10), 414, ""},
	{"a method without end", strings.Repeat("A", 9<<10), 501, ""},
}

func TestStrictHandshakes(t *testing.T) {
	h := strictHouse(t)
	for _, c := range strictHandshakes {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{len(c.say), 7} {
				head, rest := strictAnswer(t, h.address, c.say, piece)
				if head.StatusCode != c.status {
					t.Fatalf("in pieces of %d: status %d, want %d", piece, head.StatusCode, c.status)
				}
				if name, value, is := strings.Cut(c.has, ": "); is && head.Header.Get(name) != value {
					t.Errorf("%s is %q, want %q", name, head.Header.Get(name), value)
				}
				if c.status != 101 && (!head.Close || len(rest) == 0 && head.Request.Method != "HEAD") {
					t.Errorf("not the connection's end: %v, with %d bytes", head.Header, len(rest))
				}
			}
		})
	}
}

// strictAnswer says a request in pieces and reads the answer to the end.
func strictAnswer(t *testing.T, address, say string, piece int) (head *http.Response, rest []byte) {
	t.Helper()
	c := Dial(t, address)
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	c.Conn.(*net.TCPConn).SetNoDelay(true)
	for said := 0; said < len(say); said += piece {
		if _, err := c.Write([]byte(say[said:min(said+piece, len(say))])); err != nil {
			break
		}
	}
	request := &http.Request{Method: "GET"}
	if strings.HasPrefix(say, "HEAD") {
		request.Method = "HEAD"
	}
	head, err := http.ReadResponse(bufio.NewReader(c.In), request)
	if err != nil {
		t.Fatalf("in pieces of %d: %v", piece, err)
	}
	if head.StatusCode == 101 {
		return head, nil
	}
	rest, err = io.ReadAll(head.Body)
	if err != nil {
		t.Fatalf("the answer's body: %v", err)
	}
	return head, rest
}

// What comes right behind a handshake is the socket's first frames; what comes
// behind one that was refused is nobody's.
func TestStrictBytesBehindTheHead(t *testing.T) {
	h := strictHouse(t)
	c := Dial(t, h.address)
	c.Say([]byte(opening + "\r\n" + said(Final|OpText, "early") + said(Final|OpPing, "p")))
	if status := c.Head(); status != 101 {
		t.Fatal(status)
	}
	for range 2 {
		op, payload, err := c.Next()
		if heard := heardFrame(op, payload); err != nil || heard != "text early" && heard != "pong p" {
			t.Fatalf("heard %q, %v", heard, err)
		}
	}
	bad := Dial(t, h.address)
	bad.Say([]byte(opening + "\r\n" + header(Final|OpText, 2) + "hi"))
	if status := bad.Head(); status != 101 {
		t.Fatal(status)
	}
	bad.Closes(1002)
	refused := Dial(t, h.address)
	refused.Say([]byte(opening + "X : 1\r\n\r\n" + opening + "\r\n" + said(Final|OpText, "smuggled")))
	if all, err := io.ReadAll(refused.In); err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 {
		t.Fatalf("%v: %q", err, all)
	}
}

// Text is judged as it comes though the puddle is another than the one that
// had its begin.
func TestStrictTextMoves(t *testing.T) {
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			h := strictHouse(t)
			begin := func(first byte) *Client {
				c := Join(t, h.address, "/echo")
				c.Say([]byte(said(first, "begun \xf0\x9f")))
				return c
			}
			half := func() *Client {
				c := Join(t, h.address, "/echo")
				c.Say([]byte(header(Final|OpText, masked|10) + noMask + "begun \xe2"))
				return c
			}
			good, bad, goodHalf, badHalf := begin(OpText), begin(OpText), half(), half()
			for _, c := range []*Client{good, bad} { // the fragments are there
				c.Say([]byte(said(Final|OpPing, "")))
				c.Hears(OpPong, "")
			}
			time.Sleep(50 * time.Millisecond)
			replace(t, h)
			good.Say([]byte(said(Final|goOn, "\x92\xa1")))
			good.Hears(OpText, "begun \xf0\x9f\x92\xa1")
			goodHalf.Say([]byte("\x82\xac!"))
			goodHalf.Hears(OpText, "begun \u20ac!")
			bad.Say([]byte(header(goOn, masked|100) + noMask + "\x28"))
			bad.Closes(1007)
			badHalf.Say([]byte("\x28"))
			badHalf.Closes(1007)
		})
	}
}
