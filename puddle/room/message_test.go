package room

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// Every rule × list × kind of receiver, against the contract's words.
func TestWhoHears(t *testing.T) {
	for to := schema.ToAny; to <= schema.ToSelf; to++ {
		for n := range 1 << 5 {
			lists, echo := n&1 != 0, n&2 != 0
			member := Receiver{Sender: n&4 != 0, Named: n&8 != 0, Owner: n&16 != 0}
			if member.Named && !lists {
				continue
			}
			var want bool
			switch {
			case member.Sender && to == schema.ToSelf:
				want = true
			case member.Sender:
				want = echo
			default:
				want = map[string]bool{
					"any":      !lists || member.Named,
					"everyone": true,
					"owner":    member.Owner,
					"self":     false,
				}[to.String()]
			}
			if got := ReachOf(to, lists).Hears(member, echo); got != want {
				t.Errorf("to %s lists %v echo %v %+v: %v", to, lists, echo, member, got)
			}
		}
	}
}

var contents = []string{
	"", "hello", `"hello"`, "42", "1e400", "9007199254740993", `{"a":[1, 2]}`, "{", "nul", "null", " true\n",
	"\xff\xfe", "\"\xff\"", "\x00", "é", "\uFEFF1",
}

// Every format × kind × content × envelope or raw.
func TestConvert(t *testing.T) {
	for format := schema.FormatAny; format <= schema.FormatJSON; format++ {
		for kind := Text; kind <= Value; kind++ {
			for _, content := range contents {
				for _, envelope := range []bool{false, true} {
					m := Message{Kind: kind, Data: []byte(content)}
					if kind == Text && !utf8.ValidString(content) || kind == Value && !json.Valid(m.Data) {
						continue // refused before
					}
					if kind == Text && envelope {
						m.JSON, _ = json.Marshal(content)
					}
					got, ok := Convert(format, m)
					wantKind, wantData := expectConvert(format.String(), m)
					if ok != (wantKind >= 0) {
						t.Errorf("%s kind %d %q envelope %v: %v", format, kind, content, envelope, ok)
					}
					if ok && (int(got.Kind) != wantKind || string(got.Data) != wantData) {
						t.Errorf("%s kind %d %q envelope %v: %d %q", format, kind, content, envelope, got.Kind, got.Data)
					}
				}
			}
		}
	}
}

// expectConvert gives kind -1 for what is refused.
func expectConvert(format string, m Message) (kind int, data string) {
	content := string(m.Data)
	parses := json.Valid(m.Data) && utf8.ValidString(content)
	kinds := map[string][3]int{ // text, bytes, value become
		"any":   {0, 1, 2},
		"text":  {0, 0, -1},
		"bytes": {1, 1, -1},
		"json":  {2, 2, 2},
	}[format]
	kind = kinds[m.Kind]
	switch {
	case format == "text" && m.Kind == Bytes && !utf8.ValidString(content):
		kind = -1
	case format == "json" && m.Kind == Text && m.JSON != nil:
		content = string(m.JSON)
	case format == "json" && m.Kind != Value && !parses:
		kind = -1
	}
	return kind, content
}

func TestConvertAllocatesNothing(t *testing.T) {
	m := Message{Kind: Bytes, Data: []byte(`{"a":1}`)}
	for format := schema.FormatAny; format <= schema.FormatJSON; format++ {
		if n := testing.AllocsPerRun(100, func() { Convert(format, m) }); n != 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}
