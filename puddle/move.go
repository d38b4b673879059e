package puddle

import (
	"math/bits"
	"slices"
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// How sockets move from one living puddle, the mover, to another, the target.
// It is a cut through all logs of the house (Chandy and Lamport, 1985):
//
//	target  holds the sockets' rooms, raises a fence to all, stands still
//	mover   at the target's fence raises its own to all, and stands still
//	peers   at both raise theirs, to mover and target
//	both    hear each peer up to its fence, and no further
//	mover   when all fences are there: sends what the sockets are, by the
//	        supervisor, who passes descriptors
//	target  when all fences are there: takes them in, tells the mover which
//	both    go on
//
// What was told before a fence the mover has delivered, what comes behind it
// the target will: each message once, in its order, whoever sent it. And what
// the sockets said at the mover has reached everybody before they say more at
// the target. Until the
// target has told which it has, the sockets stand in both tables, and only the
// target writes to them. Should either die, the other asks, or is asked
// (fenceAsk): what is in the target's table is there.

// move is the one that this puddle has a part in.
type move struct {
	number uint64
	other  int
	takes  bool   // sockets come here
	still  bool   // nothing happens here but what peers told before their fences
	waits  uint64 // peers whose fence has not come
	seen   uint64 // peers whose fence has come; one may overtake the target's own

	ask  *ipc.Move // of the mover
	cut  bool      // what they are is sent
	sent []uint32  // sockets on their way

	rooms       []uint32 // of the target: held open
	missing     int      // rooms that are asked for
	come        *ipc.Moving
	descriptors []int
}

const (
	moveTime  = 2 * time.Second        // until both stand still
	stillTime = 250 * time.Millisecond // then nothing has come of it
)

func (p *Puddle) standsStill() bool { return p.move != nil && p.move.still }

// beginMove has a part in a move. There is one at a time: one before it that
// is not cut has failed elsewhere.
func (p *Puddle) beginMove(number uint64, other int, takes bool) *move {
	m := p.move
	if m != nil && m.number == number && m.other == other && m.takes == takes && number != 0 {
		return m
	}
	if m != nil && m.number < number {
		p.refuseMove("another has begun")
	}
	why := ""
	switch {
	case p.move != nil:
		why = "what became of other sockets on their way is not known yet"
	case p.stopping:
		why = "the house stops"
	case p.peers[other] == nil || p.linked&(1<<other) == 0:
		why = "the two puddles are not linked"
	}
	if why != "" {
		p.say(ipc.FromPuddle{MoveDone: &ipc.MoveDone{Number: number, Failed: why}})
		return nil
	}
	p.move = &move{number: number, other: other, takes: takes}
	p.boundMove(moveTime)
	return p.move
}

// boundMove ends a move that makes no progress. Behind the cut the target is
// asked what has become of it.
func (p *Puddle) boundMove(within time.Duration) {
	number, still := p.move.number, p.move.still
	time.AfterFunc(within, func() {
		p.box.call(func() {
			switch m := p.move; {
			case m == nil || m.number != number || m.still != still:
			case !m.cut:
				p.refuseMove("it took too long")
			default:
				if to := p.peers[m.other]; to != nil && to.fd >= 0 {
					p.moveAsks(to)
				}
				p.boundMove(2 * within)
			}
		})
	})
}

// onMove is the supervisor's word to the mover.
func (p *Puddle) onMove(word *ipc.Move) {
	if m := p.beginMove(word.Number, word.To, false); m != nil {
		m.ask = word
		p.cutIfReady()
	}
}

// onExpect is the supervisor's word to the target: it must hear what is said
// in the sockets' rooms before they come.
func (p *Puddle) onExpect(word *ipc.Expect) {
	m := p.beginMove(word.Number, word.From, true)
	if m == nil {
		return
	}
	m.missing = 1
	for _, name := range word.Rooms {
		if r, held := p.byName[name]; held {
			p.keepOpen(m, r)
			continue
		}
		m.missing++
		p.ask(ipc.Question{Open: &ipc.AskOpen{Room: name}}, func(reply *ipc.Reply) { p.onOpenFor(m, name, reply) })
	}
	p.expectOne(m)
}

func (p *Puddle) onOpenFor(m *move, name string, reply *ipc.Reply) {
	if reply.Room == nil || reply.Refused != nil {
		p.expectOne(m) // who is in it stays
		return
	}
	if _, held := p.byName[name]; p.move != m && !held {
		p.questions.released = append(p.questions.released, ipc.Released{Room: name, Grant: reply.Room.Grant})
		return
	}
	if r, ok := p.hold(reply.Room); !ok {
		p.questions.released = append(p.questions.released, ipc.Released{Room: name, Grant: reply.Room.Grant})
	} else if p.move == m {
		p.keepOpen(m, r)
	}
	p.expectOne(m)
}

func (p *Puddle) keepOpen(m *move, r uint32) {
	p.rooms[r].Visitors++
	m.rooms = append(m.rooms, r)
}

// expectOne counts an answer; with the last the fence is raised, behind what
// tells the peers of the rooms.
func (p *Puddle) expectOne(m *move) {
	if m.missing--; m.missing > 0 || p.move != m {
		return
	}
	m.waits = p.linked
	p.raiseFence(fence{op: fenceStop, number: m.number, target: p.slot, mover: m.other}, p.linked)
	p.still(m)
}

// standStill is the target's fence at the mover.
func (p *Puddle) standStill(f fence) {
	m := p.beginMove(f.number, f.target, false)
	if m == nil {
		return
	}
	m.waits = p.linked &^ (1<<f.target | m.seen)
	p.raiseFence(fence{op: fenceStop, number: f.number, target: f.target, mover: p.slot}, p.linked)
	p.still(m)
	p.cutIfReady()
}

func (p *Puddle) still(m *move) {
	m.still = true
	p.closeDoors()
	p.poll.forget(p.poll.set)
	p.boundMove(stillTime)
}

// fenced notes that a peer's stream has come to its fence.
func (p *Puddle) fenced(from *peer, f fence) {
	m := p.move
	if m == nil && f.mover == p.slot {
		m = p.beginMove(f.number, f.target, false)
	}
	if m == nil || m.number != f.number {
		return // over
	}
	p.halt(from)
	m.seen |= 1 << from.slot
	m.waits &^= 1 << from.slot
	if m.takes {
		p.takeInIfReady()
	} else {
		p.cutIfReady()
	}
}

// cutIfReady sends the sockets off when everything before the fences is done.
func (p *Puddle) cutIfReady() {
	m := p.move
	if m == nil || m.takes || m.ask == nil || !m.still || m.waits != 0 || m.cut {
		return
	}
	m.cut = true
	load := &moveLoad{word: ipc.Moving{Number: m.number, From: p.slot, To: m.other}, room: ipc.FrameMost / 2}
	for _, id := range m.ask.Sequences[:min(len(m.ask.Sequences), ipc.MovedMost)] {
		if i, here := p.find(id); here {
			p.load(m, load, p.withSibling(i))
		}
	}
	p.say(ipc.FromPuddle{Moving: &load.word}, load.descriptors...)
}

// moveLoad is what goes in one move.
type moveLoad struct {
	word        ipc.Moving
	descriptors []int
	room        int // bytes that there is room for
}

// withSibling is a socket, and the one beside which alone it moves: a sibling
// is served where its main is.
func (p *Puddle) withSibling(i uint32) []uint32 {
	switch st := p.standing(i); {
	case st == nil:
	case st.main != table.NoSocket:
		return []uint32{i, st.main}
	case st.sibling != table.NoSocket:
		return []uint32{st.sibling, i}
	}
	return []uint32{i}
}

// load takes sockets along that move together, or none of them.
func (p *Puddle) load(m *move, load *moveLoad, together []uint32) {
	room := load.room
	for _, i := range together {
		room -= p.owed(i) + len(p.part0(&p.table.Sockets[i]))
		if !p.movable(i, m.ask.Rooms) {
			return
		}
	}
	if room < 0 || len(m.sent)+len(together) > ipc.MovedMost {
		return
	}
	sockets, descriptors := make([]ipc.Moved, 0, 2), make([]int, 0, 2)
	for _, i := range together {
		moved, ok := p.pack(i)
		fd, err := duplicate(p.table.Sockets[i].FD)
		if err == nil {
			descriptors = append(descriptors, fd)
		}
		if !ok || err != nil {
			closeAll(descriptors)
			return
		}
		sockets = append(sockets, moved)
	}
	for n, i := range together {
		load.room -= len(sockets[n].Part) + len(sockets[n].Owed) + len(sockets[n].Self)
		p.table.Sockets[i].Moves = uint8(m.other + 1)
		p.withhold(i)
	}
	m.sent = append(m.sent, together...)
	load.word.Sockets, load.descriptors = append(load.word.Sockets, sockets...), append(load.descriptors, descriptors...)
}

// movable tells whether a socket is in the middle of nothing, and in no room
// that the target does not know.
func (p *Puddle) movable(i uint32, rooms []string) bool {
	s, st := &p.table.Sockets[i], p.standing(i)
	switch s.State {
	case schema.Lobby, schema.Space, schema.InRoom:
	default:
		return false
	}
	if s.Moves != 0 || s.Flags&(table.FlagPaused|table.FlagBusy|table.FlagShut) != 0 || p.entries[i] != nil {
		return false
	}
	if _, greets := p.answers[i]; greets {
		return false
	}
	if st != nil && (st.entry != nil || st.order != nil || st.main != table.NoSocket && p.owed(i) > 0) {
		return false // a sibling is seated before its main, and must not be sent anything by then
	}
	for _, r := range p.receipts {
		if r.order != nil && r.order.speaker == i {
			return false
		}
	}
	for _, r := range p.roomsOf(i) {
		if !slices.Contains(rooms, p.rooms[r].Name) {
			return false
		}
	}
	return true
}

// pack is what the target must know of a socket.
func (p *Puddle) pack(i uint32) (ipc.Moved, bool) {
	if !p.setAside(i) {
		return ipc.Moved{}, false
	}
	s, h, st := &p.table.Sockets[i], &p.hands[i], p.standing(i)
	held, _ := p.table.SpanBytes(s.Spill)
	var owed []byte
	if len(held) > 0 {
		owed = slices.Clone(held[h.done:])
	}
	moved := ipc.Moved{
		ID: s.ID, State: s.State, In: s.In, Ctl: s.Ctl, Sent: p.table.StreamLength(s) - uint64(len(owed)),
		Part: slices.Clone(p.part0(s)), Owed: owed, Heard: s.Heard, Since: s.Since, Addr: s.Addr, Port: s.Port, Agreed: s.Agreed,
	}
	if st == nil {
		for _, r := range p.roomsOf(i) {
			moved.Rooms = append(moved.Rooms, ipc.MovedRoom{Name: p.rooms[r].Name})
		}
		return moved, true
	}
	for n := range st.rooms {
		m := &st.rooms[n]
		moved.Rooms = append(moved.Rooms, ipc.MovedRoom{Name: p.rooms[m.room].Name, Bucket: m.bucket.State(), Over: m.over.State(), Driven: m.driven.self()})
	}
	self := p.selfOf(st)
	self.Rooms = nil
	moved.Self = ipc.Encode(self)
	return moved, true
}

// onMoving brings the target what the mover has sent.
func (p *Puddle) onMoving(word *ipc.Moving, descriptors []int) {
	m := p.move
	if m == nil || !m.takes || m.number != word.Number || len(descriptors) != len(word.Sockets) {
		closeAll(descriptors) // the mover knows, unless a successor of who expected them is asked
		p.raiseFence(fence{op: fenceDone, number: word.Number, target: p.slot, mover: word.From}, 1<<word.From)
		return
	}
	m.come, m.descriptors = word, descriptors
	p.takeInIfReady()
}

// takeInIfReady takes the sockets in when everything before the fences is done.
func (p *Puddle) takeInIfReady() {
	m := p.move
	if m.come == nil || m.waits != 0 || !m.still {
		return
	}
	var ids []schema.SequenceID
	entries, selves := p.enrolAllMoved()
	p.tellKeeperAll() // before anybody is answered
	p.standMoved(entries, selves)
	for n, i := range entries {
		if i != table.NoSocket {
			p.seatMoved(i, &m.come.Sockets[n], selves[n])
			ids = append(ids, m.come.Sockets[n].ID)
		}
	}
	p.settleSiblings(entries, selves)
	m.descriptors = nil
	p.raiseFence(fence{op: fenceDone, number: m.number, target: p.slot, mover: m.other, ids: ids}, 1<<m.other)
	for n, i := range entries {
		if i != table.NoSocket && p.table.Sockets[i].ID == m.come.Sockets[n].ID {
			p.watchMoved(i)
		}
	}
	p.endMove()
}

// enrolAllMoved gives the sockets that come their entries. A sibling is right
// before its main: where there is no room for either, both stay.
func (p *Puddle) enrolAllMoved() ([]uint32, []*ipc.Self) {
	come := p.move.come.Sockets
	entries, selves := make([]uint32, len(come)), make([]*ipc.Self, len(come))
	for n := range come {
		entries[n], selves[n] = p.enrolMoved(&come[n], p.move.descriptors[n]), &ipc.Self{}
		if len(come[n].Self) > 0 && ipc.Decode(come[n].Self, selves[n]) != nil {
			p.log.Error("what a socket was cannot be read", "sequence", come[n].ID.String())
			selves[n] = &ipc.Self{}
		}
	}
	for n := range come {
		if selves[n].Main == 0 || n+1 == len(come) || entries[n] != table.NoSocket && entries[n+1] != table.NoSocket {
			continue
		}
		for _, at := range []int{n, n + 1} {
			if entries[at] != table.NoSocket {
				p.turnAway(entries[at])
				entries[at] = table.NoSocket
			}
		}
	}
	return entries, selves
}

// turnAway leaves a socket that has an entry, and no more yet, to its mover.
func (p *Puddle) turnAway(i uint32) {
	s := &p.table.Sockets[i]
	p.unkeep(i)
	delete(p.guests, s.ID)
	unix.Close(int(s.FD))
	p.table.FreeSocket(i)
	p.hands[i] = hand{next: none, prev: none}
	p.live--
}

// enrolMoved gives a socket that comes its entry. Until it is settled in, a
// successor of this process leaves it to the mover.
func (p *Puddle) enrolMoved(moved *ipc.Moved, fd int) uint32 {
	i, ok := p.table.TakeSocket()
	if !ok {
		unix.Close(fd)
		return table.NoSocket
	}
	p.makeHand(i)
	s := &p.table.Sockets[i]
	*s = table.Socket{
		FD: int32(fd), State: schema.Handshake, Room: table.NoRoom, Heard: moved.Heard, Moves: table.Arriving,
		Since: moved.Since, Addr: moved.Addr, Port: moved.Port, In: moved.In, Ctl: moved.Ctl, Base: moved.Sent, Agreed: moved.Agreed,
	}
	if len(moved.Part) > 0 && !p.table.Grow(&s.Part, 0, s.In, moved.Part) {
		p.table.FreeSocket(i)
		unix.Close(fd)
		return table.NoSocket
	}
	s.ID = moved.ID
	p.live++
	p.host(i)
	p.keep(i)
	return i
}

// host notes a sequence whose id names another entry than its own.
func (p *Puddle) host(i uint32) {
	if id := p.table.Sockets[i].ID; uint32(id&entryMask) != i {
		p.guests[id] = i
	}
}

// standMoved gives sockets the standings that they had.
func (p *Puddle) standMoved(entries []uint32, selves []*ipc.Self) {
	for n, i := range entries {
		if i != table.NoSocket && len(p.move.come.Sockets[n].Self) > 0 {
			p.standAs(i, selves[n])
		}
	}
	for n, i := range entries {
		if i == table.NoSocket || selves[n].Main == 0 {
			continue
		}
		if main, here := p.find(selves[n].Main); here {
			p.standings[i].main, p.stands(main).sibling = main, i
		}
	}
}

// settleSiblings ends the way of siblings, whose mains are seated by now.
func (p *Puddle) settleSiblings(entries []uint32, selves []*ipc.Self) {
	for n, i := range entries {
		if i != table.NoSocket && selves[n].Main != 0 {
			p.table.Sockets[i].Moves = 0
		}
	}
}

// seatMoved seats a socket where it sat. It is with this puddle from its first
// record on, a sibling from that of its main.
func (p *Puddle) seatMoved(i uint32, moved *ipc.Moved, self *ipc.Self) {
	p.table.Add(table.StateGauge+table.Counter(moved.State), 1)
	if moved.State == schema.InRoom {
		p.noteAhead(i, self, moved)
		p.sitAgain(i, moved)
	} else {
		p.answers[i] = greeting{bytes: moved.Owed}
		p.stand(i, moved.State)
	}
	if self.Main == 0 {
		p.table.Sockets[i].Moves = 0
	}
}

// noteAhead puts all rooms of a socket in the table: from the first seat on it
// is with this puddle, in every one of them, whenever this process dies.
func (p *Puddle) noteAhead(i uint32, self *ipc.Self, moved *ipc.Moved) {
	if p.standing(i) == nil {
		return
	}
	for _, was := range moved.Rooms {
		if r, held := p.byName[was.Name]; held {
			self.Rooms = append(self.Rooms, ipc.SelfRoom{Room: r, Ref: p.table.Rooms[r].Ref, Bucket: was.Bucket, Over: was.Over, Driven: was.Driven})
		}
	}
	if !p.table.SetSpan(&p.table.Sockets[i].Self, ipc.Encode(self)) {
		p.log.Error("no memory for what a socket's successor must know", "sequence", moved.ID.String())
	}
}

func (p *Puddle) sitAgain(i uint32, moved *ipc.Moved) {
	owed := moved.Owed
	anonymous := 0
	if p.anonymous(i) {
		anonymous = 1
	}
	for n := range moved.Rooms {
		was := &moved.Rooms[n]
		r, held := p.byName[was.Name]
		if !held {
			p.log.Error("a socket has come whose room is not held", "sequence", moved.ID.String(), "room", was.Name)
			continue
		}
		deaf := p.standing(i) != nil && !room.MayHear(&room.Asker{Scope: p.identity(i).Rooms.Of(was.Name)})
		if len(moved.Rooms) == 1 && !deaf {
			p.sitInLane(i, r, owed, 0)
		} else {
			p.sitWide(i, r, deaf, owed, 0)
		}
		if m := p.standing(i).in(r); m != nil {
			m.bucket, m.over, m.driven = room.BucketOf(was.Bucket), room.OverrunOf(was.Over), drivenOf(was.Driven)
		}
		p.count(r, 1, anonymous)
		p.respond(i, owed)
		owed = nil
	}
	if st := p.standing(i); st != nil {
		st.piped = st.speaks == format.Raw
		p.note(i)
	}
}

// watchMoved serves a socket from here on. The rules may have changed on its
// way.
func (p *Puddle) watchMoved(i uint32) {
	s := &p.table.Sockets[i]
	id := s.ID
	if err := p.poll.addSocket(s.FD, i, uint64(id), p.events(i)); err != nil {
		p.log.Warn("a socket cannot be watched", "error", err)
		p.happen(i, ended)
		return
	}
	s.Flags |= table.FlagWatched
	p.cameCall(i)
	p.schedule(i, p.now+1)
	for _, r := range p.roomsOf(i) {
		asker := p.before(i, &p.rooms[r].Facts, room.OnSocket)
		if v := room.MayEnter(&p.rooms[r].Rules, &asker, room.Present{}); !v.Granted() && s.ID == id {
			p.expel(i, r, schema.CloseDenied, "denied", v.Refusal().Message)
		}
	}
}

// moveEnds is the target's word of who is with it. The others are served here
// as before.
func (p *Puddle) moveEnds(f fence) {
	m := p.move
	if m == nil || m.takes || m.number != f.number || m.other != f.target {
		return
	}
	var moved []schema.SequenceID
	var gone []uint32
	for _, i := range m.sent {
		s := &p.table.Sockets[i]
		switch {
		case s.ID == 0 || s.Moves == 0:
		case slices.Contains(f.ids, s.ID):
			moved, gone = append(moved, s.ID), append(gone, i)
			p.unkeep(i)
		default:
			p.stay(i)
		}
	}
	p.tellKeeperAll() // first: a descriptor that the table has no entry of is shut down by a successor
	p.separate(gone)
	for _, i := range gone {
		p.partFrom(i)
	}
	p.say(ipc.FromPuddle{MoveDone: &ipc.MoveDone{Number: m.number, Moved: moved}})
	p.endMove()
}

// separate parts siblings from their mains where both are gone, so that the end
// of one here is none of the other.
func (p *Puddle) separate(gone []uint32) {
	for _, i := range gone {
		if st := p.standing(i); st != nil && slices.Contains(gone, st.main) {
			p.standing(st.main).sibling, st.main = table.NoSocket, table.NoSocket
		}
	}
}

// withhold sends a socket on its way nothing: what it is owed waits, in the
// log and in its Spill.
func (p *Puddle) withhold(i uint32) {
	if lane := p.lane(i); lane != nil && p.table.Sockets[i].Flags&table.FlagExplicit == 0 {
		p.makeExplicit(i)
	}
	p.table.Sockets[i].Flags |= table.FlagExplicit | table.FlagWaiting
	p.waiting = append(p.waiting, i)
}

// stay serves a socket again that was on its way.
func (p *Puddle) stay(i uint32) {
	s := &p.table.Sockets[i]
	s.Moves = 0
	s.Flags &^= table.FlagWaiting
	p.owe(i)
	p.schedule(i, p.now+1)
	p.readOn(i, table.FlagPaused)
}

// partFrom forgets a socket that another puddle serves.
func (p *Puddle) partFrom(i uint32) {
	s, st := &p.table.Sockets[i], p.standing(i)
	anonymous := 0
	if p.anonymous(i) {
		anonymous = -1
	}
	rooms := p.roomsOf(i)
	for _, r := range rooms {
		if s.Room == r {
			p.unseat(i)
		} else {
			p.unseatWide(r, st.in(r).seat)
		}
		p.count(r, -1, anonymous)
	}
	s.Flags &^= table.FlagWaiting
	delete(p.guests, s.ID)
	unix.Close(p.partWith(i))
	for _, r := range rooms {
		p.closeIfEmpty(r)
	}
}

// refuseMove gives a move up that is not past its point of no return.
func (p *Puddle) refuseMove(why string) {
	m := p.move
	if m == nil || m.cut {
		return
	}
	if m.takes && m.still {
		p.raiseFence(fence{op: fenceDone, number: m.number, target: p.slot, mover: m.other}, 1<<m.other)
	}
	closeAll(m.descriptors)
	p.say(ipc.FromPuddle{MoveDone: &ipc.MoveDone{Number: m.number, Failed: why}})
	p.endMove()
}

// endMove goes on with everything.
func (p *Puddle) endMove() {
	m := p.move
	p.move = nil
	for _, r := range m.rooms {
		p.rooms[r].Visitors--
		p.closeIfEmpty(r)
	}
	if m.still {
		if err := p.poll.watch(p.poll.set, readable, func(netpoll.EpollEvent) { p.onSockets() }); err != nil {
			p.log.Error("cannot watch the sockets", "error", err)
		}
		p.openDoors()
	}
	p.box.call(func() { // not within what a peer tells
		p.hearOn(m)
		p.doDelayed()
	})
}

// delayed is what came while this puddle stood still.
type delayed struct {
	words []heardWord
	hits  []*hit
}

// doDelayed takes up what waits; what comes before it has waits behind it. Where
// the next move stands still already, it waits for that.
func (p *Puddle) doDelayed() {
	late := p.delayed
	p.delayed = delayed{}
	for _, heard := range late.words {
		p.onWord(heard.word, heard.descriptors)
	}
	for _, h := range late.hits {
		p.onHit(h)
	}
}

// moveBroken: the link with a peer has ended.
func (p *Puddle) moveBroken(from *peer) {
	from.halted = nil
	if p.standsStill() {
		p.refuseMove("a link between puddles broke")
	}
}

// moveParted: a peer is dead, with all that it had.
func (p *Puddle) moveParted(slot int) {
	if m := p.move; m != nil && m.cut && m.other == slot {
		p.moveEnds(fence{number: m.number, target: slot})
	}
}

// moveAsks finds out, over a fresh link, what has become of sockets on their way.
func (p *Puddle) moveAsks(to *peer) {
	m := p.move
	if m == nil || !m.cut || m.other != to.slot {
		return
	}
	f := fence{op: fenceAsk, number: m.number, target: to.slot, mover: p.slot}
	for _, i := range m.sent {
		if s := &p.table.Sockets[i]; s.ID != 0 && s.Moves != 0 {
			f.ids = append(f.ids, s.ID)
		}
	}
	p.raiseFence(f, 1<<to.slot)
}

// takeMoves finds, in a table that is taken over, the sockets on their way.
func (p *Puddle) takeMoves() {
	var sent []uint32
	var targets uint64
	for i := range p.table.SocketsTaken() {
		if s := &p.table.Sockets[i]; s.ID != 0 && s.Moves != 0 {
			sent = append(sent, i)
			targets |= 1 << (s.Moves - 1)
		}
	}
	if targets == 0 {
		return
	}
	target := bits.TrailingZeros64(targets)
	p.move = &move{other: target, cut: true, sent: sent}
	if p.peers[target] == nil {
		p.moveParted(target)
	}
}
