package main

import (
	"bytes"
	"strconv"
)

// messageLeast is the shortest message, in bytes.
const messageLeast = 56

// padding is what fills a message up; where it begins depends on the message,
// so that bytes of another are noticed.
var padding = bytes.Repeat([]byte("never a socket dropped; "), 3000)

// A message is what a sender says: who it is, the how many-eth it is, when it
// is sent (CLOCK_MONOTONIC ns) and within which action.
type message struct {
	sender int
	number uint32
	sent   int64
	action uint32
}

// append writes a message of size bytes.
func (m message) append(dst []byte, size int) []byte {
	start := len(dst)
	for _, field := range []int64{int64(m.sender), int64(m.number), m.sent, int64(m.action)} {
		dst = append(strconv.AppendInt(dst, field, 10), ' ')
	}
	return append(dst, m.filler(size-(len(dst)-start))...)
}

func (m message) filler(size int) []byte {
	at := (m.sender + int(m.number)) % 24
	return padding[at : at+max(size, 0)]
}

// readMessage takes a message of size bytes; ok is false where any byte is
// not as it was written.
func readMessage(body []byte, size int) (m message, ok bool) {
	var fields [4]int64
	rest := body
	for i := range fields {
		end := bytes.IndexByte(rest, ' ')
		if end < 0 {
			return m, false
		}
		n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		if err != nil || n < 0 {
			return m, false
		}
		fields[i], rest = n, rest[end+1:]
	}
	m = message{int(fields[0]), uint32(fields[1]), fields[2], uint32(fields[3])}
	return m, len(body) == size && bytes.Equal(rest, m.filler(len(rest)))
}
