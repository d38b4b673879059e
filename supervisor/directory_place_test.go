package supervisor

import (
	"fmt"
	"math"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// limited is a room that slots 0 and 1 hold, in entries 3 and 4.
func limited(t *testing.T, rules string) *fakeSlots {
	f := newFakeSlots(schema.TransientAnyone)
	f.opens(t, 0, "a")
	f.opens(t, 1, "a")
	f.rule(f.rooms["a"], rulesOf(t, rules), schema.DefaultRules())
	f.sits(0, "a", 3, fakeEntry{ref: 30})
	f.sits(1, "a", 4, fakeEntry{ref: 40})
	return f
}

// asks is the word for a place in a slot: its number, "full", "wait" where
// that is not final, or another refusal's code.
func (f *fakeSlots) asks(slot int, anonymous bool) string {
	index := f.index[fmt.Sprintf("a/%d", slot)]
	number, final, refusal := f.place(slot, &ipc.AskPlace{
		Room: "a", Index: index, Ref: f.entries[slot][index].ref, Anonymous: anonymous,
	})
	switch {
	case refusal == nil:
		return fmt.Sprint(number)
	case refusal.Code == schema.Full && !final:
		return "wait"
	}
	return string(refusal.Code)
}

// takes has the puddle answer one place: taken, or let go.
func (f *fakeSlots) takes(slot int, anonymous, taken bool) {
	index := f.index[fmt.Sprintf("a/%d", slot)]
	e := f.entries[slot][index]
	if taken {
		e.Members++
	}
	e.Placed++
	if anonymous {
		e.PlacedAnonymous++
		if taken {
			e.Anonymous++
		}
	}
	f.entries[slot][index] = e
}

func TestPlaces(t *testing.T) {
	f := limited(t, `{"members":3}`)
	expect := func(want, have string) {
		t.Helper()
		if have != want {
			t.Fatalf("%s, want %s", have, want)
		}
	}
	expect("1", f.asks(0, false))
	expect("2", f.asks(1, false))
	f.takes(1, false, true)
	expect("3", f.asks(1, true))
	expect("wait", f.asks(0, false)) // two are coming
	f.takes(0, false, true)
	expect("wait", f.asks(0, false))
	f.takes(1, true, false) // it does not come
	expect("3", f.asks(0, false))
	f.takes(0, false, true)
	expect("full", f.asks(0, false))
	expect("full", f.asks(1, true))

	f.vacate(0) // its two are gone with it
	expect("2", f.asks(1, false))
	expect("not-found", f.asks(0, false)) // it holds the room no more
	if _, _, refusal := f.place(1, &ipc.AskPlace{Room: "nowhere"}); refusal == nil || refusal.Code != schema.NotFound {
		t.Error(refusal)
	}
}

func TestPlacesOfAnonymous(t *testing.T) {
	f := limited(t, `{"anonymous":1,"members":10}`)
	for n, step := range []struct {
		slot      int
		anonymous bool
		want      string
	}{
		{0, true, "1"}, {1, true, "wait"}, {1, false, "2"}, {0, false, "3"},
	} {
		if have := f.asks(step.slot, step.anonymous); have != step.want {
			t.Errorf("step %d: %s, want %s", n, have, step.want)
		}
	}
	f.takes(0, true, true)
	if have := f.asks(1, true); have != "full" {
		t.Error(have)
	}
}

// TestPlacesOfEntry has a slot let go of the room, hold it again, and die:
// what was granted before does not count in another entry.
func TestPlacesOfEntry(t *testing.T) {
	f := limited(t, `{"members":2}`)
	f.asks(0, false)
	f.takes(0, false, true)
	f.sits(0, "a", 5, fakeEntry{ref: 31, Presence: table.Presence{Placed: 7}}) // the entry had another life
	if have := f.asks(0, false); have != "1" {
		t.Errorf("in a new entry: %s", have)
	}
	f.takes(0, false, true)
	f.entries[0][5] = fakeEntry{ref: 32, Presence: table.Presence{Members: 1}} // the same one, of the next process
	if have := f.asks(1, false); have != "2" {
		t.Errorf("of the other slot: %s", have)
	}
	if have := f.asks(0, false); have != "wait" {
		t.Errorf("with one coming elsewhere: %s", have)
	}
	delete(f.entries, 1)
	if have := f.asks(0, false); have != "2" {
		t.Errorf("with that gone: %s", have)
	}
}

func TestPlacesWrapAround(t *testing.T) {
	f := limited(t, `{"members":4}`)
	e := f.entries[0][3]
	e.Placed = math.MaxUint32
	f.entries[0][3] = e
	for n, want := range []string{"1", "2", "3"} {
		if have := f.asks(0, false); have != want {
			t.Fatalf("%d: %s, want %s", n, have, want)
		}
	}
	f.takes(0, false, true)
	f.takes(0, false, true)
	if c := f.crowd(f.rooms["a"]); c.members != 2 || c.coming != 1 {
		t.Errorf("%+v", c)
	}
	f.takes(0, false, true)
	f.takes(0, false, false) // more than there were
	if c := f.crowd(f.rooms["a"]); c.coming != 0 {
		t.Errorf("%+v", c)
	}
}
