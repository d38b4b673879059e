package puddle

import (
	"sync"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// frontDesk answers puddles in the supervisor's place: every room is there for
// whoever asks, with the rules that a test has said.
type frontDesk struct {
	mu    sync.Mutex
	grant uint64
	rules map[string]string // by room, as JSON

	siblings map[[32]byte]uint64 // sequences by key
	claim    func(id uint64)     // takes over the answer to claims; nil: they are refused
}

func newFrontDesk() *frontDesk {
	return &frontDesk{rules: map[string]string{}, siblings: map[[32]byte]uint64{}}
}

func (d *frontDesk) say(room, rules string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules[room] = rules
}

func (d *frontDesk) takeClaims(claim func(id uint64)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.claim = claim
}

func (d *frontDesk) answer(_ int, word ipc.FromPuddle) (replies []ipc.Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range word.Questions {
		reply := ipc.Reply{ID: q.ID}
		switch {
		case q.Open != nil:
			d.grant++
			reply.Room = d.facts(q.Open.Room)
			reply.Room.Grant = d.grant
		case q.Look != nil:
			reply.Room = d.facts(q.Look.Room)
		case q.Place != nil:
			reply.Number = 1
		case q.Register != nil:
			d.siblings[q.Register.Key] = uint64(q.Register.Sequence)
		case q.Sibling != nil:
			reply.Sequence = d.siblings[q.Sibling.Key]
		case q.Claim != nil && d.claim != nil:
			d.claim(q.ID)
			continue
		case q.Claimed != nil:
		default:
			reply.Refused = &schema.Refusal{Code: schema.Unavailable, Message: "not in this test"}
		}
		replies = append(replies, reply)
	}
	return replies
}

func (d *frontDesk) facts(name string) *ipc.Room {
	said := d.rules[name]
	if said == "" {
		said = "{}"
	}
	patch, refused := schema.ParseRules([]byte(said))
	if refused != nil {
		panic(refused)
	}
	_, rules, refused := schema.Said{}.Apply(patch, schema.DefaultRules())
	if refused != nil {
		panic(refused)
	}
	return &ipc.Room{Name: name, Incarnation: 1, Rules: rules.Sealed()}
}
