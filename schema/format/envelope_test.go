package format

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"github.com/porthouse/porthouse/schema"
)

// Ten megabytes of what opens are refused at their first bytes.
func TestParseEndlessNesting(t *testing.T) {
	const size = 10 << 20
	for _, c := range []struct {
		name  string
		p     Protocol
		input string
	}{
		{"lists", JSON, strings.Repeat("[", size)},
		{"lists in data", JSON, `{"data":` + strings.Repeat("[", size)},
		{"objects", JSON, strings.Repeat(`{"data":`, size/8)},
		{"lists of msgpack", Msgpack, "\x81\xa4data" + strings.Repeat("\x91", size)},
		{"maps of msgpack", Msgpack, strings.Repeat("\x81\xa4data", size/6)},
		{"large lists of msgpack", Msgpack, "\x81\xa4data" + strings.Repeat("\xdd\xff\xff\xff\xff", size/5)},
		{"a command", Msgpack, "\x82\xa2do\xa4join\xa4room" + strings.Repeat("\x91", size)},
	} {
		if _, _, _, refusal := Parse(c.p, []byte(c.input)); refusal == nil || refusal.Code != schema.Malformed {
			t.Errorf("%s: %v", c.name, refusal)
		}
	}
}

func TestParseDepth(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(`{"data":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`)
	}
	if _, _, _, refusal := Parse(JSON, nested(DepthMost)); refusal != nil {
		t.Errorf("%d: %v", DepthMost, refusal)
	}
	if _, _, _, refusal := Parse(JSON, nested(DepthMost+1)); refusal == nil {
		t.Errorf("%d was taken", DepthMost+1)
	}
	packed := func(depth int) []byte {
		return []byte("\x81\xa4data" + strings.Repeat("\x91", depth) + "\xc0")
	}
	if _, _, _, refusal := Parse(Msgpack, packed(DepthMost)); refusal != nil {
		t.Errorf("msgpack, %d: %v", DepthMost, refusal)
	}
	if _, _, _, refusal := Parse(Msgpack, packed(DepthMost+1)); refusal == nil {
		t.Errorf("msgpack, %d was taken", DepthMost+1)
	}
}

func TestParseNotUTF8(t *testing.T) {
	send, _, _, refusal := Parse(JSON, []byte("{\"ref\":\"1\",\"data\":\"\xff\"}"))
	if refusal == nil || refusal.Code != schema.Malformed || send.Ref != "1" {
		t.Fatalf("%v, ref %q", refusal, send.Ref)
	}
}

// A fault in a command says that it was one.
func TestParseCommandFaults(t *testing.T) {
	for _, c := range []struct {
		p     Protocol
		input string
	}{
		{JSON, `{"do":"join","ref":"1","room":`},
		{Msgpack, "\x83\xa2do\xa4join\xa3ref\xa11\xa4room\xc4\x01x"},
	} {
		send, _, isCommand, refusal := Parse(c.p, []byte(c.input))
		if refusal == nil || !isCommand || send.Ref != "1" {
			t.Errorf("%q: %v %v, ref %q", c.input, refusal, isCommand, send.Ref)
		}
	}
}

func TestParseAliasesInput(t *testing.T) {
	for _, c := range []struct {
		p     Protocol
		input string
	}{
		{JSON, `{"data":"hello"}`}, {JSON, `{"data":[1,2]}`},
		{Msgpack, "\x81\xa4data\xa5hello"}, {Msgpack, "\x81\xa4data\xc4\x03abc"},
	} {
		input := []byte(c.input)
		send, _, _, refusal := Parse(c.p, input)
		if refusal != nil {
			t.Fatalf("%q: %v", c.input, refusal)
		}
		start, at := uintptr(unsafe.Pointer(&input[0])), uintptr(unsafe.Pointer(&send.Message.Data[0]))
		if at < start || at >= start+uintptr(len(input)) {
			t.Errorf("%q: data was copied", c.input)
		}
	}
}

// The names of a Send hold when the caller uses its buffer again.
func TestParseNamesHold(t *testing.T) {
	input := []byte(`{"room":"chat","data":1,"to":["alice"],"ref":"r","key":"k"}`)
	send, _, _, refusal := Parse(JSON, input)
	if refusal != nil {
		t.Fatal(refusal)
	}
	clear(input)
	if send.Room != "chat" || send.To[0] != "alice" || send.Ref != "r" || send.Key != "k" {
		t.Fatalf("%+v", send)
	}
}

func TestParseLeavesInput(t *testing.T) {
	for _, v := range append(vectors(t, "envelopes.json"), vectors(t, "refusals.json")...) {
		input := v.bytes(t)
		before := bytes.Clone(input)
		Parse(v.protocol(t), input)
		if !bytes.Equal(input, before) {
			t.Errorf("%s: the input was changed", v.Name)
		}
	}
}

func TestNearestKey(t *testing.T) {
	for word, want := range map[string]slot{
		"rooms": slotRoom, "romo": slotRoom, "oom": slotRoom, "Data": slotData, "dato": slotData, "byte": slotBytes,
		"TO": slotTo, "refs": slotRef, "keys": slotKey, "payload": slotData, "x": noSlot, "ta": noSlot, "colour": noSlot, "": noSlot,
	} {
		if got := nearest(strings.ToLower(word)); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}

func TestRefusalsAreShort(t *testing.T) {
	_, _, _, refusal := Parse(JSON, []byte(`{"`+strings.Repeat("é", 1<<20)+`":1}`))
	if refusal == nil || len(refusal.Message) > 300 {
		t.Fatalf("%d bytes", len(refusal.Message))
	}
}

// Every envelope that is cut off is refused, wherever the cut is.
func TestParseCutOff(t *testing.T) {
	for _, v := range vectors(t, "envelopes.json") {
		input := bytes.TrimRight(v.bytes(t), " \n")
		for end := range len(input) {
			if _, _, _, refusal := Parse(v.protocol(t), input[:end:end]); refusal == nil {
				t.Errorf("%s: %q was taken", v.Name, input[:end])
			}
		}
	}
}
