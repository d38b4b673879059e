package supervisor

import (
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

func TestSiblingKeys(t *testing.T) {
	d := newDesk(t, 2, nil)
	register := func(slot int, key byte, sequence schema.SequenceID) *ipc.Reply {
		return d.asks(slot, ipc.Question{Register: &ipc.AskRegister{Key: [32]byte{key}, Sequence: sequence}})
	}
	find := func(key byte) *ipc.Reply {
		return d.asks(0, ipc.Question{Sibling: &ipc.AskSibling{Key: [32]byte{key}, Address: "10.0.0.1"}})
	}
	for n, c := range []struct {
		slot     int
		key      byte
		sequence schema.SequenceID
		taken    bool
	}{
		{1, 1, 21, false},
		{1, 1, 21, false}, // said twice
		{0, 1, 22, true},
		{0, 2, 22, false},
		{0, 3, 22, false},
	} {
		if r := register(c.slot, c.key, c.sequence); repliesNo(r, schema.Exists) != c.taken {
			t.Errorf("%d: %+v", n, r)
		}
	}
	if r := find(1); r.Slot != 1 || r.Sequence != 21 || r.Refused != nil {
		t.Errorf("%+v", r)
	}
	if r := find(9); !repliesNo(r, schema.Unauthorized) {
		t.Errorf("%+v", r)
	}
	d.enters(0, 22, "", "chat", table.NoRoom)
	d.ends(0, 22)
	for key := byte(2); key < 4; key++ {
		if r := find(key); !repliesNo(r, schema.Unauthorized) {
			t.Errorf("of one that is gone: %+v", r)
		}
	}
	d.dies(1)
	if r := find(1); !repliesNo(r, schema.Unauthorized) {
		t.Errorf("of a dead process: %+v", r)
	}
	if len(d.siblings.keys)+len(d.siblings.of) != 0 {
		t.Errorf("left behind: %+v", d.siblings)
	}
}

func TestWrongSiblingKeysAreSlowed(t *testing.T) {
	s, now := newSiblings(), time.Now()
	s.register(&ipc.AskRegister{Key: [32]byte{1}, Sequence: 1}, 0, now)
	find := func(key byte, address string) schema.ErrorCode {
		r := s.find(&ipc.AskSibling{Key: [32]byte{key}, Address: address}, now)
		switch {
		case r.Refused == nil:
			return ""
		case (r.Refused.Code == schema.Rate) != (r.After > 0):
			t.Errorf("%+v", r)
		}
		return r.Refused.Code
	}
	for n := range 30 {
		want := schema.Unauthorized
		if n >= keyTries {
			want = schema.Rate
		}
		if code := find(9, "2001:db8::"+string(rune('1'+n%9))); code != want {
			t.Fatalf("try %d: %s, want %s", n, code, want)
		}
	}
	for _, c := range []struct {
		key     byte
		address string
		want    schema.ErrorCode
	}{
		{9, "2001:db8:0:1::1", schema.Unauthorized}, // another network
		{9, "10.0.0.1", schema.Unauthorized},
		{9, "", schema.Unauthorized},
		{1, "2001:db8::1", ""}, // the right one
	} {
		if code := find(c.key, c.address); code != c.want {
			t.Errorf("%+v: %q", c, code)
		}
	}
	now = now.Add(keySpan)
	if code := find(9, "2001:db8::1"); code != schema.Unauthorized {
		t.Errorf("a minute later: %s", code)
	}
}

func TestSiblingKeysOfNobody(t *testing.T) {
	s, now := newSiblings(), time.Now()
	s.register(&ipc.AskRegister{Key: [32]byte{1}, Sequence: 1}, 0, now)
	s.register(&ipc.AskRegister{Key: [32]byte{2}, Sequence: 2}, 0, now)
	s.register(&ipc.AskRegister{Key: [32]byte{3}, Sequence: 3}, 0, now.Add(time.Second))
	lives := func(id schema.SequenceID) bool { return id == 2 }
	s.expire(now.Add(keyUnproven-time.Second), lives)
	if len(s.keys) != 3 {
		t.Errorf("too early: %+v", s.keys)
	}
	s.expire(now.Add(keyUnproven), lives)
	if _, known := s.keys[[32]byte{1}]; known || len(s.keys) != 2 || len(s.of) != 2 || len(s.unproven) != 1 {
		t.Errorf("%+v", s)
	}
}
