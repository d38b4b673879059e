package puddle

import (
	"slices"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// Where a socket sits. In one room it sits in the lane of its protocol, and
// the fan-out reaches it there. In several it sits among the wide members of
// each, and each message is a frame of its own (ipc/table/DESIGN.md, "Out").

// greeting is a 101 that is not sent yet, and the inbound offset behind the
// request that it answers.
type greeting struct {
	bytes []byte
	end   uint64
}

// enter seats the socket in the room of its entry and sends the 101 or the
// reply, in this order: when a client sees that it is in, it hears what is said.
func (p *Puddle) enter(i uint32) {
	e := p.entering
	s, r := &p.table.Sockets[i], p.rooms[e.r]
	already := p.isIn(i, r.Name)
	greets := p.answers[i]
	delete(p.answers, i)
	response := append(greets.bytes, p.joined(i, e)...)
	if already {
		if len(response) > 0 {
			p.own(i, response, s.State, 0)
		}
		return
	}
	st := p.standing(i)
	deaf := st != nil && !room.MayHear(&room.Asker{Scope: p.identity(i).Rooms.Of(r.Name)})
	switch {
	case s.Room == table.NoRoom && (st == nil || len(st.rooms) == 0) && !deaf:
		p.sitInLane(i, e.r, response, greets.end)
	default:
		p.sitWide(i, e.r, deaf, response, greets.end)
	}
	p.noteIfStanding(i)
	p.present(i, e)
	p.debug("in", s, "room", r.Name)
	p.schedule(i, p.now+seconds(p.settings.PingEvery))
	p.respond(i, response)
	p.tellPresence(i, e.r, "join")
}

// present counts the socket among those in its room.
func (p *Puddle) present(i uint32, e *entry) {
	anonymous := 0
	if p.anonymous(i) {
		anonymous = 1
	}
	p.count(e.r, 1, anonymous)
	if e.granted {
		e.granted = false
		p.placed(e.r, e.anonymous)
	}
}

// joined is what an envelope socket hears of its entry, and a raw one that
// asked for it with a command of its own.
func (p *Puddle) joined(i uint32, e *entry) []byte {
	speaks := p.speaks(i)
	switch {
	case e.order != nil && e.order.speaker != i:
		p.reply(e.order, p.joinReply(i, e)) // its sibling's command
		return nil
	case e.order == nil && speaks == format.Raw:
		return nil
	}
	text := p.joinReply(i, e)
	if e.order != nil {
		text = text.ref(e.order.command.Ref)
	}
	return p.replyFrame(speaks, text)
}

func (p *Puddle) joinReply(i uint32, e *entry) says {
	if e.makes {
		return ok("new room").text("room", e.name)
	}
	text := ok("join").text("room", e.name).number("members", max(e.members, p.rooms[e.r].Members()))
	if e.order == nil {
		text = text.text("sequence", p.table.Sockets[i].ID.String())
	}
	return text
}

// respond sends what a socket is owed for what it asked: behind all else that
// it is owed, at once where that is nothing.
func (p *Puddle) respond(i uint32, response []byte) {
	s := &p.table.Sockets[i]
	if len(response) == 0 {
		return
	}
	if s.Spill.Empty() && s.Flags&(table.FlagWaiting|table.FlagExplicit) == 0 {
		n, _ := send(s.FD, response) // a fresh socket takes it
		response = response[max(n, 0):]
		if len(response) == 0 {
			return
		}
	}
	if !p.spill(i, p.table.StreamLength(s)-uint64(len(response)), response) {
		p.failing = append(p.failing, i)
		return
	}
	p.owe(i)
}

// sitInLane seats a socket that is in no other room.
func (p *Puddle) sitInLane(i, r uint32, response []byte, after uint64) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	lane := p.laneFor(i)
	length := p.table.StreamLength(s)
	record := p.joinRecord(i, r, response, after)
	record.Lane = lane
	record.Base = length + uint64(len(response)) - p.table.Rooms[r].Count[lane]
	p.commit(record)
	s.Flags |= table.FlagKnown
	own := p.rooms[r].OpenLane(lane)
	h.seat = own.Add(i)
	if h.place = own.Count(); h.place != own.Place(h.seat) {
		s.Flags |= table.FlagExplicit
	}
	if st := p.standing(i); st != nil {
		st.rooms = append(st.rooms, membership{room: r})
		st.piped = st.speaks == format.Raw
	}
}

// sitWide seats a socket that is in other rooms too, or does not hear.
func (p *Puddle) sitWide(i, r uint32, deaf bool, response []byte, after uint64) {
	s, st := &p.table.Sockets[i], p.stands(i)
	p.widen(i, st)
	record := p.joinRecord(i, r, response, after)
	record.Lane = table.LaneNone
	record.Base = s.Base + uint64(len(response))
	p.commit(record)
	s.Flags |= table.FlagKnown | table.FlagExplicit
	st.rooms = append(st.rooms, membership{room: r, seat: p.rooms[r].AddWide(i), deaf: deaf})
	st.piped = st.speaks == format.Raw
}

