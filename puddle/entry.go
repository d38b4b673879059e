package puddle

import (
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
)

// announcement is a room whose first member is here and whose peers have not all
// heard of it. Who waits for it gets the 101 when they have.
type announcement struct {
	position uint64 // of the Hold
	missing  uint64 // peers that have not acknowledged it
	since    uint32
	sockets  []uint32
}

// retired is a room that nobody is in any more but whose last records the
// peers have not been told yet.
type retired struct {
	room     uint32
	position uint64
}

// request looks at a connection's first bytes. What it settles is In moved on.
func (p *Puddle) request(i uint32, data []byte) {
	s := &p.table.Sockets[i]
	req, v := p.guard.judge(data)
	if v == verdictMore {
		return
	}
	var reply []byte
	reason := ""
	if refused := v.refused(); refused != nil {
		reply, reason = refused.answer().append(nil), string(refused.Code)
	} else if s.In = uint64(len(req.head)); p.settings.LocalHosts && !isLocal(req.host()) {
		reply, reason = refusedHost.answer().append(nil), string(refusedHost.Code)
	} else if v == verdictPlain {
		reply, reason = p.plain(&req)
	} else if reply, reason = p.upgrade(i, &req); reply == nil {
		return // it has entered, or waits to
	}
	if reason != "" {
		p.table.Add(table.RefusedRow(reason), 1)
	}
	p.own(i, reply, schema.Handshake, s.In)
	p.happen(i, input{event: sequence.Answered})
	p.schedule(i, p.now+seconds(p.settings.CloseTime))
}

func (p *Puddle) plain(req *request) (reply []byte, reason string) {
	t, refusal := resolve(req.path)
	if refusal != nil {
		return rejection{404, *refusal}.answer().append(nil), string(refusal.Code)
	}
	return t.answer(req, p.table.HouseNow() == table.Up && !p.stopping).append(nil), ""
}

// upgrade answers an opening handshake: nil if the socket is let in.
func (p *Puddle) upgrade(i uint32, req *request) (reply []byte, reason string) {
	id := p.table.Sockets[i].ID
	away := func(refused rejection) ([]byte, string) {
		return turnAway(nil, req, id, refused), string(refused.Code)
	}
	if !admitsOrigin(req.origin(), req.host(), []string{originSelf}) {
		return refusedOrigin.answer().append(nil), string(refusedOrigin.Code)
	}
	t, refusal := resolve(req.path)
	switch {
	case refusal != nil:
		return away(rejection{404, *refusal})
	case t.kind == targetLobby:
		return away(rejection{404, *noLobby(req.host())})
	case t.kind != targetRoom:
		return p.plain(req)
	case p.settings.Transient != schema.TransientAnyone:
		return away(rejection{404, *noRoom(t.room)})
	case p.stopping:
		return away(reject(503, schema.Unavailable, "the house stops: come back later"))
	}
	_, echo, refused := negotiate(req)
	if refused != nil {
		return away(*refused)
	}
	opened, err := upgrade(nil, req.head, echo, id)
	if err != nil {
		return reject(400, schema.Malformed, err.Error()).answer().append(nil), string(schema.Malformed)
	}
	r, ok := p.roomFor(t.room)
	if !ok {
		return away(reject(503, schema.Full, "the house has as many rooms as it can hold"))
	}
	p.answers[i] = opened
	p.table.Sockets[i].Room = r
	if wait := p.openings[r]; wait != nil {
		wait.sockets = append(wait.sockets, i)
		p.pause(i)
		p.happen(i, input{event: sequence.Announced})
		p.schedule(i, p.now+2*seconds(p.settings.PeerTime)+2) // by then it was opened without them
		return nil, ""
	}
	p.happen(i, admitted)
	return nil, ""
}

// roomFor finds the room, or opens it and tells the peers.
func (p *Puddle) roomFor(name string) (uint32, bool) {
	if r, known := p.byName[name]; known {
		return r, true
	}
	r, ok := p.table.TakeRoom(name)
	if !ok {
		return 0, false
	}
	for int(r) >= len(p.rooms) {
		p.rooms = append(p.rooms, nil)
	}
	record := p.mustReserve(table.Hold, len(name), 0)
	p.rooms[r] = room.New(name)
	p.byName[name] = r
	p.table.Add(table.RoomsHere, 1)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), name)
	record.Room, record.Peers = r, p.linked
	_, end := p.commit(record)
	if p.linked != 0 {
		p.openings[r] = &announcement{position: end, missing: p.linked, since: p.now}
	}
	return r, true
}

