package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// directory knows every room there is: persistent ones as the book has them,
// transient ones from their making until no slot holds them. It is the
// select's, and does nothing but answer, tell and note.
type directory struct {
	transient string       // who may make rooms by walking in: a schema.Transient… word
	walkIn    schema.Rules // of a room that was made so
	walkInFor []byte       // the same, sealed for puddles

	rooms      map[string]*room
	names      names
	persistent int                            // of rooms
	made       map[schema.SequenceID][]string // rooms that end with their maker
	last       uint64                         // incarnation or grant that was given

	tell    func(to slotSet, word ipc.ToPuddle)
	note    func(...change)
	indexOf func(room string, slot int) (index uint32, ok bool)
	present func(slot int, index uint32, ref uint64) (table.Presence, bool)
}

// room is what is known of one.
type room struct {
	name        string
	incarnation uint64
	persistent  bool
	owner       string            // client that rules it; "": only admins do
	maker       schema.SequenceID // of a transient one, 0: no socket
	makerSlot   int
	entered     bool // its maker was in it
	said        schema.Said
	base        schema.Rules // under what is said
	rules       schema.Rules // in force
	sealed      []byte       // the same, for puddles
	since       time.Time
	holders     []holder // by slot
}

// holder is a slot that holds a room.
type holder struct {
	slot   int
	grant  uint64 // the last it was given
	places places
}

// newDirectory makes one without rooms. Whom it tells, and how it sees who is
// present, is for its maker to set.
func newDirectory(transient string, walkIn schema.Rules) *directory {
	return &directory{
		transient: transient, walkIn: walkIn, walkInFor: walkIn.Sealed(),
		rooms: map[string]*room{}, made: map[schema.SequenceID][]string{},
		last: uint64(time.Now().UnixNano()), // no house before this one got as far
	}
}

func (d *directory) next() uint64 {
	d.last++
	return d.last
}

// open grants a room to a slot; where there is none it is made if it may be.
func (d *directory) open(slot int, ask ipc.AskOpen) (*ipc.Room, *schema.Refusal) {
	if r := d.rooms[ask.Room]; r != nil {
		return d.grant(r, slot), nil
	}
	if refusal := schema.CheckRoom(ask.Room); refusal != nil {
		return nil, refusal
	}
	if !ask.Create || !d.mayWalkIn(ask.Asker, ask.Room) {
		return nil, noSuchRoom(ask.Room)
	}
	return d.make(slot, ask.Room, ask.Asker, schema.Said{}, d.walkIn, d.walkInFor), nil
}

// look tells a room's facts.
func (d *directory) look(name string) (*ipc.Room, *schema.Refusal) {
	r := d.rooms[name]
	if r == nil {
		return nil, noSuchRoom(name)
	}
	return r.facts(), nil
}

// make makes a transient room, which must not be there, and grants it. sealed
// are its rules as puddles are told them, nil if that is yet to be written.
func (d *directory) make(slot int, name string, maker ipc.Asker, said schema.Said, base schema.Rules, sealed []byte) *ipc.Room {
	r := &room{name: name, owner: maker.Client, maker: maker.Sequence, makerSlot: slot}
	d.add(r, said, base)
	r.sealed = sealed
	d.note(roomMade{Name: name, Kind: store.Transient, Owner: r.owner, Rules: said.String(), Made: r.since})
	if r.endsWithMaker() {
		d.made[r.maker] = append(d.made[r.maker], name)
	}
	facts := d.grant(r, slot)
	facts.Made = true
	return facts
}

func (d *directory) add(r *room, said schema.Said, base schema.Rules) {
	r.incarnation, r.since = d.next(), time.Now()
	r.rule(said, base)
	d.rooms[r.name] = r
	d.names.add(r.name)
}

func (d *directory) grant(r *room, slot int) *ipc.Room {
	h := r.holds(slot)
	if h == nil {
		at, _ := r.find(slot)
		r.holders = slices.Insert(r.holders, at, holder{slot: slot})
		h = &r.holders[at]
	}
	h.grant = d.next()
	facts := r.facts()
	facts.Grant = h.grant
	return facts
}

// release takes a slot from a room's holders, unless it was given the room
// again since.
func (d *directory) release(slot int, word ipc.Released) {
	r := d.rooms[word.Room]
	if r == nil {
		return
	}
	if h := r.holds(slot); h != nil && h.grant == word.Grant {
		d.drop(r, slot)
	}
}

// vacate takes a slot whose process is gone from all rooms, and its makers.
func (d *directory) vacate(slot int) {
	for _, r := range d.rooms {
		if r.holds(slot) != nil {
			d.drop(r, slot)
		}
		if r.makerSlot == slot && r.endsWithMaker() {
			d.remove(r.name, makerGone)
		}
	}
}

