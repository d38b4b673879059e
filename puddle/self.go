package puddle

import (
	"crypto/sha256"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// A standing as the table holds it, for whoever serves the socket next.

// note writes a socket's standing down, before anybody is told of it.
func (p *Puddle) note(i uint32) {
	s, st := &p.table.Sockets[i], p.standing(i)
	if s.ID == 0 || st == nil {
		return
	}
	st.stale = false
	if !p.table.SetSpan(&s.Self, ipc.Encode(p.selfOf(st))) {
		p.log.Error("no memory for what a socket's successor must know", "sequence", s.ID.String())
	}
}

func (p *Puddle) noteIfStanding(i uint32) {
	if p.standing(i) != nil {
		p.note(i)
	}
}

func (p *Puddle) selfOf(st *standing) *ipc.Self {
	self := &ipc.Self{
		Speaks: uint8(st.speaks), Piped: st.piped, Warned: st.warned, Tries: st.tries, Spoke: st.spoke,
		Pace: st.pace.State(), Who: st.who, Key: st.key,
	}
	if st.door != frontDoor {
		self.Door = &ipc.SelfDoor{Host: st.door.host, Origin: st.door.origin, Page: st.door.origin != nil, Client: st.door.client, Admits: st.door.admits}
	}
	for n := range st.rooms {
		m := &st.rooms[n]
		self.Rooms = append(self.Rooms, ipc.SelfRoom{Room: m.room, Ref: p.table.Rooms[m.room].Ref, Bucket: m.bucket.State(), Over: m.over.State(), Driven: m.driven.self()})
	}
	if st.main != table.NoSocket {
		self.Main = p.table.Sockets[st.main].ID
	}
	if e := st.entry; e != nil && e.asking {
		self.Entry = &ipc.SelfEntry{Room: e.name, Tries: e.tries, Deadline: e.deadline}
	}
	return self
}

// standUp gives a socket the standing that the table holds. Its rooms, its
// main and its entry come later, when they are there.
func (p *Puddle) standUp(i uint32) *ipc.Self {
	s := &p.table.Sockets[i]
	held, _ := p.table.SpanBytes(s.Self)
	if len(held) == 0 {
		return nil
	}
	self := &ipc.Self{}
	if err := ipc.Decode(held, self); err != nil {
		p.log.Error("what a socket was cannot be read", "sequence", s.ID.String(), "error", err)
		return nil
	}
	p.standAs(i, self)
	return self
}

// standAs gives a socket a standing that it had.
func (p *Puddle) standAs(i uint32, self *ipc.Self) {
	for int(i) >= len(p.standings) {
		p.standings = append(p.standings, nil)
	}
	st := &standing{
		speaks: format.Protocol(self.Speaks), piped: self.Piped, tries: self.Tries, spoke: self.Spoke,
		pace: room.BucketOf(self.Pace), key: self.Key, door: frontDoor, sibling: table.NoSocket, main: table.NoSocket,
	}
	if d := self.Door; d != nil {
		st.door = &door{host: d.Host, client: d.Client, admits: d.Admits}
		if d.Page {
			st.door.origin = append([]byte{}, d.Origin...)
		}
	}
	p.standings[i] = st
	p.known(i, st, self.Who)
	st.warned = self.Warned
}

// enterAgain goes on with a dialogue that the process before had begun.
func (p *Puddle) enterAgain(i uint32, asked *ipc.SelfEntry) {
	e := &entry{
		i: i, name: asked.Room, create: true, surface: room.OnSocket, counts: true,
		asking: true, resumed: true, tries: asked.Tries, deadline: asked.Deadline,
		asker: func(facts *room.Facts) room.Asker { return p.before(i, facts, room.OnSocket) },
		order: &order{speaker: i, subject: i, id: p.table.Sockets[i].ID, of: p.table.Sockets[i].ID, done: true},
	}
	e.order.command.Do = schema.Join.String()
	e.ended = func(refused *rejection) { p.entryEnded(e.order, e, refused) }
	p.stands(i).entry = e
	p.seek(e)
}

// registration is a sibling's key as the supervisor knows it.
func registration(key string, id schema.SequenceID) ipc.AskRegister {
	return ipc.AskRegister{Key: sha256.Sum256([]byte(key)), Sequence: id}
}
