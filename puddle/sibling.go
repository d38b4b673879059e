package puddle

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// A sibling is a second socket that commands a first one, its main. It is
// served where its main is: if it comes to another puddle it is carried there
// before it is answered, so that all between the two is local.

// arriveSibling finds the main of a sibling.
func (p *Puddle) arriveSibling(a *arrival) {
	if !a.brought {
		p.turnBack(a, reject(401, schema.Unauthorized, "a sibling brings the key: subprotocol porthouse.sibling.KEY, or ?key=KEY"))
		return
	}
	question := ipc.AskSibling{Key: sha256.Sum256([]byte(a.key)), Address: p.address(a.i)}
	p.ask(ipc.Question{Sibling: &question}, func(reply *ipc.Reply) {
		if !p.arriving(a) {
			return
		}
		if reply.Refused != nil {
			refused := rejectWith(reply.Refused)
			refused.after = reply.After
			p.turnBack(a, refused)
			return
		}
		main, here := p.find(schema.SequenceID(reply.Sequence))
		switch {
		case here && (!speaking(p.table.Sockets[main].State) || p.table.Sockets[main].Moves != 0):
			p.turnBack(a, reject(503, schema.Unavailable, "the socket of this key is not open yet, or not any more: try again"))
		case here:
			p.pair(a, main)
		case reply.Slot == p.slot:
			p.turnBack(a, rejection{status: 404, Refusal: *notFound("the socket of this key is gone")})
		default:
			a.done = true
			p.carry(a, reply.Slot)
		}
	})
}

// pair makes the socket the sibling of main; a former one is put out.
func (p *Puddle) pair(a *arrival, main uint32) {
	first := p.stands(main)
	if old := first.sibling; old != table.NoSocket {
		p.standing(old).main = table.NoSocket
		p.happen(old, gone(schema.ClosePutOut, "another sibling has come"))
	}
	st := p.stands(a.i)
	st.speaks, st.main, st.who = a.speaks, main, first.who
	first.sibling = a.i
	lines := []string{}
	if agreed := p.agree(a); agreed != "" {
		lines = append(lines, agreed)
	}
	opened, err := upgrade(nil, a.req.upgradable(), a.echo, a.id, lines...)
	if err != nil {
		p.turnBack(a, reject(400, schema.Malformed, err.Error()))
		return
	}
	p.answers[a.i] = greeting{opened, a.end}
	p.happen(a.i, p.landing(a.i))
	p.opened101(a)
}

// unlink parts a socket that goes from its sibling, or from its main.
func (p *Puddle) unlink(i uint32, st *standing) {
	if main := st.main; main != table.NoSocket {
		p.standing(main).sibling = table.NoSocket
	}
	if sibling := st.sibling; sibling != table.NoSocket {
		p.standing(sibling).main = table.NoSocket
		p.happen(sibling, gone(schema.CloseDone, "its socket is gone"))
	}
	st.main, st.sibling = table.NoSocket, table.NoSocket
}

// carry moves a connection that is not answered yet to another puddle.
func (p *Puddle) carry(a *arrival, slot int) {
	s := &p.table.Sockets[a.i]
	carried := ipc.Carry{Slot: slot, From: s.In, Bytes: slices.Clone(p.part0(s)), Address: s.Addr, Port: s.Port}
	p.say(ipc.FromPuddle{Carry: &carried}, p.partWith(a.i))
}

// partWith forgets a socket and leaves its descriptor open.
func (p *Puddle) partWith(i uint32) (fd int) {
	s := &p.table.Sockets[i]
	fd = int(s.FD)
	if s.Flags&table.FlagWatched != 0 {
		p.poll.dropSocket(s.FD)
	}
	p.table.Add(table.StateGauge+table.Counter(s.State), -1)
	p.unschedule(i)
	p.forgetStanding(i)
	delete(p.scans, i)
	p.hangUpCall(i)
	p.unkeep(i)
	p.table.FreeSocket(i)
	p.hands[i] = hand{next: none, prev: none}
	p.live--
	p.finishIfEmpty()
	return fd
}

// onCarried takes in a connection that another puddle had accepted.
func (p *Puddle) onCarried(word *ipc.Carried, fd int) {
	if p.stopping {
		unix.Close(fd)
		return
	}
	unix.SetNonblock(fd, true)
	i, ok := p.enrol(int32(fd), word.Address, word.Port)
	if !ok {
		return
	}
	p.table.Sockets[i].In = word.From
	p.tellKeeper()
	p.begin(i, word.Bytes)
}

// find is the entry of a sequence that is served here: its number is in its id.
func (p *Puddle) find(id schema.SequenceID) (uint32, bool) {
	i := uint32(id & entryMask)
	if id != 0 && int(i) < len(p.hands) && p.table.Sockets[i].ID == id {
		return i, true
	}
	i, guest := p.guests[id]
	return i, guest
}
