package format

import (
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// Bounds of what an envelope says beside its data.
const (
	ToMost     = 256 // entries of "to"
	NameMost   = 128 // bytes of such an entry: a client's name or a sequence
	KeyMost    = 128 // bytes of "key"
	roomMost   = 1 + schema.FullNameMost
	envelopeIs = `{"room":"chat","data":"hello"} is a message, {"do":"help"} a command`
)

const (
	faultObject = "it is not one object: " + envelopeIs
	faultMap    = "it is not one map: " + envelopeIs
)

// Send is a message as a client's envelope says it. Names are as written: who
// sends it resolves and judges them.
type Send struct {
	Room    string // "" if not said
	Message Message
	To      []string // nil if not said
	Ref     string   // "" if not said
	Key     string   // "" if not said
}

// slot is the place of a known key in an envelope.
type slot uint8

const (
	slotDo slot = iota
	slotRef
	slotRoom
	slotData
	slotBytes
	slotTo
	slotKey
	slots
	noSlot = slots
)

var slotNames = [slots]string{"do", "ref", "room", "data", "bytes", "to", "key"}

// envelope is the outermost object of a frame: for each known key its value
// as written, and what no message may have.
type envelope struct {
	packed  bool // values are msgpack, else JSON
	values  [slots][]byte
	twice   slot
	strange bool // a key is none of a message's:
	unknown []byte
}

// Parse reads one frame of an envelope socket. A command (what has "do") is
// given as the JSON that schema.ParseEnvelope reads, unjudged. Refusals are
// malformed, or format for what msgpack can say and JSON cannot; beside one,
// send.Ref and isCommand are what could be read. Data and command alias the
// input where nothing had to be changed.
func Parse(p Protocol, input []byte) (send Send, command []byte, isCommand bool, refusal *schema.Refusal) {
	e := envelope{packed: p == Msgpack, twice: noSlot}
	why := e.read(input)
	wrongRef := !e.text(slotRef, &send.Ref, schema.RefMost)
	isCommand = e.values[slotDo] != nil
	switch {
	case why != "":
		return send, nil, isCommand, refuse(schema.Malformed, "envelope: %s", why)
	case isCommand:
		command, refusal = e.command(input)
		return send, command, true, refusal
	case e.strange:
		return send, nil, false, unknownKey(string(e.unknown))
	case e.twice != noSlot:
		return send, nil, false, refuse(schema.Malformed, "%q: said twice", slotNames[e.twice])
	case wrongRef:
		return send, nil, false, wrongText(slotRef, schema.RefMost)
	case !e.text(slotRoom, &send.Room, roomMost):
		return send, nil, false, wrongText(slotRoom, roomMost)
	case !e.text(slotKey, &send.Key, KeyMost):
		return send, nil, false, wrongText(slotKey, KeyMost)
	}
	var ok bool
	if send.To, ok = e.list(slotTo); !ok {
		return send, nil, false, refuse(schema.Malformed,
			`"to": a list of 1 to %d clients or sequences, strings of 1 to %d bytes`, ToMost, NameMost)
	}
	send.Message, refusal = e.message()
	return send, nil, false, refusal
}

// read finds the keys; what stood before a fault is found all the same.
func (e *envelope) read(input []byte) (why string) {
	if e.packed {
		return e.readPacked(input)
	}
	at := blanks(input, 0)
	if at >= len(input) || input[at] != '{' {
		return faultObject
	}
	end, why := scanMembers(input, at, DepthMost, e)
	switch {
	case why != "":
		return why
	case blanks(input, end) < len(input):
		return faultTrailing
	case !utf8.Valid(input):
		return faultUTF8
	}
	return ""
}

func (e *envelope) readPacked(input []byte) (why string) {
	h, at, why := readHead(input, 0)
	if why != "" || h.form != formMap {
		return faultMap
	}
	for range h.length() {
		key, next, why := readHead(input, at)
		switch {
		case why != "":
			return why
		case key.form != formString:
			return faultKey
		}
		start := next + key.length()
		end, why := skipPacked(input, start, DepthMost)
		if why != "" {
			return why
		}
		e.add(input[next:start], false, input[start:end])
		at = end
	}
	if at < len(input) {
		return faultTrailing
	}
	return ""
}

// add takes one member.
func (e *envelope) add(key []byte, escaped bool, value []byte) {
	if escaped {
		key = appendUnescaped(nil, key)
	}
	for s, name := range slotNames {
		if string(key) != name {
			continue
		}
		if e.values[s] != nil {
			e.twice = slot(s)
			return
		}
		e.values[s] = value
		return
	}
	if !e.strange {
		e.strange, e.unknown = true, key
	}
}

// command is the envelope as JSON.
func (e *envelope) command(input []byte) ([]byte, *schema.Refusal) {
	if !e.packed {
		return input, nil
	}
	text, _, why := unpackValue(nil, input, 0, DepthMost+1)
	if why != "" {
		return nil, notJSON("envelope", why)
	}
	return text, nil
}

// notJSON refuses msgpack that is well-formed.
func notJSON(what, why string) *schema.Refusal {
	if why == faultUTF8 {
		return refuse(schema.Malformed, "%s: a string is not UTF-8", what)
	}
	return refuse(schema.Format, "%s: %s", what, why)
}

// message reads "data" or "bytes".
func (e *envelope) message() (Message, *schema.Refusal) {
	data, coded := e.values[slotData], e.values[slotBytes]
	switch {
	case data != nil && coded != nil:
		return Message{}, refuse(schema.Malformed, `an envelope has "data" or "bytes", not both`)
	case data == nil && coded == nil:
		return Message{}, refuse(schema.Malformed, `neither "data" nor "bytes" nor "do": %s`, envelopeIs)
	case e.packed && coded != nil:
		return packedBytes(coded)
	case e.packed:
		return packedData(data)
	case coded != nil:
		return codedBytes(coded)
	case data[0] != '"':
		return Message{Kind: Value, Data: data}, nil
	}
	return Message{Kind: Text, Data: unquoted(data), Enveloped: true, JSON: data}, nil
}

// packedData reads "data" of msgpack.
func packedData(value []byte) (Message, *schema.Refusal) {
	h, at, _ := readHead(value, 0)
	switch h.form {
	case formString:
		if !utf8.Valid(value[at:]) {
			return Message{}, notJSON(`"data"`, faultUTF8)
		}
		return Message{Kind: Text, Data: value[at:], Enveloped: true}, nil
	case formBytes:
		return Message{Kind: Bytes, Data: value[at:]}, nil
	}
	text, _, why := unpackValue(make([]byte, 0, 2*len(value)), value, 0, DepthMost)
	if why != "" {
		return Message{}, notJSON(`"data"`, why)
	}
	return Message{Kind: Value, Data: text}, nil
}

func packedBytes(value []byte) (Message, *schema.Refusal) {
	h, at, _ := readHead(value, 0)
	if h.form != formBytes {
		return Message{}, refuse(schema.Malformed, `"bytes": msgpack's bin; text and other values go in "data"`)
	}
	return Message{Kind: Bytes, Data: value[at:]}, nil
}
