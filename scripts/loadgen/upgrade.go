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
	statusStart = []byte("HTTP/1.1 ")
	acceptValue = []byte(acceptOf(upgradeKey))
)

// acceptOf is what a server answers to a key (RFC 6455, 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// An upgrade writes the requests of one run. What is the same in all of them
// is made once.
type upgrade struct {
	before []byte // "GET /path/room"
	after  []byte // " HTTP/1.1\r\n…"
}

func newUpgrade(p plan) upgrade {
	return upgrade{
		before: []byte("GET " + p.Path + p.Room),
		after: []byte(" HTTP/1.1\r\nHost: " + p.Host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: " + upgradeKey + "\r\nSec-WebSocket-Version: 13\r\n"),
	}
}

// request appends the request that enters a room, speaking raw or an envelope,
// with a login (base64 of CLIENT:PASSWORD) or none.
func (u upgrade) request(dst []byte, room int32, speaks, login string) []byte {
	if d := dialects[speaks]; d != nil && d.path != "" {
		dst = append(append(dst, "GET "...), d.path...)
	} else {
		dst = strconv.AppendInt(append(dst, u.before...), int64(room), 10)
	}
	dst = append(dst, u.after...)
	if isEnvelope(speaks) {
		dst = append(append(append(dst, "Sec-WebSocket-Protocol: "+protocolPrefix...), speaks...), "\r\n"...)
	}
	if login != "" {
		dst = append(append(append(dst, "Authorization: Basic "...), login...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// An otherAnswer is a server's answer that is not 101.
type otherAnswer struct {
	status int
	line   string
}

func (a otherAnswer) Error() string {
	return fmt.Sprintf("the server answered %q instead of 101", a.line)
}

// parseAnswer takes the head of a server's answer to who asked to speak so,
// and says how many bytes it was; 0 when b does not hold all of it. An answer
// other than 101 is an otherAnswer.
func parseAnswer(b []byte, speaks string) (int, error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(b) > headAnswerMost {
			return 0, fmt.Errorf("the answer's head did not end within %d bytes", headAnswerMost)
		}
		return 0, nil
	}
	head := b[:end]
	if status := statusOf(head); status != 101 {
		return 0, otherAnswer{status, string(firstLine(head))}
	}
	if !bytes.Contains(head, acceptValue) {
		return 0, errors.New("the server's 101 has no Sec-WebSocket-Accept for our key")
	}
	if isEnvelope(speaks) && !bytes.Contains(head, []byte(protocolPrefix+speaks)) {
		return 0, fmt.Errorf("the server's 101 does not speak %s%s", protocolPrefix, speaks)
	}
	return end + len(headEnd), nil
}

// statusOf is an answer's status, 0 if it has none.
func statusOf(head []byte) int {
	rest, is := bytes.CutPrefix(head, statusStart)
	if !is || len(rest) < 3 {
		return 0
	}
	status, _ := strconv.Atoi(string(rest[:3]))
	return status
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line[:min(len(line), 80)]
}

// isEnvelope tells whether a subprotocol is asked for to speak so.
func isEnvelope(speaks string) bool { return speaks == speakJSON || speaks == speakMsgpack }
