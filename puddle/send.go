package puddle

import (
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/driver"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// parcel is a message on its way: who sends it, what it is, whom it is for.
type parcel struct {
	from    uint32 // or NoSocket: a single hit
	who     schema.Identity
	id      schema.SequenceID
	message format.Message
	to      []string
	settles uint64 // the sender's inbound offset behind it; 0: nothing yet
	spread  bool   // it goes through several rooms
	number  uint64 // then
	receipt *receipt

	// For a driver that has the message alone.
	owned  bool // message.Data is nobody else's
	file   string
	order  *order               // what is settled by the answer; nil of a single hit
	answer func(*driver.Answer) // of a single hit
}

// publish gives what a member says to its room.
func (p *Puddle) publish(i uint32, m *message) taking {
	s, st := &p.table.Sockets[i], p.standing(i)
	if s.Room != table.NoRoom && (st == nil || st.speaks == format.Raw && st.who == nil) {
		if r := p.rooms[s.Room]; r.Easy && p.asItCame(r, m.size) {
			return p.pass(i, r, m)
		}
	}
	p.table.Do(table.Source{Socket: i}, s.In)
	defer p.table.Done()
	p.beginRedo(table.Source{Socket: i})
	defer p.endRedo()
	if st != nil && st.speaks != format.Raw {
		return p.envelope(i, m, p.payload(m))
	}
	return p.publishRaw(i, m)
}

// asItCame tells whether a room's members hear a message of so many bytes in
// one raw frame, the same for all.
func (p *Puddle) asItCame(r *room.Room, size int) bool {
	return r.OnlyRaw() && !(r.Compressed() && p.deflate.worth(size))
}

// publishRaw judges what a raw member says and gives it to each of its rooms;
// drivers have it last, and settle it if nobody else was to have it.
func (p *Puddle) publishRaw(i uint32, m *message) taking {
	s := &p.table.Sockets[i]
	rooms, driven := p.roomsOf(i), []uint32(nil)
	if slices.ContainsFunc(rooms, p.withDriver) {
		if p.fullOfAnswers(i) {
			return notYet
		}
		rooms, driven = p.apart(rooms)
	}
	input := p.payload(m)
	one := &p.parcel
	*one = parcel{from: i, who: p.identity(i), id: s.ID, message: format.Message{Kind: format.Bytes, Data: input}}
	if m.op == ws.OpText {
		if one.message.Kind = format.Text; !m.isText(input) {
			return notText
		}
	}
	if !p.roomInLog(rooms, len(input)) {
		return notYet
	}
	end := s.In + uint64(len(m.frames))
	var o *order
	if len(driven) > 0 {
		o = p.order(i, m)
	}
	one.spread, one.number = len(rooms) > 1, end
	verdict := taken
	for n, r := range append(rooms, driven...) {
		if n == len(rooms)-1 {
			one.settles = end
		}
		if n >= len(rooms) {
			one.order, one.owned = o, len(driven) == 1 && len(input) > inboundKept
		}
		if refused, worse := p.deliverTo(one, r); refused != nil {
			p.table.Add(table.RefusedRow(string(refused.Code)), 1)
			p.tell(i, failure("send", refused).text("room", p.rooms[r].Name))
			if worse != taken {
				verdict = worse
			}
		}
	}
	waits := o != nil && o.errands > 0
	if !waits || len(rooms) > 0 {
		s.In = max(s.In, end)
	}
	if waits {
		p.wait(o)
	}
	return verdict
}

// apart are the rooms that hear what is said in them, and those whose driver
// does.
func (p *Puddle) apart(rooms []uint32) (heard, driven []uint32) {
	for _, r := range rooms {
		if p.withDriver(r) {
			driven = append(driven, r)
		} else {
			heard = append(heard, r)
		}
	}
	return heard, driven
}

// roomInLog tells whether a message can go to all those rooms now: the log
// has room, and no peer that is in them owes too much.
func (p *Puddle) roomInLog(rooms []uint32, size int) bool {
	for _, r := range rooms {
		if p.rooms[r].Peers&p.congested != 0 {
			return false
		}
	}
	need := uint64(len(rooms)) * uint64(3*size+logOverhead)
	free := func() bool { return p.table.Used()+need <= p.table.LogBytes()*3/4 }
	if !free() {
		p.press(p.table.Head())
	}
	return free() || p.table.Used() == 0
}

// logOverhead is more than a record and its frames need beside the message
// itself, bytes.
const logOverhead = 4 << 10

// sendEnvelope sends what an envelope says: to a room, or directly.
func (p *Puddle) sendEnvelope(o *order, send *format.Send) taking {
	o.command.Ref, o.command.Do = send.Ref, "send"
	r, refused := p.roomOf(o.subject, send)
	if refused != nil {
		p.fail(o, refused)
		return taken
	}
	rooms := []uint32{r}
	if r == table.NoRoom {
		rooms = nil
	}
	driven := r != table.NoRoom && p.withDriver(r)
	if driven && p.fullOfAnswers(o.speaker) || !driven && !p.roomInLog(rooms, len(send.Message.Data)) {
		return notYet
	}
	one := &parcel{from: o.subject, who: p.identity(o.subject), id: o.of, message: send.Message, to: send.To, settles: o.end}
	if o.speaker != o.subject {
		one.settles = 0
	}
	if driven {
		one.order = o
	}
	if send.Ref != "" || send.Key != "" {
		one.receipt = p.receiptFor(o, send)
	}
	if send.Key == "" {
		p.dispatch(o, one, r)
		return taken
	}
	p.claim(o, one, r, send.Key)
	return taken
}

// roomOf is the room that an envelope means; NoRoom if it is direct.
func (p *Puddle) roomOf(i uint32, send *format.Send) (uint32, *schema.Refusal) {
	rooms := p.roomsOf(i)
	switch {
	case send.Room != "":
		name, refused := p.resolveName(i, send.Room)
		if refused != nil {
			return 0, refused
		}
		if r, held := p.byName[name]; held && slices.Contains(rooms, r) {
			return r, nil
		}
		return 0, &schema.Refusal{Code: schema.Denied, Message: "this socket is not in that room: JOIN it first"}
	case len(send.To) > 0:
		return table.NoRoom, nil
	case len(rooms) == 1:
		return rooms[0], nil
	case len(rooms) == 0:
		return 0, &schema.Refusal{Code: schema.Denied, Message: "this socket is in no room: JOIN one, or say to whom with \"to\""}
	}
	return 0, &schema.Refusal{Code: schema.Malformed, Message: "room: this socket is in several, say which"}
}

// dispatch sends a parcel to its room, or directly, and finishes the order.
func (p *Puddle) dispatch(o *order, one *parcel, r uint32) {
	if o.waits {
		source := table.Source{Socket: o.speaker}
		p.table.Do(source, p.table.Sockets[o.speaker].In)
		defer p.table.Done()
		p.beginRedo(source)
		defer p.endRedo()
	}
	var refused *schema.Refusal
	if r == table.NoRoom {
		refused = p.direct(one)
	} else {
		refused, _ = p.deliverTo(one, r)
	}
	switch {
	case refused != nil:
		p.unclaim(one.receipt, func() { p.fail(o, refused) })
	case o.errands == 0:
		p.settle(o)
	case !o.waits:
		p.wait(o)
	}
}

// claim sends a message whose key was not used in the last two minutes.
func (p *Puddle) claim(o *order, one *parcel, r uint32, key string) {
	one.message.Data, one.message.JSON = slices.Clone(one.message.Data), slices.Clone(one.message.JSON)
	receipt := one.receipt
	name := ""
	if r != table.NoRoom {
		name = p.rooms[r].Name
	}
	sender := one.who.Client
	if sender == "" {
		sender = one.id.String()
	}
	p.wait(o)
	p.ask(ipc.Question{Claim: &ipc.AskClaim{Sender: sender, Key: key, ID: receipt.messageID}}, func(reply *ipc.Reply) {
		if reply.Claim != nil && reply.Claim.First {
			receipt.claim = &ipc.Claimed{Sender: sender, Key: key}
		}
		switch {
		case !p.alive(o):
			p.unclaim(receipt, func() { p.settle(o) })
		case reply.Refused != nil || reply.Claim == nil:
			p.fail(o, reply.Refused)
		case !reply.Claim.First:
			if receipt.ref != "" {
				p.reply(o, sent(reply.Claim.ID, reply.Claim.Receivers))
			}
			p.settle(o)
		case r != table.NoRoom && !p.isIn(o.subject, name):
			left := &schema.Refusal{Code: schema.Denied, Message: "this socket is not in that room any more"}
			p.unclaim(receipt, func() { p.fail(o, left) })
		case r != table.NoRoom:
			p.dispatch(o, one, p.byName[name]) // it may have another entry by now
		default:
			p.dispatch(o, one, r)
		}
	})
}

func sent(id string, receivers int) says {
	return ok("send").text("id", id).number("receivers", receivers)
}

// deliverTo has a room's rules judge a parcel, and gives it to its members, its
// driver or both. worse tells what becomes of a raw socket that sent it.
func (p *Puddle) deliverTo(one *parcel, r uint32) (refused *schema.Refusal, worse taking) {
	if refused, worse = p.judgeSend(one, r); refused != nil {
		return refused, worse
	}
	if p.withDriver(r) {
		p.askDriver(one, r)
		return nil, taken
	}
	again := p.redo.has(r)
	if refused = p.deliverByReach(one, r); refused == nil && !again && p.rooms[r].Rules.Driver.Hooked() {
		p.hook(one, r)
	}
	return refused, taken
}

// deliverByReach sends a parcel as far as its room's rule "to" lets it.
func (p *Puddle) deliverByReach(one *parcel, r uint32) *schema.Refusal {
	facts := &p.rooms[r].Facts
	switch room.ReachOf(facts.Rules.To, len(one.to) > 0) {
	case room.ReachAll:
		one.to = nil
		return p.toAll(one, r)
	case room.ReachOwner:
		one.to = nil
		if facts.Owner != "" {
			one.to = append(one.to, facts.Owner)
		}
		if facts.Maker != 0 {
			one.to = append(one.to, facts.Maker.String())
		}
	case room.ReachSender:
		one.to = []string{one.id.String()}
	}
	return p.toSome(one, r)
}

// judgeSend: who may send, how much, how fast, in which format.
func (p *Puddle) judgeSend(one *parcel, r uint32) (*schema.Refusal, taking) {
	facts := &p.rooms[r].Facts
	rules := &facts.Rules
	if one.from != table.NoSocket {
		asker := p.before(one.from, facts, room.OnSocket)
		if v := room.MaySend(rules, &asker); !v.Granted() {
			return v.Refusal(), taken
		}
	}
	if len(one.message.Data) > p.sizeMost(rules) {
		return &schema.Refusal{Code: schema.TooLarge, Message: "the message is larger than this room takes"}, tooLarge
	}
	if one.from != table.NoSocket && rules.Rate.Limits() {
		p.stands(one.from).stale = true
		member, now := p.stands(one.from).in(r), p.milliseconds()
		if !member.bucket.Take(rules.Rate, rules.BurstOr(), now) {
			worse := taken
			if member.over.Refused(now) {
				worse = overRate
			}
			return &schema.Refusal{Code: schema.Rate, Message: "over the room's rate: send more slowly"}, worse
		}
	}
	converted, refused := format.Convert(rules.Format, one.message)
	if refused != nil {
		return refused, taken
	}
	one.message = converted
	return nil, taken
}

// sizeMost is the largest message that a room takes, bytes: what its rule
// says, within the house's limit and what the log can carry. What a driver has
// alone goes through no log.
func (p *Puddle) sizeMost(rules *schema.Rules) int {
	if rules.Driver.Alone() {
		return rules.Size
	}
	return min(rules.Size, p.settings.MessageBytes, int(p.table.LogBytes()/16))
}

// messageMost is how much a frame may declare, bytes: the largest size of the
// socket's rooms, and for an envelope what stands around it.
func (p *Puddle) messageMost(i uint32) int {
	st := p.standing(i)
	if st == nil {
		if s := &p.table.Sockets[i]; s.Room != table.NoRoom {
			return p.sizeMost(&p.rooms[s.Room].Rules)
		}
		return min(schema.CommandMost, int(p.table.LogBytes()/16))
	}
	size := 0
	for n := range st.rooms {
		size = max(size, p.sizeMost(&p.rooms[st.rooms[n].room].Rules))
	}
	switch {
	case st.speaks != format.Raw:
		return max(min(schema.CommandMost, int(p.table.LogBytes()/16)), 2*size+envelopeMost)
	case st.piped && len(st.rooms) > 0:
		return size
	}
	return min(schema.CommandMost, int(p.table.LogBytes()/16))
}

// envelopeMost is what may stand around a message in its envelope, bytes.
const envelopeMost = 64 << 10

// milliseconds is the monotonic clock that all processes of the machine share.
func (p *Puddle) milliseconds() int64 { return p.epoch + time.Since(p.begun).Milliseconds() + 1 }
