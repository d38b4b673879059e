package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// fakeSlots are what a directory sees of the slots and tells them.
type fakeSlots struct {
	*directory
	entries map[int]map[uint32]fakeEntry
	index   map[string]uint32 // "room/slot"
	told    []string
	noted   map[string]bool // rows of transient rooms
}

type fakeEntry struct {
	ref uint64
	table.Presence
}

func newFakeSlots(transient string) *fakeSlots {
	f := &fakeSlots{
		directory: newDirectory(transient, schema.DefaultRules()),
		entries:   map[int]map[uint32]fakeEntry{}, index: map[string]uint32{}, noted: map[string]bool{},
	}
	f.tell = func(to slotSet, word ipc.ToPuddle) {
		for slot := range table.Slots {
			if to.has(slot) {
				f.told = append(f.told, fmt.Sprintf("%d %s", slot, wordOf(word)))
			}
		}
	}
	f.note = func(changes ...change) {
		for _, c := range changes {
			switch c := c.(type) {
			case roomMade:
				f.noted[c.Name] = true
			case roomGone:
				delete(f.noted, string(c))
			}
		}
	}
	f.indexOf = func(room string, slot int) (uint32, bool) {
		index, ok := f.index[fmt.Sprintf("%s/%d", room, slot)]
		return index, ok
	}
	f.present = func(slot int, index uint32, ref uint64) (table.Presence, bool) {
		e, ok := f.entries[slot][index]
		return e.Presence, ok && (ref == 0 || ref == e.ref)
	}
	return f
}

func wordOf(word ipc.ToPuddle) string {
	switch {
	case word.Room != nil:
		return "room " + word.Room.Name
	case word.RoomGone != nil:
		return "gone " + word.RoomGone.Name
	}
	return fmt.Sprintf("%+v", word)
}

