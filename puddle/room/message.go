package room

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// Reach is whom a message is for, before it is asked who hears it.
type Reach uint8

// The reaches.
const (
	ReachAll   Reach = iota // every member
	ReachNamed              // whom the sender listed
	ReachOwner
	ReachSender
)

// ReachOf is what the rule to makes of a message with or without a list of
// receivers.
func ReachOf(to schema.To, lists bool) Reach {
	switch {
	case to == schema.ToOwner:
		return ReachOwner
	case to == schema.ToSelf:
		return ReachSender
	case to == schema.ToAny && lists:
		return ReachNamed
	}
	return ReachAll
}

// Receiver is one member's socket as a message sees it.
type Receiver struct {
	Sender bool // the socket that sent it; its client's others are not
	Named  bool // in the sender's list, by client or by sequence
	Owner  bool // of the room
}

// Hears tells whether a member hears a message. The sender hears its own by
// echo, whomever else it reaches, and where it is the only one reached; being
// in its own list, or the owner, does not make it hear itself.
func (r Reach) Hears(member Receiver, echo bool) bool {
	if member.Sender {
		return echo || r == ReachSender
	}
	switch r {
	case ReachAll:
		return true
	case ReachNamed:
		return member.Named
	case ReachOwner:
		return member.Owner
	}
	return false
}

// Kind is what a message is, kept end to end.
type Kind uint8

// The kinds.
const (
	Text  Kind = iota // UTF-8
	Bytes             // anything
	Value             // JSON text
)

// Message is a message's kind and content. Of a text that came in an envelope
// JSON is the string as the sender wrote it, with its quotes; nil if it came
// raw.
type Message struct {
	Kind Kind
	Data []byte
	JSON []byte
}

// Convert makes a message one that the room's format takes, where that needs
// no guess; false if it must be refused (schema.Format). Nothing is copied.
//
//	any    everything as it is
//	text   text; bytes that are UTF-8
//	bytes  bytes; text
//	json   values; raw text and bytes that parse; an envelope's string as the
//	       JSON string that it is
func Convert(format schema.RoomFormat, m Message) (Message, bool) {
	switch format {
	case schema.FormatAny:
		return m, true
	case schema.FormatText:
		ok := m.Kind == Text || m.Kind == Bytes && utf8.Valid(m.Data)
		return Message{Kind: Text, Data: m.Data, JSON: m.JSON}, ok
	case schema.FormatBytes:
		return Message{Kind: Bytes, Data: m.Data}, m.Kind != Value
	}
	switch {
	case m.Kind == Value:
		return m, true
	case m.Kind == Text && m.JSON != nil:
		return Message{Kind: Value, Data: m.JSON}, true
	}
	return Message{Kind: Value, Data: m.Data}, utf8.Valid(m.Data) && json.Valid(m.Data)
}