func (d *directory) drop(r *room, slot int) {
	at, _ := r.find(slot)
	r.holders = slices.Delete(r.holders, at, at+1)
	if len(r.holders) == 0 && !r.persistent {
		d.forget(r)
	}
}

// remove ends a room for all who hold it; false: there is none.
func (d *directory) remove(name, reason string) bool {
	r := d.rooms[name]
	if r == nil {
		return false
	}
	d.forget(r)
	d.tell(r.slots(), ipc.ToPuddle{RoomGone: &ipc.RoomGone{Name: name, Incarnation: r.incarnation, Reason: reason}})
	return true
}

func (d *directory) forget(r *room) {
	delete(d.rooms, r.name)
	if r.persistent {
		d.persistent--
	}
	d.names.remove(r.name)
	d.unbind(r)
	d.note(roomGone(r.name)) // of a persistent one there is no such row
}

// rule changes what is said of a room, for all who hold it.
func (d *directory) rule(r *room, said schema.Said, base schema.Rules) {
	d.unbind(r)
	r.rule(said, base)
	if r.endsWithMaker() {
		d.made[r.maker] = append(d.made[r.maker], r.name)
	}
	if !r.persistent {
		d.note(roomMade{Name: r.name, Kind: store.Transient, Owner: r.owner, Rules: said.String(), Made: r.since})
	}
	d.tell(r.slots(), ipc.ToPuddle{Room: r.facts()})
}

// persist takes a persistent room as the book has it. A transient one of that
// name turns persistent and keeps who holds it.
func (d *directory) persist(name, owner string, said schema.Said, base schema.Rules) {
	r := d.rooms[name]
	if r == nil {
		d.persistent++
		d.add(&room{name: name, owner: owner, persistent: true}, said, base)
		return
	}
	if !r.persistent {
		d.persistent++
	}
	d.unbind(r)
	r.persistent, r.owner, r.maker = true, owner, 0
	d.rule(r, said, base)
}

// joined notes that a sequence is in a room, which its maker's end may end.
func (d *directory) joined(id schema.SequenceID, name string) {
	if r := d.rooms[name]; r != nil && r.maker == id && id != 0 {
		r.entered = true
	}
}

// left ends a room that its maker leaves, if it ends with it.
func (d *directory) left(id schema.SequenceID, name string) {
	if r := d.rooms[name]; r != nil && r.maker == id && r.entered && r.endsWithMaker() {
		d.remove(name, makerGone)
	}
}

// gone ends the rooms that end with a sequence that is no more.
func (d *directory) gone(id schema.SequenceID) {
	for _, name := range slices.Clone(d.made[id]) {
		d.remove(name, makerGone)
	}
}

const makerGone = "the room ended with who made it"

func (d *directory) unbind(r *room) {
	rest := slices.DeleteFunc(d.made[r.maker], func(name string) bool { return name == r.name })
	if d.made[r.maker] = rest; len(rest) == 0 {
		delete(d.made, r.maker)
	}
}

func (r *room) rule(said schema.Said, base schema.Rules) {
	r.said, r.base, r.rules, r.sealed = said, base, said.Over(base), nil
}

func (r *room) endsWithMaker() bool {
	return !r.persistent && r.maker != 0 && r.rules.Ends == schema.EndsOwner
}

func (r *room) find(slot int) (at int, found bool) {
	return slices.BinarySearchFunc(r.holders, slot, func(h holder, slot int) int { return h.slot - slot })
}

// holds is the slot's part in the room, nil if it does not hold it.
func (r *room) holds(slot int) *holder {
	if at, found := r.find(slot); found {
		return &r.holders[at]
	}
	return nil
}

func (r *room) slots() (set slotSet) {
	for _, h := range r.holders {
		set |= 1 << h.slot
	}
	return set
}

func (r *room) facts() *ipc.Room {
	if r.sealed == nil {
		r.sealed = r.rules.Sealed()
	}
	return &ipc.Room{
		Name: r.name, Incarnation: r.incarnation, Persistent: r.persistent,
		Owner: r.owner, Maker: r.maker, Rules: r.sealed,
	}
}

func noSuchRoom(name string) *schema.Refusal {
	const shown = 64 // of a name that may be anything
	if len(name) > shown {
		name = strings.ToValidUTF8(name[:shown], "") + "…"
	}
	return &schema.Refusal{Code: schema.NotFound, Message: fmt.Sprintf("no room %q: NEW ROOM or porthouse room add makes one", name)}
}