// has says which transient and persistent rooms there are and who holds them.
func (f *fakeSlots) has() string {
	var all []string
	for name := range f.names.all {
		r := f.rooms[name]
		text := name
		if r.persistent {
			text += "!"
		}
		for _, h := range r.holders {
			text += fmt.Sprint(" ", h.slot)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func (f *fakeSlots) opens(t *testing.T, slot int, name string) *ipc.Room {
	t.Helper()
	room, refusal := f.open(slot, ipc.AskOpen{Room: name, Create: true})
	if refusal != nil {
		t.Fatal(refusal)
	}
	return room
}

// sits puts members of a room into a slot's table.
func (f *fakeSlots) sits(slot int, room string, index uint32, e fakeEntry) {
	if f.entries[slot] == nil {
		f.entries[slot] = map[uint32]fakeEntry{}
	}
	f.entries[slot][index] = e
	f.index[fmt.Sprintf("%s/%d", room, slot)] = index
}

func rulesOf(t *testing.T, text string) schema.Said {
	t.Helper()
	patch, refusal := schema.ParseRules([]byte(text))
	if refusal != nil {
		t.Fatal(refusal)
	}
	said, _, refusal := schema.Said{}.Apply(patch.Hashed(schema.StoredPassword("hash")), schema.DefaultRules())
	if refusal != nil {
		t.Fatal(refusal)
	}
	return said
}

func TestGrants(t *testing.T) {
	f := newFakeSlots(schema.TransientAnyone)
	if _, refusal := f.open(0, ipc.AskOpen{Room: "a"}); refusal == nil || refusal.Code != schema.NotFound {
		t.Errorf("not to be made: %v", refusal)
	}
	if _, refusal := f.open(0, ipc.AskOpen{Room: ".a", Create: true}); refusal == nil || refusal.Code != schema.NotFound {
		t.Errorf("no name: %v", refusal)
	}
	first := f.opens(t, 0, "a")
	again := f.opens(t, 0, "a")
	other := f.opens(t, 1, "a")
	if !first.Made || again.Made || first.Incarnation != again.Incarnation || again.Incarnation != other.Incarnation {
		t.Errorf("%+v %+v %+v", first, again, other)
	}
	if first.Grant == again.Grant || first.Grant == 0 {
		t.Errorf("grants %d, %d", first.Grant, again.Grant)
	}
	if look, refusal := f.look("a"); refusal != nil || look.Grant != 0 || look.Incarnation != first.Incarnation {
		t.Errorf("%+v %v", look, refusal)
	}
	for n, step := range []struct {
		slot  int
		grant uint64
		want  string
	}{
		{0, first.Grant, "a 0 1"}, // it was granted again since
		{1, again.Grant, "a 0 1"}, // another's
		{0, again.Grant, "a 1"},
		{0, again.Grant, "a 1"},
		{1, other.Grant, ""},
	} {
		f.release(step.slot, ipc.Released{Room: "a", Grant: step.grant})
		if have := f.has(); have != step.want {
			t.Errorf("step %d: %q, want %q", n, have, step.want)
		}
	}
	if fresh := f.opens(t, 1, "a"); !fresh.Made || fresh.Incarnation == first.Incarnation {
		t.Errorf("%+v", fresh)
	}
	f.release(1, ipc.Released{Room: "a", Grant: other.Grant}) // of the one before
	if f.has() != "a 1" || !f.noted["a"] {
		t.Errorf("%q, noted %v", f.has(), f.noted)
	}
	f.opens(t, 0, "a")
	f.opens(t, 0, "b")
	f.vacate(0)
	if f.has() != "a 1" || f.noted["b"] {
		t.Errorf("%q, noted %v", f.has(), f.noted)
	}
}

func TestRemove(t *testing.T) {
	f := newFakeSlots(schema.TransientAnyone)
	before := f.opens(t, 2, "a")
	f.opens(t, 5, "a")
	if !f.remove("a", "why") || f.remove("a", "why") || f.has() != "" || len(f.noted) != 0 {
		t.Errorf("%q %v", f.has(), f.noted)
	}
	if want := []string{"2 gone a", "5 gone a"}; !slices.Equal(f.told, want) {
		t.Errorf("told %v, want %v", f.told, want)
	}
	if after := f.opens(t, 2, "a"); after.Incarnation == before.Incarnation {
		t.Error("the same again")
	}
	f.release(2, ipc.Released{Room: "a", Grant: before.Grant})
	if f.has() != "a 2" {
		t.Error(f.has())
	}
}

func TestPersistOverTransient(t *testing.T) {
	f := newFakeSlots(schema.TransientAnyone)
	before, _ := f.open(1, ipc.AskOpen{Room: "a", Create: true, Asker: ipc.Asker{Client: "alice", Sequence: 7}})
	f.persist("a", "bob", rulesOf(t, `{"ends":"owner"}`), schema.DefaultRules())
	after, _ := f.look("a")
	if f.has() != "a! 1" || after.Incarnation != before.Incarnation || after.Owner != "bob" || after.Maker != 0 || !after.Persistent {
		t.Errorf("%q %+v", f.has(), after)
	}
	if !slices.Equal(f.told, []string{"1 room a"}) || f.persistent != 1 {
		t.Errorf("told %v, %d persistent", f.told, f.persistent)
	}
	f.gone(7)
	f.release(1, ipc.Released{Room: "a", Grant: before.Grant})
	f.persist("b", "", schema.Said{}, schema.DefaultRules())
	if f.has() != "a!, b!" || f.persistent != 2 {
		t.Errorf("%q, %d persistent", f.has(), f.persistent)
	}
	f.persist("a", "", schema.Said{}, schema.DefaultRules())
	f.remove("a", "")
	if f.has() != "b!" || f.persistent != 1 {
		t.Errorf("%q, %d persistent", f.has(), f.persistent)
	}
}

func TestEndsWithMaker(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*fakeSlots)
		want   string
	}{
		{"gone before it was in", func(f *fakeSlots) { f.gone(7) }, ""},
		{"left before it was in", func(f *fakeSlots) { f.left(7, "a") }, "a 0 1"}, // it was never there: of another life
		{"left", func(f *fakeSlots) { f.joined(7, "a"); f.left(7, "a") }, ""},
		{"left another", func(f *fakeSlots) { f.joined(7, "a"); f.joined(7, "b"); f.left(7, "b") }, "a 0 1"},
		{"another left", func(f *fakeSlots) { f.joined(7, "a"); f.joined(8, "a"); f.left(8, "a"); f.gone(8) }, "a 0 1"},
		{"its slot died", func(f *fakeSlots) { f.vacate(0) }, ""},
		{"another slot died", func(f *fakeSlots) { f.vacate(1) }, "a 0"},
		{"ruled otherwise", func(f *fakeSlots) {
			f.rule(f.rooms["a"], schema.Said{}, schema.DefaultRules())
			f.joined(7, "a")
			f.left(7, "a")
			f.gone(7)
		}, "a 0 1"},
		{"ruled so again", func(f *fakeSlots) {
			said := f.rooms["a"].said
			f.rule(f.rooms["a"], schema.Said{}, schema.DefaultRules())
			f.rule(f.rooms["a"], said, schema.DefaultRules())
			f.gone(7)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeSlots(schema.TransientNobody)
			f.make(0, "a", ipc.Asker{Sequence: 7}, rulesOf(t, `{"ends":"owner"}`), schema.DefaultRules(), nil)
			f.open(1, ipc.AskOpen{Room: "a"})
			c.happen(f)
			if f.has() != c.want {
				t.Errorf("%q, want %q", f.has(), c.want)
			}
			if gone := slices.Contains(f.told, "1 gone a"); gone != (c.want == "") {
				t.Errorf("told %v", f.told)
			}
			if c.want == "" && len(f.made) != 0 {
				t.Errorf("made %v", f.made)
			}
		})
	}
}
