package format

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/vmihailenco/msgpack/v5"
)

var fullHead = Head{
	Room: "alice/notes", Meta: schema.MetaFrom | schema.MetaTime | schema.MetaID,
	Client: "alice", Sequence: 1, Time: 1700000000123, ID: "m1",
}

var kinds = []Message{rawText("hello \"world\"\n"), rawBytes("\x00\xff\x01"), jsonValue(`{"a":[1,-2,1.5,"x\n",null,true,1e400],"b":{}}`)}

func TestAppendDoesNotAllocate(t *testing.T) {
	buffer := make([]byte, 0, 4096)
	for _, p := range []Protocol{Raw, JSON, Msgpack} {
		for _, m := range kinds {
			if n := testing.AllocsPerRun(100, func() { buffer = AppendMessage(buffer[:0], p, &fullHead, &m) }); n != 0 {
				t.Errorf("%v %v: %v allocations", p, m.Kind, n)
			}
		}
		reply := []byte(`{"ok":"join","room":"chat","members":2}`)
		if n := testing.AllocsPerRun(100, func() { buffer = AppendReply(buffer[:0], p, reply) }); n != 0 {
			t.Errorf("reply, %v: %v allocations", p, n)
		}
	}
}

// Parsing allocates the room's name alone where the data can alias.
func TestParseAllocations(t *testing.T) {
	for _, c := range []struct {
		p     Protocol
		input string
	}{
		{JSON, `{"room":"chat","data":"hello"}`}, {JSON, `{"room":"chat","data":{"a":1}}`},
		{Msgpack, "\x82\xa4room\xa4chat\xa4data\xa5hello"}, {Msgpack, "\x82\xa4room\xa4chat\xa4data\xc4\x01x"},
	} {
		input := []byte(c.input)
		if n := testing.AllocsPerRun(100, func() { Parse(c.p, input) }); n > 1 {
			t.Errorf("%q: %v allocations", c.input, n)
		}
	}
}

// Where a head needs more bytes than were kept free, what stands behind moves.
func TestPackHeads(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		list := "[" + strings.TrimSuffix(strings.Repeat("7,", n), ",") + "]"
		var numbers []int
		unpacked(t, list, &numbers)
		if len(numbers) != n || n > 0 && numbers[n-1] != 7 {
			t.Errorf("a list of %d: %d", n, len(numbers))
		}
		var object strings.Builder
		for i := range n {
			fmt.Fprintf(&object, `,"k%d":%d`, i, i)
		}
		members := map[string]int{}
		unpacked(t, "{"+strings.TrimPrefix(object.String(), ",")+"}", &members)
		if len(members) != n || n > 0 && members[fmt.Sprintf("k%d", n-1)] != n-1 {
			t.Errorf("a map of %d: %d", n, len(members))
		}
		for _, sign := range []string{"x", `\n`} {
			var text string
			unpacked(t, `"`+strings.Repeat(sign, n)+`"`, &text)
			if len(text) != n {
				t.Errorf("a string of %d: %d", n, len(text))
			}
		}
		var data []byte
		if err := msgpack.Unmarshal(append(packBytes.head(nil, n), make([]byte, n)...), &data); err != nil || len(data) != n {
			t.Errorf("%d bytes: %d, %v", n, len(data), err)
		}
	}
}

// unpacked packs JSON and lets another implementation read it.
func unpacked(t *testing.T, text string, into any) {
	t.Helper()
	if err := msgpack.Unmarshal(packJSON(nil, []byte(text)), into); err != nil {
		t.Fatalf("%.40s: %v", text, err)
	}
}

// What is no JSON, which no caller has, becomes a string.
func TestPackNoJSON(t *testing.T) {
	for _, text := range []string{"", "{", `{"a":1`, `[1`, "1 2", "nul", strings.Repeat("[", 100)} {
		var back string
		unpacked(t, text, &back)
		if back != text {
			t.Errorf("%q: %q", text, back)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	for _, p := range []Protocol{JSON, Msgpack} {
		for _, m := range kinds {
			b.Run(p.String()+" "+m.Kind.String(), func(b *testing.B) {
				b.ReportAllocs()
				head, buffer := Head{Room: "chat"}, make([]byte, 0, 4096)
				for b.Loop() {
					buffer = AppendMessage(buffer[:0], p, &head, &m)
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name  string
		p     Protocol
		input string
	}{
		{"json text", JSON, `{"room":"chat","data":"hello world"}`},
		{"json value", JSON, `{"room":"chat","data":{"a":[1,-2,1.5,"x\n",null,true],"b":{}}}`},
		{"json 64 KiB", JSON, `{"room":"chat","data":"` + strings.Repeat("x", 64<<10) + `"}`},
		{"msgpack text", Msgpack, "\x82\xa4room\xa4chat\xa4data\xabhello world"},
		{"msgpack value", Msgpack, "\x82\xa4room\xa4chat" + string(packText(nil, "data")) + string(packJSON(nil, []byte(`{"a":[1,-2,1.5,"x\n",null,true],"b":{}}`)))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			input := []byte(c.input)
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				Parse(c.p, input)
			}
		})
	}
}

// A message's time is UTC, wherever the house stands.
func TestTimeIsUTC(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("elsewhere", 5*3600)
	defer func() { time.Local = local }()
	m := rawText("x")
	got := string(AppendMessage(nil, JSON, &Head{Room: "chat", Meta: schema.MetaTime, Time: 7}, &m))
	if want := `{"room":"chat","time":"1970-01-01T00:00:00.007Z","data":"x"}`; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
}
