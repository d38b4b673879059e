package supervisor

import "github.com/porthouse/porthouse/ipc/table"

// census knows which rooms have a member, and in which slots: a transient
// room is there from its first member to its last, over all puddles.
type census map[string]slotSet

// slotSet has a bit for each slot.
type slotSet uint64

const _ = uint(64 - table.Slots) // a bit for each

// hold notes a room in a slot; first tells that it was in none.
func (c census) hold(room string, slot int) (first bool) {
	holders, known := c[room]
	c[room] = holders | 1<<slot
	return !known
}

// release notes that a slot has no member of a room any more; last tells
// that no other has.
func (c census) release(room string, slot int) (last bool) {
	holders := c[room]
	if holders&(1<<slot) == 0 {
		return false
	}
	if holders &^= 1 << slot; holders != 0 {
		c[room] = holders
		return false
	}
	delete(c, room)
	return true
}

// vacate takes a slot out of all rooms and returns those it was the last of.
func (c census) vacate(slot int) (gone []string) {
	for room := range c {
		if c.release(room, slot) {
			gone = append(gone, room)
		}
	}
	return gone
}
