package supervisor

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
)

// What puddles say.

// reported takes what a process did. What a former one did is past.
func (s *supervisor) reported(r report) {
	if r.from.slot >= len(s.slots) {
		closeDescriptors(r.descriptors)
		return // it has retired
	}
	slot := s.slots[r.from.slot]
	if slot.process == r.from && r.word != nil && r.word.Carry != nil {
		s.carry(r.word.Carry, r.descriptors)
		return
	}
	if slot.process == r.from && r.word != nil && r.word.Moving != nil {
		s.passMoving(r.word.Moving, r.descriptors)
		return
	}
	closeDescriptors(r.descriptors)
	switch {
	case slot.process == r.from:
	case s.handover != nil && s.handover.successor == r.from:
		s.fromSuccessor(r)
		return
	case slot.replaced(r.from):
		s.fromFormer(slot, r)
		return
	default:
		return
	}
	switch {
	case r.exit != "":
		s.exits(slot, r.exit)
	case r.mute != nil:
		s.log.Warn("puddle cannot be spoken with: killing it", "puddle", slot.number, "pid", r.from.pid, "error", r.mute)
		s.happen(slot, hung)
	case r.word.Started != nil:
		s.happen(slot, started)
	case r.word.Ready != nil:
		s.happen(slot, ready)
	case r.word.Adopted != nil:
		s.adopted(slot, r.word.Adopted)
	case r.word.Held != nil:
		s.held(slot, r.word.Held)
	case r.word.Stand != nil:
		s.stand(slot, r.word.Stand)
	case r.word.Hung != nil:
		s.hangs(slot, r.word.Hung.Slot)
	case r.word.MoveDone != nil:
		s.moveDone(r.word.MoveDone)
	case r.word.Closed != nil:
		s.closings.answered(r.word.Closed)
	default:
		s.spoken(slot, r.from, r.word)
	}
}

// exits takes the end of a slot's process. One that a successor stands ready
// for is replaced by it.
func (s *supervisor) exits(slot *slot, why string) {
	slot.reason = why
	h := s.handover
	switch {
	case h != nil && h.slot == slot && h.frozen.IsZero() && slot.state == serving:
		s.log.Warn("puddle ended while its successor got ready", "puddle", slot.number, "reason", why)
		old := slot.process
		s.freezeOld(h)
		slot.orphans, slot.endedAt = true, h.frozen
		slot.forget(old)
		s.oldGone(slot)
		return
	case h != nil && h.slot == slot: // the successor, before it served
		s.handover, slot.planned = nil, nil
		s.endReload(fmt.Sprintf("puddle %d: the new process ended: %s; another adopts its sockets", slot.number, why))
		slot.orphans, slot.endedAt = true, h.frozen
	}
	s.happen(slot, exited)
}

// spoken takes what a puddle says in behalf of its sockets.
func (s *supervisor) spoken(slot *slot, from *process, word *ipc.FromPuddle) {
	if len(word.Questions) > 0 {
		s.asked(from, word.Questions)
	}
	for _, released := range word.Released {
		s.directory.release(slot.number, released)
	}
	for _, address := range word.Came {
		s.callers.came(slot.number, address)
	}
	for _, address := range word.Left {
		s.callers.left(slot.number, address)
	}
	switch {
	case word.HitDone != nil:
		s.hits.done(word.HitDone)
	}
}

// hangs kills a puddle that its peer waits for in vain.
func (s *supervisor) hangs(teller *slot, number int) {
	if number < 0 || number >= len(s.slots) || number == teller.number {
		return
	}
	slot := s.slots[number]
	if slot.state == linking || slot.state == serving {
		s.log.Warn("puddle hangs: killing it", "puddle", number, "told_by", teller.number)
	}
	s.happen(slot, hung)
}

// carry passes a connection on to the puddle that it is for.
func (s *supervisor) carry(word *ipc.Carry, descriptors []int) {
	if word.Slot < 0 || word.Slot >= len(s.slots) || len(descriptors) != 1 {
		closeDescriptors(descriptors)
		return
	}
	slot := s.slots[word.Slot]
	if slot.state != linking && slot.state != serving {
		for _, fd := range descriptors {
			unix.Shutdown(fd, unix.SHUT_RDWR) // the puddle that had it has closed it
		}
		closeDescriptors(descriptors)
		return
	}
	s.say(slot, ipc.ToPuddle{Carried: &ipc.Carried{From: word.From, Bytes: word.Bytes, Address: word.Address, Port: word.Port}}, descriptors...)
}

// expire forgets, every second, what is over.
func (s *supervisor) expire() {
	now := time.Now()
	s.claims.expire(now)
	s.callers.expire(now)
	s.siblings.expire(now, s.registry.known)
}