// acknowledged lets in who waited for a peer to hear of a room.
func (p *Puddle) acknowledged(slot int, position uint64) {
	for r, wait := range p.openings {
		if position >= wait.position {
			wait.missing &^= 1 << slot
		}
		if wait.missing == 0 {
			p.opened(r, wait)
		}
	}
}

func (p *Puddle) opened(r uint32, wait *announcement) {
	delete(p.openings, r)
	for _, i := range wait.sockets {
		if s := &p.table.Sockets[i]; s.State == schema.Entering && s.Room == r {
			p.happen(i, admitted)
			p.unpause(i)
		}
	}
	p.closeIfEmpty(r)
}

// enter seats the socket in its room and sends the 101, in this order: when a
// client sees that it is in, it hears what is said.
func (p *Puddle) enter(i uint32) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	r := p.rooms[s.Room]
	response := p.answers[i]
	delete(p.answers, i)
	p.recordJoin(i, r.Name, response)
	s.Flags |= table.FlagKnown
	h.seat = r.Add(i)
	if h.place = r.Count(); h.place != r.Place(h.seat) {
		s.Flags |= table.FlagExplicit
	}
	p.schedule(i, p.now+seconds(p.settings.PingEvery))
	p.debug("in", s, "room", r.Name)
	if n, _ := send(s.FD, response); n != len(response) { // a fresh socket takes it
		p.spill(i, uint64(max(n, 0)), response[max(n, 0):])
		p.owe(i)
	}
}

func (p *Puddle) recordJoin(i uint32, name string, response []byte) {
	s := &p.table.Sockets[i]
	record := p.mustReserve(table.Join, table.JoinExtra(name), len(response))
	at := p.table.ReservedAt(record)
	extra := p.table.ExtraBytes(at, record)
	s.PutJoin(extra)
	table.PutName(extra, name)
	copy(p.table.Bytes(at, record), response)
	record.Socket, record.ID, record.Room, record.State = i, s.ID, s.Room, schema.InRoom
	record.In, record.Ctl = s.In, s.In
	record.Count = p.table.Rooms[s.Room].Count[0]
	record.Base = uint64(len(response)) - record.Count
	p.commit(record)
}

// leave takes a socket out of its room, with what it is owed, or out of those
// who wait for one.
func (p *Puddle) leave(i uint32) {
	s := &p.table.Sockets[i]
	r := s.Room
	if r == table.NoRoom {
		return
	}
	if s.State == schema.InRoom {
		p.unseat(i)
	} else {
		delete(p.answers, i)
		s.Flags &^= table.FlagPaused
		s.Room = table.NoRoom
	}
	p.closeIfEmpty(r)
}

func (p *Puddle) unseat(i uint32) {
	s, r := &p.table.Sockets[i], p.rooms[p.table.Sockets[i].Room]
	p.setAside(i)
	record := p.mustReserve(table.Leave, len(r.Name), 0)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), r.Name)
	record.Socket, record.ID, record.Room, record.State = i, s.ID, s.Room, s.State
	record.In, record.Ctl, record.Base = s.In, s.Ctl, p.table.StreamLength(s)
	p.commit(record)
	moves, n := r.Remove(p.hands[i].seat)
	for _, move := range moves[:n] {
		p.hands[move.Member].seat = move.Seat
	}
	s.Room = table.NoRoom
	s.Flags |= table.FlagExplicit
}

// closeIfEmpty closes a room that has lost its last member here.
func (p *Puddle) closeIfEmpty(r uint32) {
	gone := p.rooms[r]
	if gone == nil || gone.Members() > 0 || p.openings[r] != nil {
		return
	}
	if p.byName[gone.Name] != r {
		return // already
	}
	record := p.mustReserve(table.Release, len(gone.Name), 0)
	delete(p.byName, gone.Name)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), gone.Name)
	record.Room, record.Peers = r, p.linked
	_, end := p.commit(record)
	p.table.Add(table.RoomsHere, -1)
	p.retiring = append(p.retiring, retired{r, end})
}

// retire frees the rooms whose last records every peer has been told.
func (p *Puddle) retire() {
	kept := p.retiring[:0]
	for _, gone := range p.retiring {
		if p.toldAll(gone.position) && !p.rooms[gone.room].Queued {
			p.rooms[gone.room] = nil
			p.table.FreeRoom(gone.room)
			continue
		}
		kept = append(kept, gone)
	}
	p.retiring = kept
}
