package puddle

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
)

// doAuth has a credential verified: a lobby becomes a space, a socket whose
// token expires gets a new one.
func (p *Puddle) doAuth(o *order) {
	c := &o.command
	question := ipc.AskWho{Address: p.address(o.subject), Credential: ipc.Credential{
		Token: c.Token, Client: c.Client, Password: c.Password, OTP: c.OTP,
	}}
	p.ask(ipc.Question{Who: &question}, func(reply *ipc.Reply) {
		switch {
		case !p.alive(o):
			p.settle(o)
		case reply.Refused != nil || reply.Identity == nil:
			p.wrongAuth(o, reply.Refused)
		default:
			p.welcome(o, reply.Identity)
		}
	})
}

// wrongAuth refuses, and closes a lobby at the third try.
func (p *Puddle) wrongAuth(o *order, refused *schema.Refusal) {
	if refused == nil {
		refused = &noAnswer
	}
	p.fail(o, refused)
	st := p.stands(o.subject)
	if refused.Code == schema.Unauthorized && p.table.Sockets[o.subject].State == schema.Lobby {
		if st.tries++; st.tries >= triesMost {
			p.happen(o.subject, violated(schema.CloseUnknown, "wrong credentials, three times"))
		}
	}
}

func (p *Puddle) welcome(o *order, who *schema.Identity) {
	i := o.subject
	st := p.stands(i)
	switch {
	case st.who != nil && st.who.Client != who.Client:
		p.fail(o, &schema.Refusal{Code: schema.Denied, Message: "this socket is another client's: open a new one"})
		return
	case !admitsAt(st.door, who):
		p.fail(o, &schema.Refusal{Code: schema.Denied, Message: "this endpoint does not take you: ask its client, or use the primary address"})
		return
	}
	p.become(i, st, who)
	p.finish(o, ok("auth").client("client", who.Client).text("sequence", p.table.Sockets[i].ID.String()))
	if st.door.client != "" && st.door.client == who.Client && p.table.Sockets[i].State == schema.Space {
		p.goHome(i)
	}
}

// admitsAt tells whether a client's endpoint takes somebody: its own client,
// whom its setting admits names, and admins.
func admitsAt(d *door, who *schema.Identity) bool {
	switch {
	case d.client == "" || who.Admin || who.Client == d.client:
		return true
	case len(d.admits) == 1 && (d.admits[0] == "anyone" || d.admits[0] == "authenticated" && who.Client != ""):
		return true
	}
	return who.Client != "" && slices.Contains(d.admits, who.Client)
}

// become makes a socket somebody's.
func (p *Puddle) become(i uint32, st *standing, who *schema.Identity) {
	was := p.anonymous(i)
	p.known(i, st, who)
	p.note(i)
	if was && !p.anonymous(i) {
		for _, r := range p.roomsOf(i) {
			p.count(r, 0, -1)
		}
	}
	if p.table.Sockets[i].State == schema.Lobby {
		p.happen(i, input{event: sequence.Known})
	} else if p.table.Sockets[i].State != schema.Handshake {
		p.stand(i, p.table.Sockets[i].State)
	}
}

// goHome takes a client that came to its own endpoint into its own room.
func (p *Puddle) goHome(i uint32) {
	e := &entry{i: i, name: p.standing(i).who.Client + "/home", create: true, surface: room.OnSocket, counts: true}
	e.asker = func(facts *room.Facts) room.Asker { return p.before(i, facts, room.OnSocket) }
	e.order = &order{speaker: i, subject: i, id: p.table.Sockets[i].ID, of: p.table.Sockets[i].ID, done: true}
	e.order.command.Do = schema.Join.String()
	e.ended = func(refused *rejection) { p.entryEnded(e.order, e, refused) }
	p.seek(e)
}

func (p *Puddle) doWhoami(o *order) {
	i := o.subject
	s, st := &p.table.Sockets[i], p.stands(i)
	rooms, _ := json.Marshal(p.roomNames(i))
	text := ok("whoami").text("sequence", s.ID.String()).client("client", p.identity(i).Client).
		text("state", s.State.String()).json("rooms", rooms).text("house", p.house.Memory)
	if st.key != "" {
		text = text.text("sibling", st.key)
	}
	p.finish(o, text)
}

func (p *Puddle) doHelp(o *order) {
	lines, _ := json.Marshal(schema.HelpLines())
	p.finish(o, ok("help").json("commands", lines))
}

func (p *Puddle) doClose(o *order) {
	question := ipc.AskEnd{Sequence: o.command.Sequence, Asker: p.asker(o.subject)}
	p.answerTo(o, ipc.Question{End: &question}, func(*ipc.Reply) says {
		return ok("close").text("sequence", o.command.Sequence.String())
	})
}

// expiryWarning is how long before its end a token's socket is told, seconds.
const expiryWarning = 60

// expire closes the sockets whose credentials have ended, and tells those
// whose are about to.
func (p *Puddle) expire() {
	if len(p.expiring) == 0 {
		return
	}
	now := time.Now().Unix()
	for i := range p.expiring {
		st := p.standing(i)
		switch left := st.who.Expires - now; {
		case left <= 0:
			p.happen(i, gone(schema.CloseUnknown, "the token has expired: come back with a new one"))
		case left <= expiryWarning && !st.warned:
			st.warned = true
			p.tell(i, event("expiring").number("in", int(left)))
		}
	}
}
