package supervisor

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// failMost is how many processes of a slot may end by themselves, one after the
// other, until something else is tried:
//
//	they are of another binary than before  → the previous binary
//	all of them dealt with one sequence     → it is closed with 1011
//	neither helps                           → all are closed with 1012, and the slot begins anew
//
// Where the binary has served for a while already, the sequence comes first. A
// kill from outside is nobody's failure and leads nowhere here.
const failMost = 3

// blame is what is known of why a slot's processes end.
type blame struct {
	dealt    schema.SequenceID // whom the last of them dealt with; 0: nobody alone
	times    int               // in a row that it was the same
	expel    schema.SequenceID // is closed by the next process; 0: nobody
	closeAll bool              // is what the next process does
	proven   bool              // the binary has served for steadyTime
	previous *os.File          // the binary before the last hand-over; nil: it was the same
	falls    bool              // it serves again
}

// blamed tells whether a process has failed by itself.
func (slot *slot) blamed() bool {
	return slot.killed || !strings.HasPrefix(slot.reason, "signal: killed") && slot.reason != "it ended"
}

// judge decides, after a failure, what the next process of the slot is to do
// otherwise.
func (s *supervisor) judge(slot *slot) {
	b := &slot.blame
	dealt := slot.table.DealtWith()
	if dealt != b.dealt {
		b.times = 0
	}
	b.dealt, b.expel = dealt, 0
	if dealt != 0 {
		b.times++
	}
	suspect := b.times >= failMost
	switch {
	case b.closeAll: // it ended, whatever it has done
	case suspect && (b.proven || b.previous == nil || b.falls):
		b.expel, b.times, slot.failures = dealt, 0, 0
		s.log.Error("a sequence ends every process that deals with it: closing it with 1011", "puddle", slot.number, "sequence", dealt.String(), "reason", slot.reason)
	case slot.failures >= failMost && b.previous != nil && !b.falls:
		b.falls, b.times, slot.failures = true, 0, 0
		s.log.Error("the new binary fails: the previous one serves the sockets", "puddle", slot.number, "reason", slot.reason)
	case slot.failures > failMost && slot.orphans:
		b.closeAll = true
		s.log.Error("no process can take a puddle's sockets over: closing them with 1012", "puddle", slot.number, "reason", slot.reason)
	}
}

// binary is what the slot's next process runs.
func (s *supervisor) binary(slot *slot) string {
	if b := slot.blame; b.falls {
		return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.previous.Fd())
	}
	return s.config.Executable
}

// tryAnother begins a hand-over: what the slot's binary was before it is kept,
// if it was another.
func (slot *slot) tryAnother(old, fresh int) {
	was, is := fmt.Sprintf("/proc/%d/exe", old), fmt.Sprintf("/proc/%d/exe", fresh)
	before, err := os.Stat(was)
	now, wrong := os.Stat(is)
	if err != nil || wrong != nil || os.SameFile(before, now) {
		slot.blame = blame{previous: slot.blame.previous, proven: slot.blame.proven}
		return
	}
	slot.forgetBinary()
	if fd, err := unix.Open(was, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
		slot.blame.previous = os.NewFile(uintptr(fd), was)
	}
}

func (slot *slot) forgetBinary() {
	if slot.blame.previous != nil {
		slot.blame.previous.Close()
	}
	slot.blame = blame{}
}
