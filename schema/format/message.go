// Package format turns bytes into messages and messages into bytes: the
// envelopes of JSON and msgpack sockets, what raw sockets hear, the bodies of
// POST and the server's replies. It is pure. wire.md beside schema is the
// contract; the vectors in schema/testdata/wire show it.
package format

import (
	"fmt"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// Kind is what a message is, kept end to end.
type Kind uint8

// The kinds.
const (
	Text  Kind = iota // UTF-8
	Bytes             // anything
	Value             // one JSON value (RFC 8259)
)

func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Bytes:
		return "bytes"
	}
	return "value"
}

// Message is a message's kind and content; len(Data) is its size by the rule
// size. A Value is the JSON text as the sender wrote it.
type Message struct {
	Kind Kind
	Data []byte

	// Of a Text alone. Enveloped: it was a string in an envelope. JSON: that
	// string as a JSON socket wrote it, with its quotes; nil from all others.
	Enveloped bool
	JSON      []byte
}

// DepthMost is how deep objects and lists may nest in a value. The envelope
// around it does not count.
const DepthMost = 64

// Convert makes a message one that a room's format takes, where that needs no
// guess, else it refuses with schema.Format.
//
//	any    everything as it is
//	text   text; bytes that are UTF-8
//	bytes  bytes; text
//	json   values; raw text and bytes that are one JSON value as a whole; an
//	       envelope's string as the JSON string that it is
func Convert(rule schema.RoomFormat, m Message) (Message, *schema.Refusal) {
	switch rule {
	case schema.FormatText:
		if m.Kind == Value || m.Kind == Bytes && !utf8.Valid(m.Data) {
			return m, refuse(schema.Format, "this room takes text: send a string, or bytes that are UTF-8")
		}
		m.Kind = Text
		return m, nil
	case schema.FormatBytes:
		if m.Kind == Value {
			return m, refuse(schema.Format, "this room takes bytes: send bytes, or text")
		}
		return Message{Kind: Bytes, Data: m.Data}, nil
	case schema.FormatJSON:
		return toValue(m)
	}
	return m, nil
}

func toValue(m Message) (Message, *schema.Refusal) {
	switch {
	case m.Kind == Value:
		return m, nil
	case m.Kind == Text && m.JSON != nil:
		return Message{Kind: Value, Data: m.JSON}, nil
	case m.Kind == Text && m.Enveloped:
		return Message{Kind: Value, Data: AppendString(nil, m.Data)}, nil
	}
	if why := valueFault(m.Data); why != "" {
		return m, refuse(schema.Format, "this room takes JSON, one value a message: %s", why)
	}
	return Message{Kind: Value, Data: m.Data}, nil
}

// Protocol is what a socket speaks.
type Protocol uint8

// The protocols.
const (
	Raw     Protocol = iota // porthouse.v1.raw
	JSON                    // porthouse.v1.json
	Msgpack                 // porthouse.v1.msgpack
)

func (p Protocol) String() string {
	switch p {
	case Raw:
		return "raw"
	case JSON:
		return "json"
	}
	return "msgpack"
}

// Binary tells whether a message of the kind goes in a binary frame, not in a
// text frame (RFC 6455 section 5.6).
func (p Protocol) Binary(kind Kind) bool {
	return p == Msgpack || p == Raw && kind == Bytes
}

func refuse(code schema.ErrorCode, form string, args ...any) *schema.Refusal {
	return &schema.Refusal{Code: code, Message: fmt.Sprintf(form, args...)}
}
