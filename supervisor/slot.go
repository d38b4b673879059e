package supervisor

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// slot is a place in the house and who serves it. The table and its poke
// outlive each process.
type slot struct {
	number  int
	table   *table.Table
	poke    *os.File      // an eventfd: there are news in the log
	pokeFD  int           // the same; File.Fd would make it block
	deaf    chan struct{} // closed when nobody listens for pokes any more
	process *process      // nil where there is none

	state    state
	since    time.Time // in that state
	timer    time.Time // when it is due or overdue; zero: never
	failures int       // in a row
	killed   bool      // by this supervisor
	beenUp   bool      // it was ready once
	upSince  time.Time // when its process became ready; zero: it has not
	blame    blame     // for its failures
	complain bool      // that it fails was logged as lasting
	reason   string    // of its last end

	warden  *warden        // nil: there is no keeper
	link    int            // the keeper's end of the link of a process that adopts; -1: none
	orphans bool           // sockets wait in the table for a process
	endedAt time.Time      // when the last process ended
	planned *handover      // by which its process came, until it serves
	old     *process       // that process's predecessor, until it has frozen
	former  []*process     // that were replaced and have not ended yet
	missed  []ipc.ToPuddle // words while there was no process

	retires    bool      // it takes no new connections, and ends when it is empty
	emptySince time.Time // of one that retires

	inherited bool            // from another supervisor, and not all is known
	has       map[string]bool // rooms, while its puddle tells them
	recount   *recount        // nil: all its news were heard

	beat  uint64 // heartbeat, when last looked at
	still int    // how many looks ago it moved
}

// happen is the whole life of a slot: look up, move, act.
func (s *supervisor) happen(slot *slot, e event) {
	from, step := slot.state, policy[slot.state][e]
	if step.next != from {
		slot.state, slot.since, slot.timer = step.next, time.Now(), s.limitOf(step.next)
		s.log.Debug("slot", "puddle", slot.number, "event", e.String(), "from", from.String(), "to", step.next.String())
	}
	switch step.do {
	case launch:
		s.launch(slot)
	case introduce:
		s.introduce(slot)
	case announce:
		s.announce(slot)
	case kill:
		s.kill(slot)
	case bury:
		s.bury(slot)
	case dismiss:
		s.say(slot, ipc.ToPuddle{Stop: &ipc.Stop{Drain: int64(s.drain)}})
	case clearUp:
		s.clearUp(slot)
	}
	if step.next != from || step.do == launch {
		s.noteSlot(slot)
	}
}

// limitOf is when a state that begins now is due or overdue.
func (s *supervisor) limitOf(st state) time.Time {
	switch now := time.Now(); st {
	case starting:
		return now.Add(startTime)
	case linking:
		return now.Add(linkTime + s.config.Settings.PeerTime)
	case ending:
		return now.Add(killTime)
	case stopping:
		return now.Add(s.drain + time.Second)
	}
	return time.Time{} // serving: the heartbeat decides; backoff: bury does
}

func (s *supervisor) launch(slot *slot) {
	if slot.warden == nil && !s.config.Unkept {
		if err := s.openKeeper(slot); err != nil {
			s.log.Error("no keeper: sockets are lost if this puddle ends", "puddle", slot.number, "error", err)
			slot.orphans = false
		}
	}
	process, link, err := s.start(slot, slot.orphans)
	if err == nil && !slot.orphans {
		if slot.warden != nil {
			err = slot.warden.master.Serve(link, process.pid)
		}
		unix.Close(link)
		link = -1
	}
	if err != nil {
		if process != nil {
			process.kill()
		}
		slot.reason = err.Error()
		s.happen(slot, exited)
		return
	}
	slot.process, slot.still, slot.link, slot.killed = process, 0, link, false
	for _, word := range slot.missed {
		process.say(letter{word: word})
	}
	slot.missed = nil
}

// linkAll links the puddles that were taken over with each other anew: what
// the supervisor before had on its way to them may be lost.
func (s *supervisor) linkAll() {
	for n, slot := range s.slots {
		for _, other := range s.slots[:n] {
			if slot.state == serving && other.state == serving {
				s.link(slot, other)
			}
		}
	}
}

// link gives two puddles a link with each other.
func (s *supervisor) link(slot, other *slot) bool {
	ours, theirs, err := ipc.SocketPair()
	if err != nil {
		s.log.Error("two puddles cannot be linked", "puddle", slot.number, "peer", other.number, "error", err)
		s.happen(slot, hung)
		return false
	}
	s.say(other, ipc.ToPuddle{Peer: &ipc.Peer{Slot: slot.number}}, theirs)
	s.say(slot, ipc.ToPuddle{Peer: &ipc.Peer{Slot: other.number}}, ours)
	return true
}

// introduce links a fresh puddle with each that lives, and lets it serve.
func (s *supervisor) introduce(slot *slot) {
	for _, other := range s.slots {
		if other == slot || other.state != linking && other.state != serving {
			continue
		}
		if !s.link(slot, other) {
			return
		}
	}
	s.say(slot, ipc.ToPuddle{Serve: &ipc.Serve{}})
}

// say sends a word, and descriptors that it closes, to a slot's puddle.
func (s *supervisor) say(slot *slot, word ipc.ToPuddle, descriptors ...int) {
	l := letter{word: word, descriptors: descriptors}
	if slot.process == nil {
		if slot.orphans && len(descriptors) == 0 {
			slot.missed = append(slot.missed, word)
		}
		l.close()
		return
	}
	if !slot.process.say(l) {
		s.log.Warn("a puddle takes no words", "puddle", slot.number, "pid", slot.process.pid)
		s.happen(slot, hung)
	}
}

