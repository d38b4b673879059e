package puddle

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// resolveName is a room's full name as a socket means it: on a client's
// endpoint a bare name is that client's, /name the primary one.
func (p *Puddle) resolveName(i uint32, said string) (string, *schema.Refusal) {
	name := said
	if st := p.standing(i); st != nil && st.door.client != "" && !strings.Contains(said, "/") {
		name = st.door.client + "/" + said
	}
	name = strings.TrimPrefix(name, "/")
	return name, schema.CheckRoom(name)
}

// doJoin goes into rooms one after the other.
func (p *Puddle) doJoin(o *order) { p.joinNext(o, o.command.Rooms) }

func (p *Puddle) joinNext(o *order, rest []string) {
	if len(rest) == 0 || !p.alive(o) {
		p.settle(o)
		return
	}
	said, rest := rest[0], rest[1:]
	name, refused := p.resolveName(o.subject, said)
	if refused == nil {
		refused = p.moreRooms(o.subject)
	}
	if refused == nil && o.command.Since != "" {
		refused = &schema.Refusal{Code: schema.Unavailable, Message: "since: rooms keep no messages yet; leave it away"}
	}
	if refused != nil {
		p.reply(o, failure(o.command.Do, refused))
		p.joinNext(o, rest)
		return
	}
	e := p.entryOf(o, name)
	e.create = true
	e.password, e.otp = o.command.Password, o.command.OTP
	e.given = e.password != "" || e.otp != ""
	e.ended = func(refused *rejection) {
		p.entryEnded(o, e, refused)
		if !e.asking || e.over {
			p.joinNext(o, rest)
		}
	}
	p.seek(e)
}

// moreRooms refuses a socket that is in as many rooms as it may.
func (p *Puddle) moreRooms(i uint32) *schema.Refusal {
	if len(p.roomsOf(i)) < p.settings.SocketRooms {
		return nil
	}
	return &schema.Refusal{Code: schema.Full, Message: "this socket is in as many rooms as it may be: LEAVE one, or open another socket"}
}

// entryOf is an entry by a command.
func (p *Puddle) entryOf(o *order, name string) *entry {
	i, surface := o.subject, room.OnSocket
	if o.speaker != o.subject {
		surface = room.OnSibling
	}
	return &entry{
		i: i, name: name, order: o, surface: surface, counts: true,
		asker: func(facts *room.Facts) room.Asker { return p.before(i, facts, surface) },
	}
}

// entryEnded tells how an entry by a command ended; that it is in was told.
func (p *Puddle) entryEnded(o *order, e *entry, refused *rejection) {
	if refused == nil || !p.alive(o) {
		return
	}
	p.reply(o, failure(o.command.Do, &refused.Refusal))
	if !e.over {
		return // it may try again
	}
	switch {
	case e.tries >= triesMost && p.table.Sockets[e.i].State == schema.Entering:
		p.happen(e.i, violated(schema.CloseUnknown, "wrong password or code, three times"))
	case p.table.Sockets[e.i].State == schema.Entering:
		p.happen(e.i, p.landing(e.i))
	}
}

// landing is what becomes of a socket that is in no room.
func (p *Puddle) landing(i uint32) input {
	if p.anonymous(i) {
		return input{event: sequence.Landed}
	}
	return input{event: sequence.Known}
}

// putQuestion asks a socket what its room asks. The order that led here, if
// one did, is done with it: the answer is another.
func (p *Puddle) putQuestion(i uint32) {
	e := p.standing(i).entry
	p.note(i)
	text := says(`{"ask":`)
	names, _ := json.Marshal(e.asks.Names())
	text = append(text, names...)
	text = text.text("room", e.name)
	if o := e.order; o != nil {
		if p.alive(o) {
			p.finish(o, text)
		}
		return
	}
	s := &p.table.Sockets[i]
	p.own(i, p.replyFrame(p.speaks(i), text), s.State, 0)
}

