package supervisor

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/supervisor/console"
)

// A planned hand-over of one slot:
//
//	start → fetch ─(last rollback)→ freeze → adopt → serve → release
//
// The successor fetches descriptors while the old process serves. What fails
// until then costs nothing: the old one was never stopped. After it, or where
// the old one dies, the successor adopts, and if that dies another does, as
// after a crash (slot.go).

// How long each step may take.
const (
	fetchTime   = 15 * time.Second
	freezeTime  = 2 * time.Second  // then the old one is killed: its successor asks the kernel
	releaseTime = 45 * time.Second // for the desk of the old one
)

// handover is the one under way.
type handover struct {
	slot      *slot
	successor *process
	link      int // the keeper's end of the successor's link
	deadline  time.Time

	begun, fetched, frozen time.Time
	sockets                int
}

// reload is a row of hand-overs that somebody asked for.
type reload struct {
	slots []*slot // that are still to come
	tell  func(ipc.Progress)
	done  func(failed string)
}

// reloadSlots hands slots over, one after the other. tell hears of each step,
// done of the end, both in the select; they must not wait.
func (s *supervisor) reloadSlots(slots []*slot, tell func(ipc.Progress), done func(failed string)) {
	switch {
	case s.phase != phaseUp:
		done("the house is " + phaseNames[s.phase])
		return
	case s.reloading != nil:
		done("another hand-over is under way: try again when it is over")
		return
	}
	if err := s.reread(); err != nil {
		done("the configuration is not what it was, and wrong: " + err.Error())
		return
	}
	s.reloading = &reload{slots: slots, tell: tell, done: done}
	s.nextHandover()
}

// reread takes the configuration as it is now. What tables are made of stays
// as it was.
func (s *supervisor) reread() error {
	if s.config.Reread == nil {
		return nil
	}
	now, err := s.config.Reread()
	if err != nil {
		return err
	}
	was := s.config.Settings
	now.Settings.Sockets, now.Settings.LogBytes, now.Settings.SlabBytes = was.Sockets, was.LogBytes, was.SlabBytes
	s.config.Settings, s.config.Drain, s.config.LogLevel, s.config.Gather = now.Settings, now.Drain, now.LogLevel, now.Gather
	return nil
}

func (s *supervisor) nextHandover() {
	r := s.reloading
	if r == nil || s.handover != nil || s.moves.now != nil {
		return
	}
	if len(r.slots) == 0 {
		s.reloading = nil
		r.done("")
		return
	}
	slot := r.slots[0]
	r.slots = r.slots[1:]
	if slot.retires && slot.state != serving { // it ends
		s.nextHandover()
		return
	}
	if slot.state != serving || slot.process == nil {
		s.endReload(fmt.Sprintf("puddle %d is %s, not serving", slot.number, slot.state))
		return
	}
	s.beginHandover(slot)
}

func (s *supervisor) endReload(failed string) {
	if r := s.reloading; r != nil {
		s.reloading = nil
		r.done(failed)
	}
}

func (s *supervisor) progress(step string, p ipc.Progress) {
	if s.reloading != nil {
		p.Step = step
		s.reloading.tell(p)
	}
}

func (s *supervisor) beginHandover(slot *slot) {
	begun := time.Now()
	successor, link, err := s.start(slot, true)
	if err != nil {
		s.endReload(fmt.Sprintf("puddle %d: no successor could be started: %v", slot.number, err))
		return
	}
	s.handover = &handover{slot: slot, successor: successor, link: link, begun: begun, deadline: begun.Add(fetchTime)}
	s.progress("start", ipc.Progress{Slot: slot.number})
}

// cancelHandover rolls one back that is not past its last point of that.
func (s *supervisor) cancelHandover(slot *slot, why string) {
	h := s.handover
	if h == nil || h.slot != slot || !h.frozen.IsZero() {
		return
	}
	s.handover = nil
	h.successor.kill()
	unix.Close(h.link)
	if slot.warden != nil {
		slot.warden.master.StopFeed()
	}
	s.log.Error("hand-over rolled back: the old process serves on", "puddle", slot.number, "reason", why)
	s.endReload(fmt.Sprintf("puddle %d: rolled back, the old process serves on: %s", slot.number, why))
}

// fromSuccessor takes what the successor does before it is the slot's process.
func (s *supervisor) fromSuccessor(r report) {
	h := s.handover
	switch {
	case r.exit != "":
		s.cancelHandover(h.slot, "the new process ended: "+r.exit)
	case r.mute != nil:
		s.cancelHandover(h.slot, "the new process cannot be spoken with: "+r.mute.Error())
	case r.word.Fetched != nil:
		h.fetched, h.sockets = time.Now(), r.word.Fetched.Sockets
		s.progress("fetch", ipc.Progress{Slot: h.slot.number, Sockets: h.sockets})
		s.freezeOld(h)
	}
}

