package supervisor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// TestHoldersAgree has slots open, leave and die at random while their words
// and the directory's are on the way. When all have arrived, both sides agree
// on who holds which life of which room.
func TestHoldersAgree(t *testing.T) {
	for seed := range uint64(300) {
		m := newMeeting(seed)
		for range 400 {
			m.step()
		}
		m.settle()
		m.check(t)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

type meeting struct {
	*directory
	random *rand.Rand
	slots  []*meeter
}

// meeter is a slot's puddle, as far as it holds rooms.
type meeter struct {
	held map[string]*heldRoom
	out  []any // ipc.AskOpen, ipc.Released
	in   []any // *ipc.Room, ipc.RoomGone
}

type heldRoom struct {
	incarnation, grant uint64
	visitors           int
}

func newMeeting(seed uint64) *meeting {
	m := &meeting{directory: newDirectory(schema.TransientAnyone, schema.DefaultRules()), random: rand.New(rand.NewPCG(seed, 1))}
	m.note = func(...change) {}
	m.tell = func(to slotSet, word ipc.ToPuddle) {
		for slot, p := range m.slots {
			if to.has(slot) {
				p.in = append(p.in, *word.RoomGone)
			}
		}
	}
	for range 3 {
		m.slots = append(m.slots, &meeter{held: map[string]*heldRoom{}})
	}
	return m
}

func (m *meeting) step() {
	slot := m.random.IntN(len(m.slots))
	p, name := m.slots[slot], string(rune('a'+m.random.IntN(2)))
	switch n := m.random.IntN(100); {
	case n < 25:
		p.visit(name)
	case n < 50:
		p.leave(name)
	case n < 73:
		m.hear(slot)
	case n < 96:
		p.hear()
	case n < 98:
		m.remove(name, "")
	default:
		*p = meeter{held: map[string]*heldRoom{}}
		m.vacate(slot)
	}
}

func (p *meeter) visit(name string) {
	if r := p.held[name]; r != nil {
		r.visitors++
	} else {
		p.out = append(p.out, ipc.AskOpen{Room: name, Create: true})
	}
}

func (p *meeter) leave(name string) {
	if r := p.held[name]; r != nil {
		if r.visitors--; r.visitors == 0 {
			delete(p.held, name)
			p.out = append(p.out, ipc.Released{Room: name, Grant: r.grant})
		}
	}
}

func (p *meeter) hear() bool {
	if len(p.in) == 0 {
		return false
	}
	word := p.in[0]
	p.in = p.in[1:]
	switch word := word.(type) {
	case *ipc.Room:
		r := p.held[word.Name]
		if r == nil {
			r = &heldRoom{}
			p.held[word.Name] = r
		}
		r.incarnation, r.grant = word.Incarnation, max(r.grant, word.Grant)
		r.visitors++
	case ipc.RoomGone:
		if r := p.held[word.Name]; r != nil && r.incarnation == word.Incarnation {
			r.visitors = 1
			p.leave(word.Name)
		}
	}
	return true
}

// hear has the directory take a slot's next word.
func (m *meeting) hear(slot int) bool {
	p := m.slots[slot]
	if len(p.out) == 0 {
		return false
	}
	word := p.out[0]
	p.out = p.out[1:]
	switch word := word.(type) {
	case ipc.AskOpen:
		room, _ := m.open(slot, word)
		p.in = append(p.in, room)
	case ipc.Released:
		m.release(slot, word)
	}
	return true
}

func (m *meeting) settle() {
	for busy := true; busy; {
		busy = false
		for slot, p := range m.slots {
			busy = m.hear(slot) || p.hear() || busy
		}
	}
}

func (m *meeting) check(t *testing.T) {
	t.Helper()
	var theirs, ours []string
	for slot, p := range m.slots {
		for name, r := range p.held {
			theirs = append(theirs, fmt.Sprintf("%d %s %d %d", slot, name, r.incarnation, r.grant))
		}
	}
	for name, r := range m.rooms {
		if len(r.holders) == 0 {
			t.Errorf("%s is there and nobody's", name)
		}
		for _, h := range r.holders {
			ours = append(ours, fmt.Sprintf("%d %s %d %d", h.slot, name, r.incarnation, h.grant))
		}
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	if !slices.Equal(theirs, ours) {
		t.Errorf("the slots hold %q, the directory says %q", theirs, ours)
	}
}

func TestNames(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var n names
	model := map[string]bool{}
	for range 20000 {
		name := fmt.Sprint(random.IntN(3000))
		if random.IntN(5) < 3 {
			n.add(name)
			model[name] = true
		} else {
			n.remove(name)
			delete(model, name)
		}
	}
	have := slices.Collect(n.all)
	if !slices.IsSorted(have) || len(have) != len(model) {
		t.Fatalf("%d names, want %d", len(have), len(model))
	}
	for _, name := range have {
		if !model[name] {
			t.Errorf("%s was taken out", name)
		}
	}
	if len(n.pieces) < 2 {
		t.Error("in one piece")
	}
	for name := range model {
		n.remove(name)
	}
	if len(n.pieces) != 0 {
		t.Errorf("%d pieces of nothing", len(n.pieces))
	}
	for name := range n.all {
		t.Error(name)
	}
}
