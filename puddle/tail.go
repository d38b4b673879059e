package puddle

import (
	"math/bits"

	"github.com/porthouse/porthouse/ipc/table"
)

// The log's tail: how it moves on, and what is set aside when it must.

// reserve makes a message's record, moving the log on if need be; nil if even
// that gave no room. A part of the log is kept free for what cannot wait.
func (p *Puddle) reserve(kind table.Kind, extra, frame int) *table.Record {
	size := p.table.LogBytes()
	if p.table.Used() > size-size/4 {
		p.press(p.table.Head())
	}
	if p.table.Used() > size-size/4 {
		return nil
	}
	return p.table.Reserve(kind, extra, frame)
}

// mustReserve makes a small record that cannot wait: a join, a leave, a pong.
func (p *Puddle) mustReserve(kind table.Kind, extra, frame int) *table.Record {
	record := p.table.Reserve(kind, extra, frame)
	if record == nil {
		p.press(p.table.Head())
		record = p.table.Reserve(kind, extra, frame)
	}
	if record == nil {
		// A quarter of the log was kept for this: what holds it is a defect.
		p.log.Error("the log is full of what cannot be set aside", "bytes", p.table.Used())
		panic("puddle: the log cannot move on")
	}
	return record
}

func (p *Puddle) commit(record *table.Record) (at, end uint64) {
	switch record.Kind {
	case table.Join, table.Stand, table.Leave, table.Gone, table.Hold, table.Release:
		p.news = true
	}
	at, end = p.table.Commit(record)
	for rest := record.Peers; rest != 0; rest &= rest - 1 {
		p.peers[bits.TrailingZeros64(rest)].mustHear(at, end, p.now)
	}
	return at, end
}

// moveLogOn lets go of what everybody has.
func (p *Puddle) moveLogOn() {
	used, size := p.table.Used(), p.table.LogBytes()
	if used == 0 {
		p.retire()
		return
	}
	if len(p.waiting) > 64 && used < size/8 {
		return // not worth a look at all of them
	}
	p.table.MoveOn(p.needed())
	if p.table.Used() > size/2 {
		p.press(p.table.Head() - size/4)
	}
	p.retire()
}

// needed is the oldest position that somebody has need of.
func (p *Puddle) needed() uint64 {
	least := min(p.table.Head(), p.table.FollowedTo())
	for _, peer := range p.peers {
		if peer != nil {
			least = min(least, peer.needs(p.table))
		}
	}
	for _, queue := range [...][]uint32{p.small, p.large} {
		for _, n := range queue {
			if at, ok := p.rooms[n].Oldest(); ok {
				least = min(least, at)
			}
		}
	}
	for _, i := range p.waiting {
		if at, ok := p.waitsFor(i); ok {
			least = min(least, at)
		}
	}
	return least
}

// waitsFor is the position of the first message that a waiting socket is owed.
func (p *Puddle) waitsFor(i uint32) (uint64, bool) {
	lane := p.lane(i)
	if lane == nil || p.table.Sockets[i].Flags&table.FlagWaiting == 0 {
		return 0, false
	}
	if rest := lane.From(p.hands[i].place); len(rest) > 0 {
		return rest[0].At, true
	}
	return 0, false
}

// press sets aside whoever has need of anything before position: large
// fan-outs are finished, slow sockets and slow peers get copies, and the
// registry will look at the sockets instead.
func (p *Puddle) press(position uint64) {
	for _, queue := range [...]*[]uint32{&p.small, &p.large} {
		if p.fanning {
			break // its batch must stay as it is
		}
		for _, n := range *queue {
			if at, ok := p.rooms[n].Oldest(); ok && at < position {
				p.serveRoom(n, 1<<30)
			}
		}
		p.dropServed(queue)
	}
	for _, i := range p.waiting {
		if at, ok := p.waitsFor(i); ok && at < position && !p.setAside(i) {
			p.failing = append(p.failing, i)
			p.hands[i].place = p.lane(i).Count()
		}
	}
	for _, peer := range p.peers {
		if peer != nil && peer.needs(p.table) < position {
			p.setPeerAside(peer)
		}
	}
	if p.table.FollowedTo() < position {
		p.leaveFollower()
	}
	p.table.MoveOn(p.needed())
}

func (p *Puddle) dropServed(queue *[]uint32) {
	kept := (*queue)[:0]
	for _, n := range *queue {
		if p.rooms[n].Queued {
			kept = append(kept, n)
		}
	}
	*queue = kept
}