// freezeOld is the point of no return: from here on words go to the successor,
// which hears them once it has adopted.
func (s *supervisor) freezeOld(h *handover) {
	slot, old := h.slot, h.slot.process
	h.frozen, h.deadline = time.Now(), time.Now().Add(freezeTime)
	old.say(letter{word: ipc.ToPuddle{Freeze: &ipc.Freeze{}}})
	slot.former, slot.process = append(slot.former, old), h.successor
	slot.state, slot.since, slot.timer = linking, time.Now(), s.limitOf(linking)
	slot.old = old
	slot.tryAnother(old.pid, h.successor.pid)
	slot.link, slot.planned = h.link, h
}

// fromFormer takes what a process does that has been replaced.
func (s *supervisor) fromFormer(slot *slot, r report) {
	switch {
	case r.exit != "":
		slot.forget(r.from)
		if slot.old == r.from { // before it had frozen
			s.oldGone(slot)
		}
	case r.word == nil:
	case r.word.Frozen != nil && slot.old == r.from:
		s.oldGone(slot)
	case r.word.Hit != nil:
		s.passHit(r.from, r.word.Hit)
	}
}

// oldGone links the successor with the peers: what they had sent to the old
// one has been read, or will be sent again.
func (s *supervisor) oldGone(slot *slot) {
	slot.old = nil
	s.introduce(slot)
}

func (slot *slot) forget(p *process) {
	for n, each := range slot.former {
		if each == p {
			slot.former = append(slot.former[:n], slot.former[n+1:]...)
			return
		}
	}
}

func (slot *slot) replaced(p *process) bool {
	for _, each := range slot.former {
		if each == p {
			return true
		}
	}
	return false
}

// adopted takes a successor that serves: the keeper hears it from now on.
func (s *supervisor) adopted(slot *slot, word *ipc.Adopted) {
	if slot.link >= 0 && slot.warden != nil {
		if err := slot.warden.master.Promote(slot.link, slot.process.pid); err != nil {
			s.log.Error("the keeper does not take the new process", "puddle", slot.number, "error", err)
		}
	}
	slot.closeLink()
	for _, old := range slot.former {
		old.say(letter{word: ipc.ToPuddle{Release: &ipc.Release{Drain: int64(releaseTime)}}})
	}
	s.account(slot, word)
}

// account logs and counts what a hand-over has brought.
func (s *supervisor) account(slot *slot, word *ipc.Adopted) {
	moved := word.Sockets - len(word.Lost)
	s.handovers.moved.Add(uint64(max(0, moved)))
	s.handovers.lost.Add(uint64(len(word.Lost)))
	since, kind := slot.endedAt, "crash"
	args := []any{"puddle", slot.number, "pid", slot.process.pid, "sockets", word.Sockets, "lost", len(word.Lost), "adopt", time.Duration(word.Took).Round(time.Microsecond).String()}
	if h := slot.planned; h != nil {
		since, kind = h.frozen, "planned"
		args = append(args, "fetch", h.fetched.Sub(h.begun).Round(time.Microsecond).String())
		s.handover = nil
	}
	stall := time.Since(since)
	s.console.HandedOver(console.Handover{
		At: time.Now().UnixMilli(), Slot: slot.number, Planned: kind == "planned",
		Sockets: word.Sockets, Lost: len(word.Lost), Stall: stall.Seconds(),
	})
	s.handovers.stall.Observe(stall.Seconds())
	s.log.Info("handed over", append(args, "kind", kind, "frozen", word.Planned, "stall", stall.Round(time.Microsecond).String())...)
	if len(word.Lost) > 0 {
		s.log.Error("sockets were lost", "puddle", slot.number, "which", strings.Join(word.Lost[:min(len(word.Lost), 10)], "; "))
	}
	if slot.planned != nil {
		slot.planned = nil
		s.progress("serve", ipc.Progress{Slot: slot.number, Sockets: word.Sockets, Lost: word.Lost, Stall: stall})
		s.nextHandover()
	}
}

func (slot *slot) closeLink() {
	if slot.link >= 0 {
		unix.Close(slot.link)
	}
	slot.link = -1
}

// watchHandover looks, every second, whether a step takes too long.
func (s *supervisor) watchHandover() {
	h := s.handover
	if h == nil || time.Now().Before(h.deadline) {
		return
	}
	if h.frozen.IsZero() {
		s.cancelHandover(h.slot, "the new process did not get ready in time")
		return
	}
	if h.slot.old != nil {
		s.log.Warn("the old process does not freeze: killing it", "puddle", h.slot.number, "pid", h.slot.old.pid)
		h.slot.old.kill()
	}
	h.deadline = time.Now().Add(freezeTime)
}

// passHit has a puddle that serves answer what the desk of a former one had
// begun to read.
func (s *supervisor) passHit(from *process, hit *ipc.Hit) {
	id := hit.ID
	heard := make(chan ipc.HitDone, 1)
	s.hit(hit, heard)
	go func() {
		select {
		case done := <-heard:
			done.ID = id
			from.say(letter{word: ipc.ToPuddle{HitDone: &done}})
		case <-from.gone:
		case <-s.leave:
		}
	}()
}
