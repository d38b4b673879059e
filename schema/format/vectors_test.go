package format

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

const vectorMost = 4096 // bytes of a form's field, as the vectors' README says

// vector is one case of schema/testdata/wire.
type vector struct {
	Name     string
	Protocol string
	Type     string // Content-Type
	Input    string
	Base64   bool
	Expect   json.RawMessage
}

// expectation is what most vectors expect.
type expectation struct {
	Room    string
	To      []string
	Ref     string
	Key     string
	Command string
	Message *said

	From *struct{ Client, Sequence *string }
	Time string
	ID   string

	Token, Client, Password, OTP string

	Error schema.ErrorCode
	Says  string
}

// said is a message as vectors write it.
type said struct {
	Kind  string
	Text  string
	Bytes []byte
	Value string
}

func (s *said) message(t *testing.T) Message {
	t.Helper()
	switch s.Kind {
	case "text":
		return Message{Kind: Text, Data: []byte(s.Text)}
	case "bytes":
		return Message{Kind: Bytes, Data: s.Bytes}
	case "value":
		return Message{Kind: Value, Data: []byte(s.Value)}
	}
	t.Fatalf("kind %q", s.Kind)
	return Message{}
}

func (v *vector) protocol(t *testing.T) Protocol {
	t.Helper()
	for _, p := range []Protocol{Raw, JSON, Msgpack} {
		if p.String() == v.Protocol {
			return p
		}
	}
	t.Fatalf("protocol %q", v.Protocol)
	return 0
}

func (v *vector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.Protocol != "msgpack" && !v.Base64 {
		return []byte(v.Input)
	}
	input, err := base64.StdEncoding.DecodeString(v.Input)
	if err != nil {
		t.Fatal(err)
	}
	return input
}

func (v *vector) expected(t *testing.T) (e expectation) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(v.Expect)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

func vectors(t testing.TB, file string) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("../testdata/wire/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	return all
}

func eachVector(t *testing.T, file string, run func(t *testing.T, v *vector)) {
	for _, v := range vectors(t, file) {
		t.Run(v.Name, func(t *testing.T) { run(t, &v) })
	}
}

func TestEnvelopeVectors(t *testing.T) {
	eachVector(t, "envelopes.json", func(t *testing.T, v *vector) {
		e := v.expected(t)
		send, command, isCommand, refusal := Parse(v.protocol(t), v.bytes(t))
		if refusal != nil {
			t.Fatal(refusal)
		}
		if isCommand != (e.Command != "") || string(command) != e.Command || send.Ref != e.Ref {
			t.Fatalf("command %v %s, ref %q; want %s, %q", isCommand, command, send.Ref, e.Command, e.Ref)
		}
		if isCommand {
			if _, refusal := schema.ParseEnvelope(command); refusal != nil {
				t.Fatal(refusal)
			}
			return
		}
		if send.Room != e.Room || send.Key != e.Key || !reflect.DeepEqual(send.To, e.To) {
			t.Fatalf("%+v, want %+v", send, e)
		}
		sameMessage(t, send.Message, e.Message.message(t))
	})
}

func TestRefusalVectors(t *testing.T) {
	eachVector(t, "refusals.json", func(t *testing.T, v *vector) {
		e := v.expected(t)
		send, _, _, refusal := Parse(v.protocol(t), v.bytes(t))
		sameRefusal(t, refusal, e)
		if send.Ref != e.Ref {
			t.Fatalf("ref %q, want %q", send.Ref, e.Ref)
		}
	})
}

func TestMessageVectors(t *testing.T) {
	eachVector(t, "messages.json", func(t *testing.T, v *vector) {
		e := v.expected(t)
		m, h := e.Message.message(t), e.head(t)
		got := AppendMessage([]byte("before"), v.protocol(t), h, &m)
		if want := "before" + string(v.bytes(t)); string(got) != want {
			t.Fatalf("%q\nwant %q", got, want)
		}
	})
}

// head is the head that an expectation names.
func (e *expectation) head(t *testing.T) *Head {
	t.Helper()
	h := &Head{Room: e.Room, ID: e.ID}
	if e.ID != "" {
		h.Meta |= schema.MetaID
	}
	if e.Time != "" {
		at, err := time.Parse(time.RFC3339Nano, e.Time)
		if err != nil {
			t.Fatal(err)
		}
		h.Meta |= schema.MetaTime
		h.Time = at.UnixMilli()
	}
	if e.From == nil {
		return h
	}
	if h.Room == "" {
		h.From = true
	} else {
		h.Meta |= schema.MetaFrom
	}
	if e.From.Client == nil {
		h.Anonymous, h.Client = true, "mallory" // never shown
	} else {
		h.Client = *e.From.Client
	}
	if e.From.Sequence != nil {
		id, err := schema.ParseSequenceID(*e.From.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		h.Sequence = id
	}
	return h
}

func TestReplyVectors(t *testing.T) {
	eachVector(t, "replies.json", func(t *testing.T, v *vector) {
		var reply string
		if err := json.Unmarshal(v.Expect, &reply); err != nil {
			t.Fatal(err)
		}
		got := AppendReply(nil, v.protocol(t), []byte(reply))
		if string(got) != string(v.bytes(t)) {
			t.Fatalf("%q\nwant %q", got, v.bytes(t))
		}
	})
}

func TestBodyVectors(t *testing.T) {
	eachVector(t, "bodies.json", func(t *testing.T, v *vector) {
		e, body := v.expected(t), v.bytes(t)
		form, isForm, refusal := ParseForm(v.Type, body, vectorMost)
		if !isForm && refusal == nil {
			form.Message, refusal = Body(v.Type, body)
		}
		if e.Error != "" {
			sameRefusal(t, refusal, e)
			return
		}
		if refusal != nil {
			t.Fatal(refusal)
		}
		form.File = "" // the vectors say what a message is, not how its file was called
		want := Form{To: e.To, Token: e.Token, Client: e.Client, Password: e.Password, OTP: e.OTP, Key: e.Key}
		sameMessage(t, form.Message, e.Message.message(t))
		if form.Message = want.Message; !reflect.DeepEqual(form, want) {
			t.Fatalf("form %q, want %q", []any{form.To, form.Token, form.Client, form.Password, form.OTP, form.Key}, v.Expect)
		}
	})
}

func sameMessage(t *testing.T, got, want Message) {
	t.Helper()
	if got.Kind != want.Kind || string(got.Data) != string(want.Data) {
		t.Fatalf("%v %q, want %v %q", got.Kind, got.Data, want.Kind, want.Data)
	}
}

func sameRefusal(t *testing.T, got *schema.Refusal, want expectation) {
	t.Helper()
	if got == nil || got.Code != want.Error || !strings.Contains(got.Message, want.Says) {
		t.Fatalf("refusal %v, want %s: … %s …", got, want.Error, want.Says)
	}
}
