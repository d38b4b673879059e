package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"
)

// A voice is a socket of this process that sends.
type voice struct {
	socket int32
	burst  *burst
	room   int32
	due    int64 // the next message's intended time, CLOCK_MONOTONIC ns; fixed rate
	spoke  int64 // when the last burst was sent, CLOCK_MONOTONIC ns
	left   int   // messages until it falls silent
	waits  bool  // a burst is under way; closed loop
}

// traffic sends and hears messages. In a closed loop a sender's next burst
// follows once every other member of the room heard all of the last; at a
// fixed rate each sender has its times, whatever the server does.
type traffic struct {
	*process
	voices  []voice
	first   int // voices[0]'s place among all senders
	heard   []uint32
	forms   [][]form // by what sockets speak, and by room
	ready   []int32  // voices whose burst was heard by all
	far     []int32  // voices whose room is in several processes
	turns   []int32  // fixed rate: voices in the order of their times
	turn    int
	period  int64 // fixed rate: of one sender, ns
	limited bool

	slot       int    // the sender heard last
	slotHeard  uint64 // and how often since it was credited
	deliveries uint64 // since the last settle
}

func newTraffic(p *process) *traffic {
	senders, members := p.plan.Senders, p.plan.Members
	t := &traffic{
		process: p,
		heard:   make([]uint32, len(p.sockets)*senders),
		forms:   p.plan.forms(),
		slot:    -1,
	}
	t.first = p.low/members*senders + min(p.low%members, senders)
	said, bursts := p.plan.saidForms(), map[*form]*burst{}
	for i := range p.sockets {
		s := &p.sockets[i]
		if int(s.member) >= senders {
			continue
		}
		low := p.low + i - int(s.member)
		if low < p.low || low+members > p.low+len(p.sockets) {
			t.far = append(t.far, int32(len(t.voices)))
		}
		f := formOf(said, s)
		if bursts[f] == nil {
			bursts[f] = newBurst(p.plan.Burst, f, p.plan.Tag)
		}
		t.voices = append(t.voices, voice{socket: int32(i), room: s.room, burst: bursts[f]})
	}
	return t
}

// formOf is how messages stand in a socket's frames, of forms by what sockets
// speak and by room.
func formOf(all [][]form, s *socket) *form {
	forms := all[int(s.member)%len(all)]
	return &forms[int(s.room)%len(forms)]
}

// prepare readies the senders that the order means.
func (t *traffic) prepare(o order) {
	t.turns, t.turn, t.limited = t.turns[:0], 0, o.Limit > 0
	if t.plan.Rate > 0 {
		t.period = int64(1e9 / t.plan.Rate)
	}
	phase := rand.New(rand.NewPCG(uint64(t.index), 1))
	for i := range t.voices {
		v := &t.voices[i]
		if o.Room != everyRoom && int(v.room) != o.Room {
			continue
		}
		v.left, v.waits, v.due = o.Limit, false, o.Start
		if t.period > 0 {
			v.due += phase.Int64N(t.period)
		}
		t.turns = append(t.turns, int32(i))
	}
	slices.SortFunc(t.turns, func(a, b int32) int { return int(t.voices[a].due - t.voices[b].due) })
}

// tick sends what is due: at a fixed rate by each sender's times, in a closed
// loop each sender's first burst.
func (t *traffic) tick() {
	if t.period == 0 {
		for _, i := range t.turns {
			if !t.plan.Turns || int(i)%t.plan.Senders == 0 {
				t.speakNext(i)
			}
		}
		t.turns = t.turns[:0]
		return
	}
	for at := now(); len(t.turns) > 0; {
		v := &t.voices[t.turns[t.turn]]
		if v.due >= t.end {
			return
		}
		if v.due > at {
			if at = now(); v.due > at {
				t.setClock(v.due)
				return
			}
		}
		if v.due >= t.begin {
			t.late.add(at - v.due)
		}
		t.speak(t.turns[t.turn], v.due)
		v.due += t.period
		t.turn = (t.turn + 1) % len(t.turns)
	}
}

// speakNext sends a closed loop's next burst, while the order lasts.
func (t *traffic) speakNext(i int32) {
	v := &t.voices[i]
	at := now()
	if at >= t.end || t.limited && v.left == 0 {
		return
	}
	v.left--
	v.spoke, v.waits = at, true
	t.speak(i, at)
}

