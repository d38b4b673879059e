package format

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// text reads a string of 1 to most bytes into said; true also if the key is
// not there.
func (e *envelope) text(s slot, said *string, most int) bool {
	if e.values[s] == nil {
		return true
	}
	text, ok := e.name(e.values[s], most)
	*said = text
	return ok
}

// name reads a string of 1 to most bytes.
func (e *envelope) name(value []byte, most int) (string, bool) {
	var text []byte
	if e.packed {
		h, at, _ := readHead(value, 0)
		if h.form != formString {
			return "", false
		}
		text = value[at:]
	} else {
		if value[0] != '"' || len(value) > 6*most+2 { // \u0061 is the longest way to say a byte
			return "", false
		}
		text = unquoted(value)
	}
	if len(text) == 0 || len(text) > most || !utf8.Valid(text) {
		return "", false
	}
	return string(text), true
}

// list reads a list of names; nil and true if the key is not there.
func (e *envelope) list(s slot) (list []string, ok bool) {
	value := e.values[s]
	switch {
	case value == nil:
		return nil, true
	case e.packed:
		return e.packedList(value)
	case value[0] != '[':
		return nil, false
	}
	at := blanks(value, 1)
	if value[at] == ']' {
		return nil, false
	}
	for last := false; !last; {
		start := at
		at, _ = scanValue(value, at, DepthMost)
		name, ok := e.name(value[start:at], NameMost)
		if !ok || len(list) == ToMost {
			return nil, false
		}
		list = append(list, name)
		at, last, _ = scanNext(value, at, ']')
	}
	return list, true
}

func (e *envelope) packedList(value []byte) (list []string, ok bool) {
	h, at, _ := readHead(value, 0)
	if h.form != formList || h.length() == 0 || h.length() > ToMost {
		return nil, false
	}
	for range h.length() {
		start := at
		at, _ = skipPacked(value, at, DepthMost)
		name, ok := e.name(value[start:at], NameMost)
		if !ok {
			return nil, false
		}
		list = append(list, name)
	}
	return list, true
}

// unquoted is what a JSON string says, the input's own bytes if nothing in it
// is escaped.
func unquoted(value []byte) []byte {
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return appendUnescaped(make([]byte, 0, len(inner)), inner)
}

// codedBytes reads "bytes" of JSON: base64 (RFC 4648 sections 4 and 5), the
// padding may be left out.
func codedBytes(value []byte) (Message, *schema.Refusal) {
	if value[0] != '"' {
		return Message{}, refuse(schema.Malformed, `"bytes": a string in base64 (RFC 4648)`)
	}
	coded := unquoted(value)
	coding := base64.RawStdEncoding
	if bytes.ContainsAny(coded, "-_") {
		coding = base64.RawURLEncoding
	}
	if padded := bytes.TrimRight(coded, "="); len(coded)%4 == 0 && len(coded)-len(padded) <= 2 {
		coded = padded
	}
	data := make([]byte, coding.DecodedLen(len(coded)))
	// The decoder would pass over line ends.
	if n, err := coding.Decode(data, coded); err != nil || n != len(data) || bytes.ContainsAny(coded, "\r\n") {
		return Message{}, refuse(schema.Malformed, `"bytes": no base64 (RFC 4648): A-Z a-z 0-9 and + / or - _`)
	}
	return Message{Kind: Bytes, Data: data}, nil
}

func wrongText(s slot, most int) *schema.Refusal {
	return refuse(schema.Malformed, "%q: a string of 1 to %d bytes", slotNames[s], most)
}

// meant are words that others use for keys of ours.
var meant = map[string]slot{
	"message": slotData, "msg": slotData, "text": slotData, "body": slotData, "payload": slotData, "content": slotData, "value": slotData,
	"binary": slotBytes, "base64": slotBytes, "bin": slotBytes, "channel": slotRoom, "topic": slotRoom,
	"action": slotDo, "command": slotDo, "cmd": slotDo, "id": slotRef, "reply": slotRef, "recipients": slotTo, "idempotency-key": slotKey,
}

func unknownKey(key string) *schema.Refusal {
	const takes = "a message takes room data bytes to ref key"
	said := shown(key)
	if near := nearest(strings.ToLower(key)); near != noSlot {
		return refuse(schema.Malformed, "%s is no key of an envelope: did you mean %q? %s", said, slotNames[near], takes)
	}
	return refuse(schema.Malformed, "%s is no key of an envelope: %s", said, takes)
}

// nearest is the key that a word most likely meant.
func nearest(word string) slot {
	if s, ok := meant[word]; ok {
		return s
	}
	for s, name := range slotNames {
		if len(name) > 2 && oneEdit(word, name) || word == name {
			return slot(s)
		}
	}
	return noSlot
}

// oneEdit tells whether a byte put in, left out, changed or swapped with its
// neighbour makes b of a.
func oneEdit(a, b string) bool {
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	a, b = a[at:], b[at:]
	switch {
	case len(a) == len(b)+1:
		return a[1:] == b
	case len(a)+1 == len(b):
		return a == b[1:]
	case len(a) != len(b) || a == "":
		return false
	}
	return a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
}

// shown is a foreign text as a refusal may repeat it.
func shown(text string) string {
	const most = 40 // bytes
	if len(text) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return string(AppendString(nil, text))
}
