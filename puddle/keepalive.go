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
	if p.frozen || p.succession.feed != nil {
		if p.now = coarseNow(); p.succession.feed != nil {
			p.fetchedAll()
		}
		return
	}
	p.table.Beat()
	if p.standsStill() {
		return
	}
	for now := coarseNow(); p.now < now; {
		p.now++
		p.turnWheel()
	}
	p.watchPeers()
	p.expire()
	p.forgetQuestions()
	p.serve()
	p.openDoors()
	p.measureOutboxes()
	p.endTick()
	if received := p.table.Count(table.Received); received == p.lastReceived {
		p.table.Tidy()
	} else {
		p.lastReceived = received
	}
	p.rest.Second(p.table.Head())
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
	if !speaking(s.State) {
		p.happen(i, overdue) // of the head, the closing
		return
	}
	silentAt, pingAt := s.Heard+seconds(p.settings.SilentAfter), s.Heard+seconds(p.settings.PingEvery)
	patience := p.patience(i)
	if p.waitsForDriver(i) { // it may say what it will, nobody reads it
		s.Heard = p.now
		silentAt, pingAt = never, s.Heard+seconds(p.settings.PingEvery)
	}
	switch {
	case p.now >= patience:
		p.impatient(i)
		return
	case p.now >= silentAt:
		p.happen(i, overdue)
		return
	case p.now >= pingAt && s.Flags&table.FlagPinged == 0:
		s.Flags |= table.FlagPinged
		p.happen(i, quiet)
		pingAt = silentAt
	case s.Flags&table.FlagPinged != 0:
		pingAt = silentAt
	}
	p.schedule(i, min(pingAt, patience))
}

// never is later than any second.
const never = ^uint32(0)

// patience is until when a socket must have said something: in a lobby a
// command, to a room that asks the answer.
func (p *Puddle) patience(i uint32) uint32 {
	st := p.standing(i)
	switch {
	case st == nil:
		return never
	case st.entry != nil && st.entry.asking && st.entry.proving:
		return p.now + answerTime
	case st.entry != nil && st.entry.asking:
		return st.entry.deadline
	case p.table.Sockets[i].State == schema.Lobby && st.main == table.NoSocket:
		return st.spoke + seconds(p.settings.LobbyTime)
	}
	return never
}

// impatient ends what a socket should have gone on with.
func (p *Puddle) impatient(i uint32) {
	st := p.standing(i)
	if e := st.entry; e != nil && p.table.Sockets[i].State == schema.InRoom {
		late := reject(408, schema.Unauthorized, "the answer to what the room asked came too late")
		if !p.abandon(e, &late) {
			p.tell(i, failure(schema.Enter.String(), &late.Refusal).text("room", e.name))
		}
		p.schedule(i, p.now+1)
		return
	}
	reason := "nothing was said in the lobby"
	if st.entry != nil {
		reason = "entry took too long"
	}
	p.happen(i, violated(schema.CloseEntryTime, reason))
}

func coarseNow() uint32 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return uint32(t.Sec)
}

// after is the second in which a time that begins now has passed in full: the
// clock of the wheel is up to a second behind.
func (p *Puddle) after(d time.Duration) uint32 { return p.now + 1 + seconds(d) }

// seconds rounds up.
func seconds(d time.Duration) uint32 { return uint32((d + time.Second - 1) / time.Second) }