func (p *Puddle) joinRecord(i, r uint32, response []byte, after uint64) *table.Record {
	s, name, client := &p.table.Sockets[i], p.rooms[r].Name, p.identity(i).Client
	record := p.mustReserve(table.Join, table.JoinExtra(client, name), len(response))
	at := p.table.ReservedAt(record)
	extra := p.table.ExtraBytes(at, record)
	s.PutJoin(extra, client)
	table.PutName(extra, name)
	copy(p.table.Bytes(at, record), response)
	record.Socket, record.ID, record.Room, record.State = i, s.ID, r, schema.InRoom
	record.In = max(s.In, after)
	record.Ctl = max(record.In, s.Ctl)
	return record
}

// widen takes a socket out of its lane, with what it is owed, though it stays
// in the room.
func (p *Puddle) widen(i uint32, st *standing) {
	s := &p.table.Sockets[i]
	st.wide = true
	if s.Room == table.NoRoom {
		return
	}
	r := s.Room
	p.setAside(i)
	record := p.mustReserve(table.Wide, 0, 0)
	record.Socket, record.ID, record.Room = i, s.ID, r
	record.In, record.Ctl, record.Base = s.In, s.Ctl, p.table.StreamLength(s)
	p.unseat(i)
	p.commit(record)
	s.Flags |= table.FlagExplicit
	st.in(r).seat = p.rooms[r].AddWide(i)
}

// unseat empties a socket's seat in its lane.
func (p *Puddle) unseat(i uint32) {
	s := &p.table.Sockets[i]
	moves, n := p.rooms[s.Room].Lane(s.Lane).Remove(p.hands[i].seat)
	for _, move := range moves[:n] {
		p.hands[move.Member].seat = move.Seat
	}
}

// leaveRoom takes a socket out of one room, with what it is owed of it.
func (p *Puddle) leaveRoom(i, r uint32) {
	s, gone := &p.table.Sockets[i], p.rooms[r]
	p.tellPresence(i, r, "leave")
	seated := s.Room == r
	if seated {
		p.setAside(i)
	}
	record := p.mustReserve(table.Leave, len(gone.Name), 0)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), gone.Name)
	record.Socket, record.ID, record.Room, record.State = i, s.ID, r, s.State
	record.In, record.Ctl, record.Base = s.In, s.Ctl, p.table.StreamLength(s)
	if seated {
		p.unseat(i)
	}
	p.commit(record)
	s.Flags |= table.FlagExplicit
	st := p.standing(i)
	if member := st.in(r); member != nil {
		if !seated {
			p.unseatWide(r, member.seat)
		}
		st.rooms = slices.DeleteFunc(st.rooms, func(m membership) bool { return m.room == r })
		st.wide = st.wide && len(st.rooms) > 0
	}
	anonymous := 0
	if p.anonymous(i) {
		anonymous = -1
	}
	p.note(i)
	p.count(r, -1, anonymous)
	p.closeIfEmpty(r)
}

func (p *Puddle) unseatWide(r, seat uint32) {
	if moved, ok := p.rooms[r].RemoveWide(seat); ok {
		p.standing(moved).in(r).seat = seat
	}
}

// leave takes a socket out of all its rooms and out of whatever it waits for.
func (p *Puddle) leave(i uint32) {
	if e := p.entries[i]; e != nil {
		p.giveUp(e)
	}
	delete(p.answers, i)
	if s := &p.table.Sockets[i]; s.Flags&(table.FlagPaused|table.FlagBusy) != 0 {
		s.Flags &^= table.FlagPaused | table.FlagBusy
		p.setEvents(i)
	}
	for _, r := range p.roomsOf(i) {
		p.leaveRoom(i, r)
	}
}

// stand notes where a socket stands that is in no room, and sends its 101 if
// it is owed.
func (p *Puddle) stand(i uint32, next schema.State) {
	s := &p.table.Sockets[i]
	greets, client := p.answers[i], p.identity(i).Client
	response := greets.bytes
	delete(p.answers, i)
	record := p.mustReserve(table.Stand, table.JoinExtra(client, ""), len(response))
	at := p.table.ReservedAt(record)
	s.PutJoin(p.table.ExtraBytes(at, record), client)
	copy(p.table.Bytes(at, record), response)
	record.Socket, record.ID, record.State = i, s.ID, next
	record.In = max(s.In, greets.end)
	record.Ctl = max(record.In, s.Ctl)
	record.Base = s.Base + uint64(len(response)) // a member whose credential is renewed stays in its lane
	p.note(i)
	p.commit(record)
	s.Flags |= table.FlagKnown
	p.respond(i, response)
	p.schedule(i, p.now+1)
}
