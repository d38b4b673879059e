package supervisor

import (
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// closings are who waits for puddles to close a sequence.
type closings map[schema.SequenceID][]chan bool

func (w closings) answered(closed *ipc.Closed) {
	for _, heard := range w[closed.Sequence] {
		heard <- closed.Found // has room for it
	}
	delete(w, closed.Sequence)
}

func (w closings) forget(id schema.SequenceID, heard chan bool) {
	w[id] = slices.DeleteFunc(w[id], func(other chan bool) bool { return other == heard })
	if len(w[id]) == 0 {
		delete(w, id)
	}
}

func (c *control) closeSequences(conn *ipc.Conn, ask ipc.AskClose) {
	slots := c.slotsOf(ask.Sequences)
	answer := ipc.ClosedAnswer{Closed: []schema.SequenceID{}, Missing: []schema.SequenceID{}}
	for _, id := range ask.Sequences {
		if slot, found := slots[id]; found && c.closeSequence(slot, id) {
			answer.Closed = append(answer.Closed, id)
		} else {
			answer.Missing = append(answer.Missing, id)
		}
	}
	c.tell(conn, ipc.Answer{Closed: &answer})
}

// slotsOf finds where sequences are.
func (c *control) slotsOf(ids []schema.SequenceID) map[schema.SequenceID]int {
	wanted := make(map[schema.SequenceID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	slots := make(map[schema.SequenceID]int, len(ids))
	c.house.tables.look(func(slot, _ int, t *table.Table) {
		for seen := range t.Sequences {
			if wanted[seen.ID] {
				slots[seen.ID] = slot
			}
		}
	})
	return slots
}

// closeSequence has a puddle close a sequence and tells whether it had it.
func (c *control) closeSequence(number int, id schema.SequenceID) (found bool) {
	s, heard := c.house, make(chan bool, 1)
	if !s.inSelect(func() {
		s.closings[id] = append(s.closings[id], heard)
		if number >= len(s.slots) {
			s.closings.answered(&ipc.Closed{Sequence: id})
			return
		}
		s.say(s.slots[number], ipc.ToPuddle{Close: &ipc.Close{
			Sequence: id, Code: schema.ClosePutOut, Reason: "closed by an admin",
		}})
	}) {
		return false
	}
	select {
	case found = <-heard:
	case <-time.After(closeTime):
		s.inSelect(func() { s.closings.forget(id, heard) })
	case <-s.leave:
	}
	return found
}
