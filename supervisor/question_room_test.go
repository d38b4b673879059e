package supervisor

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

func TestAskMake(t *testing.T) {
	d := newDesk(t, 2, func(c *Config) {
		c.Settings.Transient = schema.TransientNobody
		c.Ceilings, _ = schema.ParseCeilings([]byte(`{"members":10}`))
	})
	d.does("client", "add", "alice", `{"owner":true}`)
	for n, c := range []struct {
		room, rules string
		keep        bool
		asker       ipc.Asker
		want        schema.ErrorCode
	}{
		{"chat", `{"password":"x","members":5}`, false, alice, ""},
		{"chat", ``, false, root, schema.Exists},
		{"eves", ``, false, eve, schema.Denied},
		{"-", ``, false, alice, schema.NotFound},
		{"wrong", `{"members":-1}`, false, alice, schema.Malformed},
		{"wrong", `{"history":5}`, false, alice, schema.Unavailable},
		{"big", `{"members":11}`, false, alice, schema.Denied},
		{"big", `{"members":11}`, false, root, ""},
		{"alice/notes", `{"password":"x"}`, true, alice, ""},
		{"alice/notes", ``, true, alice, schema.Exists},
		{"kept", ``, true, alice, schema.Denied},
		{"kept", ``, true, root, ""},
		{"alice/wrong", `{"size":"x"}`, true, alice, schema.Malformed},
	} {
		ask := &ipc.AskMake{Room: c.room, Keep: c.keep, Asker: c.asker}
		if c.rules != "" {
			ask.Rules = []byte(c.rules)
		}
		r := d.asks(n%2, ipc.Question{Make: ask})
		switch {
		case c.want != "" && !repliesNo(r, c.want):
			t.Errorf("%d %s: %+v, want %s", n, c.room, r.Refused, c.want)
		case c.want == "" && (r.Room == nil || !r.Room.Made || r.Room.Grant == 0 || r.Room.Persistent != c.keep):
			t.Errorf("%d %s: %+v %+v", n, c.room, r.Refused, r.Room)
		}
	}
	notes := d.asks(1, ipc.Question{Look: &ipc.AskLook{Room: "alice/notes"}}).Room
	rules, _ := schema.Unseal(notes.Rules)
	if notes.Owner != "alice" || !rules.Password.Set() || rules.Visible {
		t.Errorf("%+v %s", notes, rules)
	}
	if r, found := d.book.Room("alice/notes"); !found || r.Rules.Password.Reveal() != "hash of x" {
		t.Errorf("in the book: %+v %v", r, found)
	}
	chat := d.asks(1, ipc.Question{Look: &ipc.AskLook{Room: "chat"}}).Room
	if chat.Owner != "alice" || chat.Maker != alice.Sequence || chat.Persistent {
		t.Errorf("%+v", chat)
	}
}

func TestAskRulesAndDrop(t *testing.T) {
	d := newDesk(t, 3, func(c *Config) { c.Ceilings, _ = schema.ParseCeilings([]byte(`{"size":70000}`)) })
	d.does("client", "add", "alice", `{"owner":true}`)
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "chat", Asker: alice}})
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "alice/notes", Keep: true, Asker: alice}})
	for _, name := range []string{"chat", "alice/notes"} {
		d.asks(1, ipc.Question{Open: &ipc.AskOpen{Room: name}})
		for slot := range 3 {
			d.hears(slot)
		}
		ask := func(patch string, asker ipc.Asker) *ipc.Reply {
			q := ipc.AskRules{Room: name, Asker: asker}
			if patch != "" {
				q.Patch = []byte(patch)
			}
			return d.asks(0, ipc.Question{Rules: &q})
		}
		var now struct {
			Password any
			Size     int
		}
		r := ask(`{"password":"x","size":1000}`, alice)
		if err := json.Unmarshal(r.JSON, &now); err != nil || now.Password != true || now.Size != 1000 {
			t.Errorf("%s: %+v %s", name, r.Refused, r.JSON)
		}
		if shown := ask("", eve); string(shown.JSON) != string(r.JSON) {
			t.Errorf("%s: shown %s, changed to %s", name, shown.JSON, r.JSON)
		}
		if same := ask("{}", alice); string(same.JSON) != string(r.JSON) {
			t.Errorf("%s: %s, nothing changed in %s", name, same.JSON, r.JSON)
		}
		for slot, want := range [][]string{{"room " + name + " owner=alice grant=0"}, {"room " + name + " owner=alice grant=0"}, nil} {
			if told := d.hears(slot); !slices.Equal(told, want) {
				t.Errorf("%s: slot %d hears %q, want %q", name, slot, told, want)
			}
		}
		for patch, want := range map[string]schema.ErrorCode{
			`{"size":0}`: schema.Malformed, `{"sise":1}`: schema.Malformed, `[`: schema.Malformed,
			`{"size":80000}`: schema.Denied, `{"ttl":"1h"}`: schema.Unavailable,
		} {
			if r := ask(patch, alice); !repliesNo(r, want) {
				t.Errorf("%s: %s: %+v, want %s", name, patch, r.Refused, want)
			}
		}
		if r := ask(`{"size":80000}`, root); r.Refused != nil {
			t.Errorf("%s: %v", name, r.Refused)
		}
		d.hears(1)
		if r := d.asks(2, ipc.Question{Drop: &ipc.AskDrop{Room: name, Asker: alice}}); r.Refused != nil {
			t.Errorf("%s: %v", name, r.Refused)
		}
		if told := d.hears(1); !slices.Equal(told, []string{"gone " + name}) {
			t.Errorf("%s: a holder hears %q", name, told)
		}
		for _, r := range []*ipc.Reply{d.asks(2, ipc.Question{Drop: &ipc.AskDrop{Room: name, Asker: alice}}), ask("", alice), ask(`{"size":1}`, alice)} {
			if !repliesNo(r, schema.NotFound) {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if rooms := d.book.Rooms(); len(rooms) != 0 {
		t.Errorf("%+v", rooms)
	}
}
