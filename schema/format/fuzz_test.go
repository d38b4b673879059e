package format

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
	"github.com/vmihailenco/msgpack/v5"
)

func addVectors(f *testing.F, protocol string) {
	for _, file := range []string{"envelopes.json", "refusals.json"} {
		for _, v := range vectors(f, file) {
			if v.Protocol == protocol {
				f.Add(v.bytes(f))
			}
		}
	}
}

// What is taken as JSON is JSON to encoding/json too, and is what it says.
func FuzzParseJSON(f *testing.F) {
	addVectors(f, "json")
	f.Fuzz(func(t *testing.T, input []byte) {
		send, command, isCommand, refusal := Parse(JSON, input)
		if refusal != nil {
			checkRefusal(t, refusal)
			return
		}
		if !json.Valid(input) || !utf8.Valid(input) {
			t.Fatalf("%q was taken", input)
		}
		if isCommand {
			if !bytes.Equal(command, input) {
				t.Fatalf("%q became %q", input, command)
			}
			schema.ParseEnvelope(command)
			return
		}
		checkSend(t, &send)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(input, &fields); err != nil {
			t.Fatal(err)
		}
		if send.Message.Kind == Text {
			var want string
			if err := json.Unmarshal(fields["data"], &want); err != nil || want != string(send.Message.Data) {
				t.Fatalf("%q: text %q, want %q (%v)", input, send.Message.Data, want, err)
			}
		}
		if send.Message.Kind == Value && string(fields["data"]) != string(send.Message.Data) {
			t.Fatalf("%q: value %q", input, send.Message.Data)
		}
		checkBack(t, &send.Message)
	})
}

func FuzzParseMsgpack(f *testing.F) {
	addVectors(f, "msgpack")
	f.Fuzz(func(t *testing.T, input []byte) {
		send, command, isCommand, refusal := Parse(Msgpack, input)
		if refusal != nil {
			checkRefusal(t, refusal)
			return
		}
		var judge any
		if err := msgpack.Unmarshal(input, &judge); err != nil {
			t.Fatalf("%q was taken: %v", input, err)
		}
		if isCommand {
			if why := valueFault(command); !json.Valid(command) || why != "" && why != faultDepth {
				t.Fatalf("%q became %q: %s", input, command, why)
			}
			schema.ParseEnvelope(command)
			return
		}
		checkSend(t, &send)
		checkBack(t, &send.Message)
	})
}

func checkRefusal(t *testing.T, refusal *schema.Refusal) {
	t.Helper()
	if refusal.Code != schema.Malformed && refusal.Code != schema.Format || refusal.Message == "" || !utf8.ValidString(refusal.Message) || len(refusal.Message) > 300 {
		t.Fatalf("%q", refusal)
	}
}

// checkSend checks the bounds and the kinds of what was taken.
func checkSend(t *testing.T, s *Send) {
	t.Helper()
	if len(s.Room) > roomMost || len(s.Ref) > schema.RefMost || len(s.Key) > KeyMost || len(s.To) > ToMost || s.To != nil && len(s.To) == 0 {
		t.Fatalf("%+v", s)
	}
	for _, name := range append([]string{s.Room, s.Ref, s.Key}, s.To...) {
		if !utf8.ValidString(name) {
			t.Fatalf("%q", name)
		}
	}
	switch m := &s.Message; m.Kind {
	case Text:
		if !utf8.Valid(m.Data) || !m.Enveloped {
			t.Fatalf("%+v", m)
		}
	case Value:
		if why := valueFault(m.Data); why != "" {
			t.Fatalf("%q: %s", m.Data, why)
		}
	}
}

// checkBack checks that what a message is written as is read as the message.
func checkBack(t *testing.T, m *Message) {
	t.Helper()
	for _, p := range []Protocol{JSON, Msgpack} {
		frame := AppendMessage(nil, p, &Head{Room: "chat"}, m)
		send, _, _, refusal := Parse(p, frame)
		if refusal != nil {
			t.Fatalf("%v %q: %v", p, frame, refusal)
		}
		got := send.Message
		switch {
		case send.Room != "chat":
			t.Fatalf("%v: room %q", p, send.Room)
		case m.Kind == Value:
			sameValue(t, m.Data, asValue(t, got))
		case got.Kind != m.Kind || !bytes.Equal(got.Data, m.Data):
			t.Fatalf("%v: %v %q, want %v %q", p, got.Kind, got.Data, m.Kind, m.Data)
		}
	}
}