// doEnter answers what a room asked.
func (p *Puddle) doEnter(o *order) {
	st := p.standing(o.subject)
	if st == nil || st.entry == nil || !st.entry.asking {
		p.fail(o, &schema.Refusal{Code: schema.Malformed, Message: "no room asks for anything: JOIN one first"})
		return
	}
	e := st.entry
	if e.order.pending() && e.order != o { // of its sibling, or of what that commands
		p.fail(o, &schema.Refusal{Code: schema.Denied, Message: "another answer is being looked at: wait for what becomes of it"})
		return
	}
	e.password, e.otp = o.command.EntryFor(e.asks&room.AskPassword != 0, e.asks&room.AskOTP != 0)
	e.given, e.order = true, o
	e.ended = func(refused *rejection) {
		p.entryEnded(o, e, refused)
		p.settle(o)
	}
	p.weigh(e)
}

func (p *Puddle) doLeave(o *order) {
	st := p.standing(o.subject)
	said := o.command.Room()
	if st != nil && st.entry != nil && p.table.Sockets[o.subject].State == schema.Entering {
		name := st.entry.name
		left := reject(403, schema.Denied, "the entry was left meanwhile")
		p.abandon(st.entry, &left)
		if p.table.Sockets[o.subject].State == schema.Entering {
			p.happen(o.subject, p.landing(o.subject))
		}
		p.finish(o, ok("leave").text("room", name))
		return
	}
	rooms := p.roomsOf(o.subject)
	name, r := "", uint32(table.NoRoom)
	if said == "" && len(rooms) == 1 {
		r = rooms[0]
	} else if full, refused := p.resolveName(o.subject, said); said != "" && refused == nil {
		name = full
		if known, held := p.byName[name]; held && slices.Contains(rooms, known) {
			r = known
		}
	}
	left, done := p.redo.hasLeft(o.subject, name)
	switch {
	case done && (said == "") == (name == ""):
		p.standIfOut(o.subject)
		p.finish(o, ok("leave").text("room", left))
	case r != table.NoRoom:
		name = p.rooms[r].Name
		p.depart(o.subject, r)
		p.finish(o, ok("leave").text("room", name))
	case said == "":
		p.fail(o, &schema.Refusal{Code: schema.Malformed, Message: "LEAVE which room? It is in none, or in several"})
	default:
		p.fail(o, &schema.Refusal{Code: schema.NotFound, Message: "it is not in that room"})
	}
}

// depart takes a socket out of one room; out of its last one it stands in the
// lobby, or in its space.
func (p *Puddle) depart(i, r uint32) {
	p.leaveRoom(i, r)
	p.standIfOut(i)
}

func (p *Puddle) standIfOut(i uint32) {
	if p.table.Sockets[i].State == schema.InRoom && len(p.roomsOf(i)) == 0 {
		p.stands(i).spoke = p.now
		p.happen(i, p.landing(i))
	}
}

// doNewRoom makes a room; its maker is in it.
func (p *Puddle) doNewRoom(o *order) {
	name, refused := p.resolveName(o.subject, o.command.Room())
	if refused == nil {
		refused = p.moreRooms(o.subject)
	}
	if refused != nil {
		p.fail(o, refused)
		return
	}
	e := p.entryOf(o, name)
	e.makes = true
	e.ended = func(refused *rejection) {
		p.entryEnded(o, e, refused)
		p.settle(o)
	}
	question := ipc.AskMake{Room: name, Rules: o.command.Rules, Keep: o.command.Keep, Asker: p.asker(o.subject)}
	p.entries[e.i] = e
	p.ask(ipc.Question{Make: &question}, func(reply *ipc.Reply) {
		if reply.Refused != nil && !e.over {
			p.refuse(e, rejectWith(reply.Refused))
			return
		}
		p.onOpen(e, reply)
	})
}

// overRoom looks at a room that the order names, wherever it is held, and goes
// on if judge lets the subject.
func (p *Puddle) overRoom(o *order, judge func(*schema.Rules, *room.Asker) room.Verdict, then func(name string)) {
	name, refused := p.resolveName(o.subject, o.command.Room())
	if refused != nil {
		p.fail(o, refused)
		return
	}
	if r, held := p.byName[name]; held {
		p.judgeOver(o, &p.rooms[r].Facts, judge, then)
		return
	}
	p.ask(ipc.Question{Look: &ipc.AskLook{Room: name}}, func(reply *ipc.Reply) {
		switch {
		case !p.alive(o):
			p.settle(o)
		case reply.Refused != nil || reply.Room == nil:
			p.fail(o, notFound(missing(name)))
		default:
			facts := p.factsOf(reply.Room)
			p.judgeOver(o, &facts, judge, then)
		}
	})
}

