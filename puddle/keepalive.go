package puddle

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// wheel has a bucket a second; a socket is in the bucket of the second in
// which something may be due. Reads do not touch it: when the second comes,
// the socket is looked at and put further on.
type wheel struct{ buckets [wheelSize]uint32 }

const (
	wheelSize = 128
	none      = ^uint32(0)
)

func (w *wheel) clear() {
	for n := range w.buckets {
		w.buckets[n] = none
	}
}

// schedule puts the socket into the wheel, or moves it.
func (p *Puddle) schedule(i, due uint32) {
	p.unschedule(i)
	h := &p.hands[i]
	due = max(due, p.now+1)
	bucket := &p.wheel.buckets[due%wheelSize]
	h.due, h.prev, h.next = due, none, *bucket
	if h.next != none {
		p.hands[h.next].prev = i
	}
	*bucket = i
}

func (p *Puddle) unschedule(i uint32) {
	h := &p.hands[i]
	if h.due == 0 {
		return
	}
	if h.prev == none {
		p.wheel.buckets[h.due%wheelSize] = h.next
	} else {
		p.hands[h.prev].next = h.next
	}
	if h.next != none {
		p.hands[h.next].prev = h.prev
	}
	h.due, h.next, h.prev = 0, none, none
}

// onSecond is the one clock of the puddle.
func (p *Puddle) onSecond(clock int) {
	var b [8]byte
	unix.Read(clock, b[:])
	p.table.Beat()
	for now := coarseNow(); p.now < now; {
		p.now++
		p.turnWheel()
	}
	p.watchPeers()
	p.serve()
	p.openDoors()
	p.measureOutboxes()
	p.endTick()
	if received := p.table.Count(table.Received); received == p.lastReceived {
		p.table.Tidy()
	} else {
		p.lastReceived = received
	}
}

func (p *Puddle) turnWheel() {
	for i := p.wheel.buckets[p.now%wheelSize]; i != none; {
		next := p.hands[i].next
		if p.hands[i].due <= p.now {
			p.unschedule(i)
			p.onDue(i)
		}
		i = next
	}
}

// onDue asks what is due of a socket, and when to look again.
func (p *Puddle) onDue(i uint32) {
	s := &p.table.Sockets[i]
	if s.State != schema.InRoom {
		p.happen(i, overdue) // of the head, the entry, the closing
		return
	}
	silentAt, pingAt := s.Heard+seconds(p.settings.SilentAfter), s.Heard+seconds(p.settings.PingEvery)
	switch {
	case p.now >= silentAt:
		p.happen(i, overdue)
		return
	case p.now >= pingAt && s.Flags&table.FlagPinged == 0:
		s.Flags |= table.FlagPinged
		p.happen(i, quiet)
		p.schedule(i, silentAt)
	case s.Flags&table.FlagPinged != 0:
		p.schedule(i, silentAt)
	default:
		p.schedule(i, pingAt)
	}
}

func coarseNow() uint32 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return uint32(t.Sec)
}

// seconds rounds up.
func seconds(d time.Duration) uint32 { return uint32((d + time.Second - 1) / time.Second) }
