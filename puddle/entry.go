package puddle

import (
	"fmt"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
)

// entry is a way into one room, a socket's or a single hit's, step by step:
//
//	seek → weigh ⇄ prove → takePlace → await → admit
//	         ⇅ question, answer
//
// Each step may wait for the supervisor or the peers. It ends once: over.
type entry struct {
	i       uint32 // or NoSocket
	surface room.Surface
	name    string
	r       uint32 // once it is held
	create  bool   // where there is no such room, it may be made
	makes   bool   // it was made by NEW ROOM: its maker goes in unasked
	counts  bool   // it is to be told how many members there are
	members int    // then

	address        string // of a single hit
	as             ipc.Asker
	password, otp  string
	given          bool // password or otp are there, and not yet verified
	proved, failed room.Asks
	asks           room.Asks // what the socket was asked for
	asking         bool      // it is asked, and can answer
	resumed        bool      // it was asked by the process before
	proving        bool      // the house takes its time, not the socket
	tries          uint8
	deadline       uint32

	order  *order // the command that it came by; nil: an address, a single hit
	asker  func(*room.Facts) room.Asker
	ended  func(refused *rejection) // nil: it is in
	opened func()                   // of an address: it is asked before it is in

	visits    bool // it keeps the room open
	placing   bool // it has asked for a place
	granted   bool // it has a place that it has not taken yet
	anonymous bool // as such it has asked for it
	over      bool
}

// answerTime is what is left for another answer, seconds, if the house took
// long to verify one.
const answerTime = 3

// triesMost is how often a password may be tried in one entry, and a
// credential in one lobby.
const triesMost = 3

// seek finds the room, where it is not held by asking for it.
func (p *Puddle) seek(e *entry) {
	if e.i != table.NoSocket {
		p.entries[e.i] = e
	}
	if r, held := p.byName[e.name]; held {
		p.visit(e, r)
		return
	}
	question := ipc.AskOpen{Room: e.name, Create: e.create, Asker: e.as}
	if e.i != table.NoSocket {
		question.Asker = p.asker(e.i)
	}
	p.ask(ipc.Question{Open: &question}, func(reply *ipc.Reply) { p.onOpen(e, reply) })
}

func (p *Puddle) onOpen(e *entry, reply *ipc.Reply) {
	if reply.Refused != nil || reply.Room == nil {
		if !e.over {
			p.refuse(e, p.noRoom(e, reply.Refused))
		}
		return
	}
	_, held := p.byName[e.name]
	if e.over && !held {
		p.questions.released = append(p.questions.released, ipc.Released{Room: e.name, Grant: reply.Room.Grant})
		return
	}
	r, ok := p.hold(reply.Room)
	switch {
	case e.over:
	case !ok:
		p.questions.released = append(p.questions.released, ipc.Released{Room: e.name, Grant: reply.Room.Grant})
		p.refuse(e, reject(503, schema.Full, "the house has as many rooms as it can hold"))
	default:
		p.visit(e, r)
	}
}

// noRoom refuses as the supervisor does; who comes by a room's address also
// hears how rooms are made.
func (p *Puddle) noRoom(e *entry, refused *schema.Refusal) rejection {
	if refused == nil {
		refused = &noAnswer
	}
	if refused.Code == schema.NotFound {
		refused = notFound(missing(e.name))
	}
	return rejectWith(refused)
}

// missing is what who names a room hears if there is none, or none to be seen.
func missing(name string) string {
	const shown = 24 // a close reason must have room for what to do
	if len(name) > shown {
		name = name[:shown] + "…"
	}
	return fmt.Sprintf("no room %q; porthouse up --open, room add or NEW ROOM makes one", name)
}

func (p *Puddle) visit(e *entry, r uint32) {
	e.r, e.visits = r, true
	p.rooms[r].Visitors++
	p.weigh(e)
}

// weigh lets the rules judge.
func (p *Puddle) weigh(e *entry) {
	facts := &p.rooms[e.r].Facts
	asker := e.asker(facts)
	asker.Proved, asker.Failed = e.proved, e.failed
	if e.makes {
		asker.Owner = true
	}
	v := room.MayEnter(&facts.Rules, &asker, room.Present{})
	e.asks = v.Asks
	switch {
	case v.Granted():
		p.takePlace(e)
	case (v.Why == room.Ask || v.Why == room.SecretMissing) && e.given:
		p.prove(e)
	case v.Why == room.Ask:
		p.question(e)
	case v.Why == room.WrongSecret && e.asking:
		p.wrong(e)
	case v.Why == room.Hidden:
		p.refuse(e, rejectWith(notFound(missing(e.name))))
	default:
		p.refuse(e, rejectVerdict(v))
	}
}

