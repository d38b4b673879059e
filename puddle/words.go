package puddle

import (
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
)

// What the supervisor says of rooms and clients that changed.

// onRoom takes a room's new rules: they hold from the next message on, and who
// is no longer admitted is put out.
func (p *Puddle) onRoom(told *ipc.Room) {
	r, held := p.byName[told.Name]
	if !held {
		return
	}
	p.learn(r, told)
	for _, i := range p.membersOf(r) {
		asker := p.before(i, &p.rooms[r].Facts, room.OnSocket)
		if v := room.MayEnter(&p.rooms[r].Rules, &asker, room.Present{}); !v.Granted() {
			p.expel(i, r, schema.CloseDenied, "denied", v.Refusal().Message)
		}
		if p.byName[told.Name] != r {
			return // that was the last one
		}
	}
}

// membersOf is a copy: who is in changes on the way.
func (p *Puddle) membersOf(r uint32) (members []uint32) {
	p.rooms[r].Each(func(i uint32) { members = append(members, i) })
	return members
}

// expel puts a socket out of a room: it lives where it is in others, and where
// that is all its client asked for.
func (p *Puddle) expel(i, r uint32, code schema.CloseCode, word, reason string) {
	name := p.rooms[r].Name
	if len(p.roomsOf(i)) == 1 {
		p.tellSibling(i, event("out").text("room", name).text("code", word))
		p.happen(i, gone(code, reason))
		return
	}
	p.leaveRoom(i, r)
	p.tell(i, event("out").text("room", name).text("code", word))
}

// tellSibling tells a socket's sibling alone.
func (p *Puddle) tellSibling(i uint32, text says) {
	if st := p.standing(i); st != nil && st.sibling != table.NoSocket {
		p.tell(st.sibling, text)
	}
}

// onRoomGone ends a room.
func (p *Puddle) onRoomGone(word *ipc.RoomGone) {
	r, held := p.byName[word.Name]
	if held && p.rooms[r].Incarnation == word.Incarnation {
		p.emptyRoom(r, word.Reason)
	}
}

func (p *Puddle) emptyRoom(r uint32, reason string) {
	for _, e := range p.entriesOf(r) {
		p.refuse(e, rejection{status: 404, Refusal: *notFound("the room is gone"), close: schema.CloseGone})
	}
	if p.rooms[r] == nil {
		return
	}
	for _, i := range p.membersOf(r) {
		if p.rooms[r] == nil {
			return
		}
		p.answerDrop(i, p.rooms[r].Name)
		if p.sitsIn(i, r) {
			p.expel(i, r, schema.CloseGone, "gone", reason)
		}
	}
}

// answerDrop tells who has dropped the room so, before it is put out of it.
func (p *Puddle) answerDrop(i uint32, name string) {
	if st := p.standing(i); st != nil && st.order != nil && st.order.command.Verb == schema.DropRoom {
		if o := st.order; o.speaker == i {
			p.finish(o, ok("drop room").text("room", name))
		}
	}
}

func (p *Puddle) sitsIn(i, r uint32) bool { return slices.Contains(p.roomsOf(i), r) }

// entriesOf are those on the way into a room.
func (p *Puddle) entriesOf(r uint32) (entries []*entry) {
	for _, e := range p.entries {
		if e.visits && e.r == r && !e.over {
			entries = append(entries, e)
		}
	}
	return entries
}

// onPutOut puts one sequence, or a client's, out of a room.
func (p *Puddle) onPutOut(word *ipc.PutOut) {
	r, held := p.byName[word.Room]
	if !held {
		return
	}
	sockets := slices.Clone(p.clients[word.Client])
	if i, here := p.find(word.Sequence); word.Sequence != 0 && here {
		sockets = append(sockets, i)
	}
	for _, i := range sockets {
		if p.rooms[r] != nil && p.sitsIn(i, r) {
			p.expel(i, r, schema.CloseDenied, "denied", "put out of the room by its owner")
		}
	}
}

// onClient takes what a client may do now.
func (p *Puddle) onClient(now *schema.Identity) {
	for _, i := range p.clients[now.Client] {
		st := p.standing(i)
		who := *st.who // others may share it
		who.Owner, who.Primary, who.Admin, who.Direct = now.Owner, now.Primary, now.Admin, now.Direct
		st.who = &who
		p.note(i)
	}
}

// onRevoked closes the sockets of a token, or of a client.
func (p *Puddle) onRevoked(word *ipc.Revoked) {
	for _, i := range slices.Clone(p.clients[word.Client]) {
		st := p.standing(i)
		if st != nil && st.who != nil && (word.Token == "" || st.who.Token == word.Token) {
			p.happen(i, gone(schema.CloseUnknown, "its credential was revoked"))
		}
	}
}
