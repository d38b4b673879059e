package format

import (
	"testing"

	"github.com/porthouse/porthouse/schema"
)

func rawText(s string) Message   { return Message{Kind: Text, Data: []byte(s)} }
func rawBytes(s string) Message  { return Message{Kind: Bytes, Data: []byte(s)} }
func jsonValue(s string) Message { return Message{Kind: Value, Data: []byte(s)} }

// sent reads "data" as a socket of the protocol would have sent it.
func sent(t *testing.T, p Protocol, envelope string) Message {
	t.Helper()
	send, _, _, refusal := Parse(p, []byte(envelope))
	if refusal != nil {
		t.Fatal(refusal)
	}
	return send.Message
}

func TestConvert(t *testing.T) {
	fromJSON := sent(t, JSON, `{"data":"a\/b"}`)
	fromPacked := sent(t, Msgpack, "\x81\xa4data\xa3a/b")
	refused := Message{Kind: 99}
	for _, c := range []struct {
		name string
		rule schema.RoomFormat
		in   Message
		want Message
	}{
		{"any text", schema.FormatAny, rawText("x"), rawText("x")},
		{"any bytes", schema.FormatAny, rawBytes("\xff"), rawBytes("\xff")},
		{"any value", schema.FormatAny, jsonValue("1"), jsonValue("1")},
		{"text", schema.FormatText, rawText("x"), rawText("x")},
		{"text of bytes", schema.FormatText, rawBytes("é"), rawText("é")},
		{"text of bytes beyond UTF-8", schema.FormatText, rawBytes("\xff"), refused},
		{"text of a value", schema.FormatText, jsonValue(`"x"`), refused},
		{"bytes", schema.FormatBytes, rawBytes("\xff"), rawBytes("\xff")},
		{"bytes of text", schema.FormatBytes, rawText("x"), rawBytes("x")},
		{"bytes of a value", schema.FormatBytes, jsonValue("1"), refused},
		{"json", schema.FormatJSON, jsonValue("[1]"), jsonValue("[1]")},
		{"json of raw text", schema.FormatJSON, rawText(" {\"a\": 1.0}\n"), jsonValue(" {\"a\": 1.0}\n")},
		{"json of raw bytes", schema.FormatJSON, rawBytes("null"), jsonValue("null")},
		{"json of no JSON", schema.FormatJSON, rawText("hello"), refused},
		{"json of two", schema.FormatJSON, rawText("1 2"), refused},
		{"json of nothing", schema.FormatJSON, rawText(""), refused},
		{"json of bytes beyond UTF-8", schema.FormatJSON, rawBytes("\"\xff\""), refused},
		{"json of an envelope's string, as written", schema.FormatJSON, fromJSON, jsonValue(`"a\/b"`)},
		{"json of msgpack's string", schema.FormatJSON, fromPacked, jsonValue(`"a/b"`)},
		{"text of an envelope's string", schema.FormatText, fromJSON, rawText("a/b")},
	} {
		got, refusal := Convert(c.rule, c.in)
		if c.want.Kind == refused.Kind {
			if refusal == nil || refusal.Code != schema.Format {
				t.Errorf("%s: %v, want a refusal", c.name, refusal)
			}
			continue
		}
		if refusal != nil {
			t.Errorf("%s: %v", c.name, refusal)
			continue
		}
		if got.Kind != c.want.Kind || string(got.Data) != string(c.want.Data) {
			t.Errorf("%s: %v %q, want %v %q", c.name, got.Kind, got.Data, c.want.Kind, c.want.Data)
		}
	}
}

// A text room's message is still an envelope's string.
func TestConvertKeepsWhereTextCameFrom(t *testing.T) {
	m, refusal := Convert(schema.FormatText, sent(t, JSON, `{"data":"x"}`))
	if refusal != nil || !m.Enveloped || string(m.JSON) != `"x"` {
		t.Fatalf("%+v %v", m, refusal)
	}
}

func TestBinary(t *testing.T) {
	for _, c := range []struct {
		p                  Protocol
		text, bytes, value bool
	}{{Raw, false, true, false}, {JSON, false, false, false}, {Msgpack, true, true, true}} {
		if c.p.Binary(Text) != c.text || c.p.Binary(Bytes) != c.bytes || c.p.Binary(Value) != c.value {
			t.Errorf("%v: %v %v %v", c.p, c.p.Binary(Text), c.p.Binary(Bytes), c.p.Binary(Value))
		}
	}
}
