package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// One key serves every handshake: it proves nothing about the client.
const upgradeKey = "cG9ydGhvdXNlIGJlbmNoLg=="

// headAnswerMost is the longest head of an answer that is waited for, in bytes.
const headAnswerMost = 16 << 10

var (
	headEnd     = []byte("\r\n\r\n")
	statusLine  = []byte("HTTP/1.1 101")
	acceptValue = []byte(acceptOf(upgradeKey))
)

// acceptOf is what a server answers to a key (RFC 6455, 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// An upgrade writes the requests of one run: everything but the room's number
// is the same in all.
type upgrade struct {
	before []byte // "GET /path/room"
	after  []byte // " HTTP/1.1\r\n…"
}

func newUpgrade(p plan) upgrade {
	return upgrade{
		before: []byte("GET " + p.Path + p.Room),
		after: []byte(" HTTP/1.1\r\nHost: " + p.Host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: " + upgradeKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n"),
	}
}

// request appends the request that enters a room.
func (u upgrade) request(dst []byte, room int32) []byte {
	dst = append(dst, u.before...)
	dst = strconv.AppendInt(dst, int64(room), 10)
	return append(dst, u.after...)
}

// parseAnswer takes the head of a server's answer and says how many bytes it
// was; 0 when b does not hold all of it.
func parseAnswer(b []byte) (int, error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(b) > headAnswerMost {
			return 0, fmt.Errorf("the answer's head did not end within %d bytes", headAnswerMost)
		}
		return 0, nil
	}
	head := b[:end]
	if !bytes.HasPrefix(head, statusLine) {
		return 0, fmt.Errorf("the server answered %q instead of 101", firstLine(head))
	}
	if !bytes.Contains(head, acceptValue) {
		return 0, errors.New("the server's 101 has no Sec-WebSocket-Accept for our key")
	}
	return end + len(headEnd), nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line[:min(len(line), 80)]
}
