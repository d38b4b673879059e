package puddle

import (
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

var notNow = &schema.Refusal{Code: schema.Unavailable, Message: "the house is busy: send it again"}

var tooManyNames = &schema.Refusal{Code: schema.TooLarge, Message: "the receivers, and the rooms that this socket is in, are too many: send to fewer at once"}

// bondOf is what binds to a parcel.
func (p *Puddle) bondOf(one *parcel, what bondKind, meta schema.Meta) bond {
	b := bond{what: what, client: one.who.Client, sequence: one.id, number: one.number}
	if meta&schema.MetaTime != 0 {
		b.time = time.Now().UnixMilli()
	}
	switch {
	case one.receipt != nil:
		b.id = one.receipt.messageID
	case meta&schema.MetaID != 0:
		b.id = p.messageID()
	}
	return b
}

// toAll gives a parcel to all members of a room.
func (p *Puddle) toAll(one *parcel, n uint32) *schema.Refusal {
	r := p.rooms[n]
	rules := &r.Rules
	b := p.bondOf(one, bondAll, rules.Meta)
	l := p.lay(&one.message, b.head(r.Name, rules.Meta))
	which := spread{p.slot, one.id, one.number}
	if p.redo.has(n) {
		p.account(one.receipt, p.table.Head(), 0, p.toWide(r, n, l, one.from, rules.Echo, which)+p.seated(r))
		return nil
	}
	if len(r.Wide()) > 0 {
		one.settles = 0 // not before they have it
	}
	var extra []byte
	if r.Peers != 0 && (rules.Meta != 0 || one.spread) {
		extra = b.append(nil)
	}
	own, sender := p.ownLane(one.from, n), room.NoSender
	record, end := p.commitLaid(r, n, l, extra, func(record *table.Record) {
		p.signed(one, record)
		record.Peers = r.Peers
		record.Op = opOf(uint8(opcodeOf(format.Raw, one.message.Kind)), one.message.Kind, one.receipt != nil)
		record.Lane = table.LaneNone
		if own != table.LaneNone && !rules.Echo {
			p.makeExplicit(one.from)
			record.Base -= uint64(record.Sizes[own])
			record.Lane, sender = own, one.from
		}
	}, &sender)
	if record == nil {
		return notNow
	}
	here := p.toWide(r, n, l, one.from, rules.Echo, which)
	here += p.seated(r)
	if sender != room.NoSender {
		here--
	}
	p.table.Add(table.Received, 1)
	p.account(one.receipt, end, record.Peers, here)
	return nil
}

// ownLane is the lane of a room that a sender sits in, LaneNone if it does not.
func (p *Puddle) ownLane(i, n uint32) uint8 {
	if i == table.NoSocket || p.table.Sockets[i].Room != n {
		return table.LaneNone
	}
	return p.table.Sockets[i].Lane
}

// signed writes into a record what it settles of its sender.
func (p *Puddle) signed(one *parcel, record *table.Record) {
	if one.from == table.NoSocket {
		return
	}
	s := &p.table.Sockets[one.from]
	record.Socket, record.ID = one.from, s.ID
	record.In, record.Ctl, record.Base = max(s.In, one.settles), s.Ctl, s.Base
}

// commitLaid commits a message with the frames that members and peers need.
func (p *Puddle) commitLaid(r *room.Room, n uint32, l *laid, extra []byte, sign func(*table.Record), sender *uint32) (*table.Record, uint64) {
	var frames [room.Lanes][]byte
	shared := [room.Lanes]bool{}
	size := 0
	for lane := range uint8(room.Lanes) {
		if r.Speaks(lane) || lane == table.LaneRaw && r.Peers != 0 {
			frames[lane], shared[lane] = l.inLane(lane)
			shared[lane] = shared[lane] && frames[lane-room.Protocols] != nil
			if !shared[lane] {
				size += len(frames[lane])
			}
		}
	}
	record := p.reserve(table.Message, len(extra), size)
	if record == nil {
		return nil, 0
	}
	at := p.table.ReservedAt(record)
	copy(p.table.ExtraBytes(at, record), extra)
	into := p.table.Bytes(at, record)[:0]
	for lane, frame := range frames {
		record.Sizes[lane] = uint32(len(frame))
		if shared[lane] {
			record.Shared |= 1 << lane
		} else {
			into = append(into, frame...)
		}
	}
	record.Room = n
	sign(record)
	_, end := p.addToRoom(r, record, *sender)
	return record, end
}

// seated is how many members lanes reach.
func (p *Puddle) seated(r *room.Room) int { return r.Members() - len(r.Wide()) }

// toWide gives a message to the members that no lane reaches, once to each
// that hears it through several rooms.
func (p *Puddle) toWide(r *room.Room, n uint32, l *laid, from uint32, echo bool, which spread) (reached int) {
	for _, i := range r.Wide() {
		st := p.standing(i)
		switch {
		case i == from && !echo, st.in(n).deaf:
			continue
		case which.number != 0 && st.heardOf[which.slot] == which:
			continue
		}
		if which.number != 0 {
			st.heard(which)
		}
		p.ownMessage(i, l)
		reached++
	}
	return reached
}

// ownMessage gives a socket a message as a frame of its own.
func (p *Puddle) ownMessage(i uint32, l *laid) {
	if p.redo.done(i) {
		return
	}
	s := &p.table.Sockets[i]
	p.own(i, p.frameFor(i, l), s.State, 0)
	p.table.Add(table.Deliveries, 1)
}

// toSome gives a parcel to those members of a room that it names.
func (p *Puddle) toSome(one *parcel, n uint32) *schema.Refusal {
	r := p.rooms[n]
	b := p.bondOf(one, bondNarrow, r.Rules.Meta)
	b.to = one.to
	self := r.Rules.To == schema.ToSelf
	peers := r.Peers
	if self || p.redo.has(n) { // what peers count of it they have said to the process before
		peers = 0
	}
	end, refused := p.commitNarrow(one, n, &b, peers)
	if refused != nil {
		return refused
	}
	l := p.lay(&one.message, b.head(r.Name, r.Rules.Meta))
	here := p.narrowHere(r, n, l, b.to, one.from, self || r.Rules.Echo)
	if r.Rules.Echo && !self && one.from != table.NoSocket && !p.named(one.from, b.to) {
		p.ownMessage(one.from, l)
		here++
	}
	p.account(one.receipt, end, peers, here)
	return nil
}

// commitNarrow commits a message that is no lane's.
func (p *Puddle) commitNarrow(one *parcel, n uint32, b *bond, peers uint64) (end uint64, refused *schema.Refusal) {
	extra := b.append(nil)
	if len(extra) > table.ExtraMost {
		return 0, tooManyNames
	}
	if p.redo.has(n) {
		return p.table.Head(), nil
	}
	one.settles = 0 // not before all have it
	raw := p.lay(&one.message, b.head("", 0)).frame(format.Raw)
	if peers == 0 {
		raw = nil
	}
	record := p.reserve(table.Narrow, len(extra), len(raw))
	if record == nil {
		return 0, notNow
	}
	at := p.table.ReservedAt(record)
	copy(p.table.ExtraBytes(at, record), extra)
	copy(p.table.Bytes(at, record), raw)
	p.signed(one, record)
	record.Room, record.Peers = n, peers
	record.Op = opOf(uint8(opcodeOf(format.Raw, one.message.Kind)), one.message.Kind, one.receipt != nil)
	record.Sizes[table.LaneRaw] = uint32(len(raw))
	_, end = p.commit(record)
	p.table.Add(table.Received, 1)
	return end, nil
}

// narrowHere gives a message to the members here that are named.
func (p *Puddle) narrowHere(r *room.Room, n uint32, l *laid, to []string, from uint32, self bool) (reached int) {
	for _, i := range p.meant(to) {
		if i == from && !self || !p.isIn(i, r.Name) {
			continue
		}
		if member := p.standing(i).in(n); member != nil && member.deaf {
			continue
		}
		p.ownMessage(i, l)
		reached++
	}
	return reached
}

// meant are the sockets here that a list of clients and sequences names, each
// once.
func (p *Puddle) meant(to []string) (sockets []uint32) {
	add := func(i uint32) {
		if !slices.Contains(sockets, i) {
			sockets = append(sockets, i)
		}
	}
	for _, name := range to {
		if id, err := schema.ParseSequenceID(name); err == nil {
			if i, here := p.find(id); here {
				add(i)
			}
			continue
		}
		for _, i := range p.clients[name] {
			add(i)
		}
	}
	return sockets
}

func (p *Puddle) named(i uint32, to []string) bool { return slices.Contains(p.meant(to), i) }

// direct gives a parcel to clients' own spaces, wherever they are.
func (p *Puddle) direct(one *parcel) *schema.Refusal {
	if len(one.message.Data) > p.settings.MessageBytes {
		return &schema.Refusal{Code: schema.TooLarge, Message: "the message is larger than the house takes"}
	}
	b := p.bondOf(one, bondDirect, 0)
	b.to = one.to
	if one.from != table.NoSocket {
		b.rooms = p.roomNames(one.from)
	}
	peers := p.linked
	if p.redo.has(table.NoRoom) {
		peers = 0
	}
	end, refused := p.commitNarrow(one, table.NoRoom, &b, peers)
	if refused != nil {
		return refused
	}
	here := p.directHere(p.lay(&one.message, b.head("", 0)), &b, one.from)
	p.account(one.receipt, end, peers, here)
	return nil
}

// directHere gives a direct message to the sockets here that it is for and
// that let its sender.
func (p *Puddle) directHere(l *laid, b *bond, from uint32) (reached int) {
	for _, i := range p.meant(b.to) {
		st := p.standing(i)
		if st == nil || i == from || st.main != table.NoSocket || !p.lets(i, b) {
			continue
		}
		hears := i
		if st.speaks == format.Raw {
			hears = st.sibling
		}
		if hears == table.NoSocket || !speaking(p.table.Sockets[hears].State) {
			continue
		}
		speaks := p.speaks(hears)
		if speaks == format.Raw {
			speaks = format.JSON // a sibling that types hears envelopes as text
		}
		if !p.redo.done(hears) {
			p.own(hears, l.frame(speaks), p.table.Sockets[hears].State, 0)
			p.table.Add(table.Deliveries, 1)
		}
		reached++
	}
	return reached
}

// lets tells whether a socket's client lets the sender of a direct message.
func (p *Puddle) lets(i uint32, b *bond) bool {
	who := p.identity(i)
	switch {
	case b.client != "" && b.client == who.Client:
		return true
	case who.Direct == schema.DirectNobody:
		return false
	case who.Direct == schema.DirectAuthenticated:
		return b.client != ""
	}
	for _, r := range p.roomsOf(i) {
		if slices.Contains(b.rooms, p.rooms[r].Name) {
			return true
		}
	}
	return false
}

// tellPresence tells a room's envelope sockets and siblings who comes or goes.
func (p *Puddle) tellPresence(i, n uint32, what string) {
	r := p.rooms[n]
	if !r.Rules.Presence {
		return
	}
	id := p.table.Sockets[i].ID
	text := event(what).text("room", r.Name).client("client", p.identity(i).Client).text("sequence", id.String())
	p.presenceHere(r, i, text)
	if r.Peers == 0 || p.redo.has(n) {
		return
	}
	b := bond{what: bondEvent, sequence: id}
	extra := b.append(nil)
	record := p.mustReserve(table.Narrow, len(extra), len(text))
	at := p.table.ReservedAt(record)
	copy(p.table.ExtraBytes(at, record), extra)
	copy(p.table.Bytes(at, record), text)
	record.Room, record.Peers = n, r.Peers
	p.commit(record)
}

func (p *Puddle) presenceHere(r *room.Room, but uint32, text says) {
	r.Each(func(member uint32) {
		if member != but {
			p.tell(member, slices.Clone(text))
		}
	})
}

// onRoomMessage takes a peer's message over: from here on it has happened here.
func (p *Puddle) onRoomMessage(from *peer, item *ipc.MeshItem, n uint32) error {
	r := p.rooms[n]
	b, err := readBond(item.Extra)
	if err != nil {
		return err
	}
	m := format.Message{Kind: kindOf(item.Op), Data: frameBody(item.Frame)}
	l := p.lay(&m, b.head(r.Name, r.Rules.Meta))
	sender := room.NoSender
	known := p.table.Peer(from.slot)
	if !p.redo.has(n) {
		record, _ := p.commitLaid(r, n, l, nil, func(record *table.Record) {
			record.Op = item.Op
			record.From, record.Heard = uint8(from.slot+1), item.Position
			if len(r.Wide()) > 0 {
				record.Heard = known.Heard // not before they have it
			}
		}, &sender)
		if record == nil {
			return errLogFull
		}
	}
	defer func() { known.Heard = item.Position }()
	here := p.toWide(r, n, l, table.NoSocket, true, spread{from.slot, b.sequence, b.number}) + p.seated(r)
	p.countFor(from, item, here)
	return nil
}

// onNarrow takes a peer's message over that is for some here.
func (p *Puddle) onNarrow(from *peer, item *ipc.MeshItem) error {
	b, err := readBond(item.Extra)
	if err != nil {
		return err
	}
	here := 0
	m := format.Message{Kind: kindOf(item.Op), Data: frameBody(item.Frame)}
	n, known := p.roomOfItem(from, item)
	switch {
	case b.what == bondDirect:
		here = p.directHere(p.lay(&m, b.head("", 0)), &b, table.NoSocket)
	case !known || p.rooms[n] == nil:
	case b.what == bondEvent:
		p.presenceHere(p.rooms[n], table.NoSocket, says(item.Frame))
	default:
		r := p.rooms[n]
		here = p.narrowHere(r, n, p.lay(&m, b.head(r.Name, r.Rules.Meta)), b.to, table.NoSocket, true)
	}
	p.countFor(from, item, here)
	return nil
}

// countFor notes how many a peer's message has reached, if it wants to know.
func (p *Puddle) countFor(from *peer, item *ipc.MeshItem, receivers int) {
	if item.Op&countedBit != 0 {
		from.counts = append(from.counts, countOf{item.Position, receivers})
	}
}