// speak sends one burst, meant for the time intended.
func (t *traffic) speak(i int32, intended int64) {
	v := &t.voices[i]
	s := &t.sockets[v.socket]
	count := uint64(t.plan.Burst)
	shared := &t.shared.senders[t.first+int(i)]
	number := shared.sent.Load()
	shared.sent.Store(number + count)
	shared.target.Add(count * uint64(t.plan.hearers()))
	t.mine.messages.Add(count)
	t.write(s, v.burst.stamp(message{intended, uint32(number), s.room, s.member}))
}

// hear counts one delivery, at being the time it was read.
func (t *traffic) hear(s *socket, f frame, at int64) {
	form := formOf(t.forms, s)
	m, ok := form.read(f.body, t.plan.Tag)
	if !ok || f.opcode != form.opcode || m.room != s.room || int(m.member) >= t.plan.Senders {
		if t.report.Foreign++; t.report.Stray == "" {
			t.report.Stray = fmt.Sprintf("member %d heard %.100q", s.member, f.body)
		}
		return
	}
	if m.member == s.member && !t.plan.Echoes {
		t.report.Echoed++
		return
	}
	expected := &t.heard[int(s.index)*t.plan.Senders+int(m.member)]
	switch {
	case m.number < *expected:
		t.report.Repeated++
		return
	case m.number > *expected:
		t.report.Missing += uint64(m.number - *expected)
	}
	*expected = m.number + 1
	t.deliveries++
	if slot := int(m.room)*t.plan.Senders + int(m.member); slot != t.slot {
		t.credit()
		t.slot = slot
	}
	t.slotHeard++
	if m.intended >= t.begin {
		t.latency.add(at - m.intended)
	}
}

// credit tells all processes how often the last sender was heard.
func (t *traffic) credit() {
	if t.slotHeard == 0 {
		return
	}
	shared := &t.shared.senders[t.slot]
	heard := shared.heard.Add(t.slotHeard)
	t.slotHeard = 0
	if t.period > 0 || heard != shared.target.Load() {
		return
	}
	if i := t.slot - t.first; i >= 0 && i < len(t.voices) {
		t.ready = append(t.ready, int32(i))
		return
	}
	t.wake(t.plan.owner(t.slot/t.plan.Senders*t.plan.Members + t.slot%t.plan.Senders))
}

// wake tells another process that a sender of its was heard by all.
func (t *traffic) wake(process int) {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(wakeDescriptors+process, one[:])
}

// woken looks for voices that were heard by all, the last of them elsewhere.
func (t *traffic) woken() {
	for _, i := range t.far {
		shared := &t.shared.senders[t.first+int(i)]
		if t.voices[i].waits && shared.heard.Load() == shared.target.Load() {
			t.ready = append(t.ready, i)
		}
	}
}

// settle ends a turn of the loop: it counts, and lets senders go on.
func (t *traffic) settle() {
	t.credit()
	if t.deliveries > 0 {
		t.mine.deliveries.Add(t.deliveries)
		t.mine.bytes.Add(t.deliveries * uint64(t.plan.Size))
		t.deliveries = 0
	}
	for _, i := range t.ready {
		v := &t.voices[i]
		if !v.waits {
			continue
		}
		v.waits = false
		if v.spoke >= t.begin {
			t.round.add(now() - v.spoke)
		}
		t.speakNext(t.after(i))
	}
	t.ready = t.ready[:0]
}

// after is the voice whose turn it is when i was heard by all: its own, or,
// if senders take turns, that of its room's next.
func (t *traffic) after(i int32) int32 {
	if !t.plan.Turns {
		return i
	}
	senders := int32(t.plan.Senders)
	return i - i%senders + (i+1)%senders
}

// missing is how many deliveries never came, beyond the gaps seen.
func (t *traffic) missing() uint64 {
	missing, senders := uint64(0), t.plan.Senders
	for i := range t.sockets {
		s := &t.sockets[i]
		for member := range senders {
			if member == int(s.member) && !t.plan.Echoes {
				continue
			}
			sent := t.shared.senders[int(s.room)*senders+member].sent.Load()
			missing += sent - uint64(t.heard[i*senders+member])
		}
	}
	return missing
}
