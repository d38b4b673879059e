package supervisor

import (
	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// places are those that were granted to a slot in the entry that its table has
// for a room, since that entry is the room's. They are counted from where the
// table's own counts stood, around zero.
type places struct {
	index              uint32
	ref                uint64 // 0: none was asked for
	granted, anonymous uint32
}

// crowd is who is in a room, and who is on the way with a place granted.
type crowd struct{ members, anonymous, coming, comingAnonymous int }

var refusedFull = &schema.Refusal{Code: schema.Full, Message: "the room is full: try again later"}

// place grants one more place, and tells how many are taken with it. A refusal
// is not final while others are coming: they may be counted twice for a
// moment, or not come.
func (d *directory) place(slot int, ask *ipc.AskPlace) (number int, final bool, refusal *schema.Refusal) {
	r := d.rooms[ask.Room]
	if r == nil || r.holds(slot) == nil {
		return 0, true, noSuchRoom(ask.Room)
	}
	h := r.holds(slot)
	if h.places.ref != ask.Ref || h.places.index != ask.Index {
		now, _ := d.present(slot, ask.Index, ask.Ref)
		h.places = places{ask.Index, ask.Ref, now.Placed, now.PlacedAnonymous}
	}
	c := d.crowd(r)
	switch {
	case r.rules.Members.Reached(c.members + c.coming):
		return 0, !(c.coming > 0) || r.rules.Members.Reached(c.members), refusedFull
	case ask.Anonymous && r.rules.Anonymous.Reached(c.anonymous+c.comingAnonymous):
		return 0, !(c.comingAnonymous > 0) || r.rules.Anonymous.Reached(c.anonymous), refusedFull
	}
	h.places.granted++
	if ask.Anonymous {
		h.places.anonymous++
	}
	return c.members + c.coming + 1, true, nil
}

// crowd counts over all slots.
func (d *directory) crowd(r *room) (all crowd) {
	for i := range r.holders {
		h := &r.holders[i]
		now, placed := d.presentOf(r.name, h)
		all.members += int(now.Members)
		all.anonymous += int(now.Anonymous)
		if placed {
			all.coming += outstanding(h.places.granted, now.Placed)
			all.comingAnonymous += outstanding(h.places.anonymous, now.PlacedAnonymous)
		}
	}
	return all
}

// presentOf looks into a slot's entry of a room; placed tells that it is the
// one that places were granted in.
func (d *directory) presentOf(name string, h *holder) (now table.Presence, placed bool) {
	index, known := d.indexOf(name, h.slot)
	if h.places.ref != 0 && (!known || index == h.places.index) {
		if now, placed = d.present(h.slot, h.places.index, h.places.ref); placed {
			return now, true
		}
	}
	if known {
		now, _ = d.present(h.slot, index, 0)
	}
	return now, false
}

// outstanding is granted less placed, of counts that may have wrapped around.
func outstanding(granted, placed uint32) int { return max(0, int(int32(granted-placed))) }