func (p *Puddle) judgeOver(o *order, facts *room.Facts, judge func(*schema.Rules, *room.Asker) room.Verdict, then func(name string)) {
	asker := p.before(o.subject, facts, room.OnSocket)
	v := judge(&facts.Rules, &asker)
	switch {
	case v.Why == room.Hidden:
		p.fail(o, notFound(missing(facts.Name)))
	case !v.Granted():
		p.fail(o, v.Refusal())
	default:
		then(facts.Name)
	}
}

// answerTo finishes an order with what the supervisor says.
func (p *Puddle) answerTo(o *order, q ipc.Question, say func(*ipc.Reply) says) {
	p.ask(q, func(reply *ipc.Reply) {
		switch {
		case !p.alive(o):
			p.settle(o)
		case reply.Refused != nil:
			p.fail(o, reply.Refused)
		default:
			p.finish(o, say(reply))
		}
	})
}

func (p *Puddle) doDropRoom(o *order) {
	p.overRoom(o, room.MayRule, func(name string) {
		p.answerTo(o, ipc.Question{Drop: &ipc.AskDrop{Room: name, Asker: p.asker(o.subject)}},
			func(*ipc.Reply) says { return ok("drop room").text("room", name) })
	})
}

func (p *Puddle) doRules(o *order) {
	judge := room.MayRule
	if o.command.Rules == nil {
		judge = maySeeRules
	}
	p.overRoom(o, judge, func(name string) {
		p.answerTo(o, ipc.Question{Rules: &ipc.AskRules{Room: name, Patch: o.command.Rules, Asker: p.asker(o.subject)}},
			func(reply *ipc.Reply) says { return ok("rules").text("room", name).json("rules", reply.JSON) })
	})
}

// maySeeRules: whoever may see the room.
func maySeeRules(rules *schema.Rules, a *room.Asker) room.Verdict {
	if room.MaySee(rules, a) {
		return room.Verdict{}
	}
	return room.Verdict{Why: room.Hidden}
}

func (p *Puddle) doWho(o *order) {
	p.overRoom(o, room.MayListMembers, func(name string) {
		p.answerTo(o, ipc.Question{Members: &ipc.AskMembers{Room: name}},
			func(reply *ipc.Reply) says { return ok("who").text("room", name).json("members", reply.JSON) })
	})
}

func (p *Puddle) doPutOut(o *order) {
	p.overRoom(o, room.MayRule, func(name string) {
		p.answerTo(o, ipc.Question{PutOut: &ipc.AskPutOut{Room: name, Client: o.command.Client, Sequence: o.command.Sequence}},
			func(reply *ipc.Reply) says { return ok("put out").text("room", name).number("sockets", reply.Number) })
	})
}

func (p *Puddle) doSpaces(o *order) {
	p.answerTo(o, ipc.Question{Spaces: &ipc.AskSpaces{Asker: p.asker(o.subject), In: p.roomNames(o.subject)}},
		func(reply *ipc.Reply) says { return ok("spaces").json("rooms", reply.JSON) })
}

func (p *Puddle) doEndpoint(o *order) {
	verb := o.command.Verb.String()
	name := ""
	if o.command.Verb == schema.NewEndpoint {
		var refused *schema.Refusal
		if name, refused = p.resolveName(o.subject, o.command.Room()); refused != nil {
			p.fail(o, refused)
			return
		}
	}
	p.answerTo(o, ipc.Question{Endpoint: &ipc.AskEndpoint{Host: o.command.Host, Room: name, Asker: p.asker(o.subject)}},
		func(*ipc.Reply) says {
			text := ok(verb).text("endpoint", o.command.Host)
			if name != "" {
				text = text.text("room", name)
			}
			return text
		})
}

// isRaw tells whether a socket is a raw one.
func (p *Puddle) isRaw(i uint32) bool { return p.speaks(i) == format.Raw }
