package puddle

import (
	"math/bits"
	"slices"
	"time"

	"github.com/mailru/easygo/netpoll"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
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
// the target. Until the target has told which it has, the sockets stand in both
// tables, and only the target writes to them. Should either die, the other asks, or is asked
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