func (s *supervisor) announce(slot *slot) {
	again := slot.beenUp || slot.failures > 0
	slot.beenUp, slot.upSince, slot.complain = true, slot.since, false
	slot.orphans = false
	slot.beat, slot.still = slot.table.Heartbeat(), 0
	if again {
		s.log.Info("puddle serves again", "puddle", slot.number, "pid", slot.process.pid, "generation", slot.table.Generation())
	}
	s.upIfReady()
}

func (s *supervisor) kill(slot *slot) {
	slot.timer = time.Now().Add(killTime)
	slot.killed = true
	if slot.process == nil {
		return
	}
	if err := slot.process.kill(); err != nil {
		s.log.Error("puddle cannot be killed", "puddle", slot.number, "pid", slot.process.pid, "error", err)
	}
}

// bury clears up after a process that was not to end, and decides when the
// next one comes.
func (s *supervisor) bury(slot *slot) {
	served := !slot.upSince.IsZero()
	if served && time.Since(slot.upSince) >= steadyTime {
		slot.failures, slot.blame.proven = 0, true
	}
	slot.upSince = time.Time{}
	if slot.blamed() {
		slot.failures++
		s.judge(slot)
	}
	keeps := s.mourn(slot, served)
	if !keeps {
		s.clearUp(slot)
	}
	if s.phase == phaseStarting && !slot.beenUp && slot.failures >= trialMost {
		s.fail(fmt.Errorf("puddle %d failed %d times before it was ready: %s", slot.number, slot.failures, slot.reason))
		return
	}
	wait := pause(max(1, slot.failures))
	switch {
	case keeps && slot.failures <= 1:
		wait = 0
	case served || keeps:
		wait = min(wait, pauseServed)
	}
	slot.timer = time.Now().Add(wait)
	lasting := wait >= pauseMost
	if !lasting || !slot.complain {
		s.log.Error("puddle ended", "puddle", slot.number, "reason", slot.reason, "again_in", wait.String(), "failures", slot.failures)
	}
	slot.complain = lasting
}

// mourn keeps the sockets of a process that has ended for the next one. false:
// there is nobody to keep them, or they are given up.
func (s *supervisor) mourn(slot *slot, served bool) bool {
	switch {
	case slot.warden == nil || s.phase == phaseStopping || !served && !slot.orphans:
		return false
	case slot.process != nil && slot.process.closesAll && slot.blamed():
		slot.orphans, slot.failures, slot.blame.closeAll = false, 0, false
		return false
	}
	if !slot.orphans {
		slot.orphans, slot.endedAt = true, time.Now()
	}
	slot.lay()
	s.hits.vacate(slot.number)
	return true
}

// lay forgets a process that has ended.
func (slot *slot) lay() {
	slot.closeLink()
	if slot.process != nil {
		slot.process.words.drop()
		slot.process = nil
	}
}

// clearUp takes what was a dead process's: its news, its peers' links, its
// rows, its table.
func (s *supervisor) clearUp(slot *slot) {
	slot.lay()
	slot.missed = nil
	slot.table.News(func(table.News) {})
	slot.recount = nil
	s.registry.note(puddleGone(slot.number))
	s.rooms.vacate(slot.number)
	s.directory.vacate(slot.number)
	s.siblings.vacate(slot.number)
	s.callers.hold(slot.number, nil)
	s.hits.vacate(slot.number)
	s.countRooms()
	if err := slot.table.Reset(); err != nil {
		s.log.Error("table cannot be cleared", "puddle", slot.number, "error", err)
	}
	for _, other := range s.slots {
		if other != slot && other.process != nil {
			s.say(other, ipc.ToPuddle{PeerGone: &ipc.PeerGone{Slot: slot.number}})
		}
	}
}

// noteSlot writes the slot's row.
func (s *supervisor) noteSlot(slot *slot) {
	row := store.Puddle{
		Slot: slot.number, Generation: slot.table.Generation(), State: slot.state.String(), Since: slot.since,
	}
	if slot.process != nil {
		row.PID = slot.process.pid
	}
	s.registry.note(puddleRow(row))
}

// nextTimer fires when the first slot is due or overdue.
func (s *supervisor) nextTimer() <-chan time.Time {
	var first time.Time
	for _, slot := range s.slots {
		if !slot.timer.IsZero() && (first.IsZero() || slot.timer.Before(first)) {
			first = slot.timer
		}
	}
	if first.IsZero() {
		return nil
	}
	return time.After(time.Until(first))
}

func (s *supervisor) timers() {
	now := time.Now()
	for _, slot := range s.slots {
		if slot.timer.IsZero() || slot.timer.After(now) {
			continue
		}
		slot.timer = time.Time{}
		if slot.state == backoff {
			s.happen(slot, due)
			continue
		}
		s.log.Warn("puddle takes too long: killing it", "puddle", slot.number, "state", slot.state.String())
		s.happen(slot, overdue)
	}
}

// watch looks, every second, whether each loop still turns. It counts looks
// and not time, so that a supervisor that was held up itself is fair.
func (s *supervisor) watch() {
	for _, slot := range s.slots {
		beat := slot.table.Heartbeat()
		if slot.state != serving || beat != slot.beat {
			slot.beat, slot.still = beat, 0
			continue
		}
		if slot.still++; slot.still >= stillMost {
			s.log.Warn("puddle's loop stands still: killing it", "puddle", slot.number, "seconds", slot.still)
			s.happen(slot, overdue)
		}
	}
}

// newSlot makes a slot with its table and poke.
func newSlot(number int, settings schema.Settings) (*slot, error) {
	t, err := table.Create(number, table.GeometryOf(settings))
	if err != nil {
		return nil, err
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &slot{number: number, link: -1, table: t, poke: os.NewFile(uintptr(fd), "poke"), pokeFD: fd, deaf: make(chan struct{})}, nil
}