// asValue is what a value that is one string, or a number that became one,
// says as JSON.
func asValue(t *testing.T, m Message) []byte {
	t.Helper()
	v, refusal := Convert(schema.FormatJSON, m)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return v.Data
}

// FuzzTranscode takes any JSON through msgpack and back.
func FuzzTranscode(f *testing.F) {
	for _, text := range []string{
		`null`, `[true,false]`, `{"a":{"b":[1,-1,1.5,"x"]}}`, `[0.1,1e22,1e400,-0,-0.0,18446744073709551616,12345678901234567]`,
		`["\u00e9\ud83d\ude00\n"]`, ` [ 1 , 2 ] `, `{"a":1,"a":2}`, `[0.30000000000000004,0.1000000000000000055]`, `"x"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if why := valueFault([]byte(text)); why != "" {
			if why != faultSurrogate && why != faultDepth && why != faultUTF8 && json.Valid([]byte(text)) {
				t.Fatalf("%q was refused: %s", text, why)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q was taken", text)
		}
		packed := packJSON(nil, []byte(text))
		var judge any
		if err := msgpack.Unmarshal(packed, &judge); err != nil {
			t.Fatalf("%q: %q: %v", text, packed, err)
		}
		back, end, why := unpackValue(nil, packed, 0, DepthMost)
		if why != "" || end != len(packed) {
			t.Fatalf("%q: %q: %s, %d left", text, packed, why, len(packed)-end)
		}
		sameValue(t, []byte(text), back)
		again := packJSON(nil, back)
		if !bytes.Equal(again, packed) {
			t.Fatalf("%q: %q became %q", text, packed, again)
		}
	})
}

// sameValue compares JSON values as encoding/json reads them, numbers by what
// they mean.
func sameValue(t *testing.T, want, got []byte) {
	t.Helper()
	if !sameJSON(decoded(t, want), decoded(t, got)) {
		t.Fatalf("%q became %q", want, got)
	}
}

func decoded(t *testing.T, text []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

func sameJSON(want, got any) bool {
	switch want := want.(type) {
	case json.Number:
		return sameNumber(string(want), got)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !sameJSON(want[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for key, value := range want {
			if other, ok := object[key]; !ok || !sameJSON(value, other) {
				return false
			}
		}
		return true
	}
	return want == got
}

// sameNumber tells whether a number came back as the same number, or, where
// no integer of 64 bits and no float64 is it, as its digits.
func sameNumber(want string, got any) bool {
	if digits, ok := got.(string); ok {
		return digits == want
	}
	number, ok := got.(json.Number)
	if !ok {
		return false
	}
	return string(number) == want || exactly(want, string(number))
}

func exactly(a, b string) bool {
	for _, text := range []string{a, b} {
		if at := strings.IndexAny(text, "eE"); at >= 0 && len(strings.TrimLeft(text[at+1:], "+-0")) > 4 {
			return zero(a) && zero(b) // too much for big.Rat; only 0e99999 comes so far
		}
	}
	first, ok := new(big.Rat).SetString(a)
	second, okToo := new(big.Rat).SetString(b)
	return ok && okToo && first.Cmp(second) == 0
}

func zero(text string) bool {
	f, err := json.Number(text).Float64()
	return err == nil && math.Abs(f) == 0
}

func FuzzForm(f *testing.F) {
	for _, v := range vectors(f, "bodies.json") {
		f.Add(v.Type, v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		form, isForm, refusal := ParseForm(contentType, body, vectorMost)
		m := form.Message
		if !isForm {
			m, refusal = Body(contentType, body)
		}
		if refusal != nil {
			if refusal.Message == "" || !utf8.ValidString(refusal.Message) || len(refusal.Message) > 300 {
				t.Fatalf("%q", refusal)
			}
			return
		}
		switch {
		case m.Kind == Text && !utf8.Valid(m.Data), m.Kind == Value && valueFault(m.Data) != "":
			t.Fatalf("%v %q", m.Kind, m.Data)
		case isForm && len(m.Data) > vectorMost, len(form.To) > ToMost, len(form.Key) > KeyMost:
			t.Fatalf("%d bytes, %d entries, a key of %d", len(m.Data), len(form.To), len(form.Key))
		}
	})
}