// prove has password and code verified.
func (p *Puddle) prove(e *entry) {
	e.given, e.proving = false, true
	facts := &p.rooms[e.r].Facts
	asker := e.asker(facts)
	question := ipc.AskProve{Room: e.name, Password: e.password, OTP: e.otp, Client: asker.Client, Address: e.address}
	if e.i != table.NoSocket {
		question.Address = p.address(e.i)
	}
	p.ask(ipc.Question{Prove: &question}, func(reply *ipc.Reply) {
		e.proving = false
		e.deadline = max(e.deadline, p.now+answerTime)
		switch {
		case e.over:
		case reply.Refused != nil:
			refused := rejectWith(reply.Refused)
			refused.after = reply.After
			p.refuse(e, refused)
		case reply.Proof != nil:
			e.proved |= room.Asks(reply.Proof.Proved)
			e.failed = room.Asks(reply.Proof.Failed)
			p.weigh(e)
		}
	})
}

// question asks the socket for what the room asks.
func (p *Puddle) question(e *entry) {
	if !e.asking {
		e.deadline = p.after(p.settings.EntryTime)
	}
	if e.resumed {
		e.resumed = false
		return
	}
	e.asking, e.counts = true, true
	p.stands(e.i).entry = e
	p.happen(e.i, input{event: sequence.Questioned})
	p.schedule(e.i, e.deadline)
	if e.order == nil {
		e.opened() // its 101 is sent
	}
}

var wrongSecret = rejectVerdict(room.Verdict{Why: room.WrongSecret})

// wrong lets the socket try again, or not.
func (p *Puddle) wrong(e *entry) {
	e.tries++
	e.failed = 0
	if e.tries < triesMost {
		p.stands(e.i).entry = e
		e.ended(&wrongSecret)
		return
	}
	p.refuse(e, reject(401, schema.Unauthorized, "wrong password or code, three times"))
}

// takePlace asks for a place where there is a limit, and how many are in where
// that is to be told.
func (p *Puddle) takePlace(e *entry) {
	facts := p.rooms[e.r]
	limited := facts.Rules.Members != schema.NoLimit || facts.Rules.Anonymous != schema.NoLimit
	if e.i == table.NoSocket || p.isIn(e.i, e.name) || !limited && !e.counts {
		p.await(e)
		return
	}
	e.placing, e.anonymous = true, p.anonymous(e.i)
	p.ask(ipc.Question{Place: &ipc.AskPlace{
		Room: e.name, Index: e.r, Ref: p.table.Rooms[e.r].Ref, Anonymous: e.anonymous,
	}}, func(reply *ipc.Reply) { p.onPlace(e, reply) })
}

func (p *Puddle) onPlace(e *entry, reply *ipc.Reply) {
	e.placing = false
	if reply.Refused == nil {
		e.granted, e.members = true, reply.Number
	}
	switch {
	case e.over:
		p.letGo(e)
	case reply.Refused != nil && reply.Refused.Code == schema.Full:
		p.refuse(e, rejectVerdict(room.Verdict{Why: room.RoomFull}))
	case reply.Refused != nil:
		p.refuse(e, rejectWith(reply.Refused))
	default:
		p.await(e)
	}
}

// await waits for the peers to know that the room is held here.
func (p *Puddle) await(e *entry) {
	if wait := p.openings[e.r]; wait != nil {
		wait.entries = append(wait.entries, e)
		return
	}
	p.admit(e)
}

// admit ends an entry well.
func (p *Puddle) admit(e *entry) {
	e.over = true
	if e.i != table.NoSocket {
		p.endEntry(e)
		p.entering = e
		p.happen(e.i, admitted)
		p.entering = nil
	}
	e.ended(nil)
	p.letGo(e)
}

// refuse ends an entry.
func (p *Puddle) refuse(e *entry, refused rejection) {
	p.giveUp(e)
	e.ended(&refused)
}

// abandon ends an entry that an order may wait for: that hears why. told: it did.
func (p *Puddle) abandon(e *entry, why *rejection) (told bool) {
	told = e.order.pending()
	p.giveUp(e)
	if told {
		e.ended(why)
	}
	return told
}

// giveUp ends an entry that nobody waits for any more.
func (p *Puddle) giveUp(e *entry) {
	if e.over {
		return
	}
	e.over = true
	if e.i != table.NoSocket {
		p.endEntry(e)
	}
	p.letGo(e)
}

func (p *Puddle) endEntry(e *entry) {
	if p.entries[e.i] == e {
		delete(p.entries, e.i)
	}
	if st := p.standing(e.i); st != nil && st.entry == e {
		st.entry = nil
	}
}

// letGo gives back what an entry has that is over: the place that it did not
// take, its hold on the room.
func (p *Puddle) letGo(e *entry) {
	if e.placing {
		return // until the place is granted or refused
	}
	if e.granted {
		e.granted = false
		p.placed(e.r, e.anonymous)
	}
	if e.visits {
		e.visits = false
		p.rooms[e.r].Visitors--
		p.closeIfEmpty(e.r)
	}
}
