package puddle

import (
	"reflect"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema/format"
)

var bonds = []bond{
	{},
	{what: bondNarrow, client: "alice", sequence: 7, number: 1 << 60, time: -1, id: "0h3k9v2m4x7qd", to: []string{"bob", "~0000000000001"}},
	{what: bondDirect, client: strings.Repeat("a", 255), to: make([]string, 256), rooms: []string{"chat", "alice/notes"}},
	{what: bondEvent, sequence: 1<<64 - 1},
}

func TestBondsThereAndBack(t *testing.T) {
	for _, want := range bonds {
		written := want.append(nil)
		got, err := readBond(written)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
		for cut := 1; cut < len(written); cut++ {
			if _, err := readBond(written[:cut]); err == nil {
				t.Errorf("%+v cut at %d is taken for whole", want, cut)
			}
		}
	}
	if got, err := readBond(nil); err != nil || !reflect.DeepEqual(got, bond{}) {
		t.Errorf("nothing is %+v, %v", got, err)
	}
}

func FuzzBond(f *testing.F) {
	for _, b := range bonds {
		f.Add(b.append(nil))
	}
	f.Fuzz(func(t *testing.T, from []byte) {
		b, err := readBond(from)
		if err != nil {
			return
		}
		if again, err := readBond(b.append(nil)); err != nil || !reflect.DeepEqual(again, b) {
			t.Fatalf("%+v, then %+v, %v", b, again, err)
		}
	})
}

// Each protocol's frame is made once, and its body is what was laid.
func TestLaidFrames(t *testing.T) {
	p := &Puddle{}
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		m := format.Message{Kind: format.Text, Data: []byte(strings.Repeat("x", size))}
		l := p.lay(&m, format.Head{Room: "chat"})
		for range 2 {
			if raw := l.frame(format.Raw); string(frameBody(raw)) != string(m.Data) || raw[0] != 0x81 {
				t.Errorf("%d bytes: raw %.40q", size, raw)
			}
			want := `{"room":"chat","data":"` + string(m.Data) + `"}`
			if text := l.frame(format.JSON); string(frameBody(text)) != want || text[0] != 0x81 {
				t.Errorf("%d bytes: JSON %.60q", size, text)
			}
			if packed := l.frame(format.Msgpack); packed[0] != 0x82 || len(frameBody(packed)) < size {
				t.Errorf("%d bytes: msgpack %.40q", size, packed)
			}
		}
	}
	m := format.Message{Kind: format.Value, Data: []byte(`{"a":[1,2,3]}`)}
	if n := testing.AllocsPerRun(100, func() {
		l := p.lay(&m, format.Head{Room: "chat"})
		for speaks := format.Raw; speaks <= format.Msgpack; speaks++ {
			l.frame(speaks)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
