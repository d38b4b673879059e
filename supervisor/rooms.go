package supervisor

import (
	"slices"

	"github.com/porthouse/porthouse/ipc/table"
)

// census knows which rooms there are to count: those that a slot has in its
// table, as its news tell, and persistent ones.
type census map[string]*counted

// counted is a room and where it is.
type counted struct {
	persistent bool
	slots      slotSet
	entries    []entryAt // of those slots
}

// entryAt is a slot's entry for a room.
type entryAt struct {
	slot  int
	index uint32
}

// slotSet has a bit for each slot.
type slotSet uint64

const _ = uint(64 - table.Slots) // a bit for each

func (set slotSet) has(slot int) bool { return set&(1<<slot) != 0 }

func (c census) of(room string) *counted {
	known := c[room]
	if known == nil {
		known = &counted{}
		c[room] = known
	}
	return known
}

// hold notes a room in a slot, at an entry of its table.
func (c census) hold(room string, slot int, index uint32) {
	known := c.of(room)
	known.entries = append(known.without(slot), entryAt{slot, index})
	known.slots |= 1 << slot
}

// release notes that a slot has a room no more.
func (c census) release(room string, slot int) {
	known := c[room]
	if known == nil {
		return
	}
	known.entries = known.without(slot)
	known.slots &^= 1 << slot
	c.tidy(room, known)
}

// vacate takes a slot out of all rooms.
func (c census) vacate(slot int) {
	for room, known := range c {
		if known.slots.has(slot) {
			c.release(room, slot)
		}
	}
}

// keep notes whether a room is persistent.
func (c census) keep(room string, persistent bool) {
	known := c.of(room)
	known.persistent = persistent
	c.tidy(room, known)
}

func (c census) tidy(room string, known *counted) {
	if known.slots == 0 && !known.persistent {
		delete(c, room)
	}
}

// index is where a slot has a room.
func (c census) index(room string, slot int) (index uint32, ok bool) {
	if known := c[room]; known != nil {
		for _, e := range known.entries {
			if e.slot == slot {
				return e.index, true
			}
		}
	}
	return 0, false
}

func (k *counted) without(slot int) []entryAt {
	return slices.DeleteFunc(k.entries, func(e entryAt) bool { return e.slot == slot })
}
