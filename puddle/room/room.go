// Package room is what a room is to the puddle that serves some of its
// members: who they are, which messages the log holds for them, how far the
// fan-out has come (lane.go), and what its rules say to whoever asks
// (judge.go). It is pure: no I/O, no goroutine, no clock.
package room

import (
	"github.com/porthouse/porthouse/schema"
)

// Protocols is how many protocols members speak, and Lanes how many lanes they
// sit in: one each for those who hear it as it is, and one each, behind these,
// for those who hear it compressed.
const (
	Protocols = 3
	Lanes     = 2 * Protocols
)

// Room is one room in one puddle.
type Room struct {
	Facts
	Queued   bool // for fan-out
	Visitors int  // who keep it open without being in it: on their way in, or a single hit

	Peers uint64   // puddles that have members of it, a bit each
	Refs  []uint64 // how each of them calls it; nil while there is none

	lanes [Lanes]*Lane
	wide  []uint32 // members that no lane reaches: each message is a frame of its own
}

// Facts is what the house knows of a room.
type Facts struct {
	Name        string
	Incarnation uint64
	Grant       uint64 // the last by which this puddle holds it
	Owner       string // client; "" where only admins rule it
	Maker       schema.SequenceID
	Persistent  bool
	Easy        bool // Plain, worked out once
	Rules       schema.Rules
}

// New makes a room without members.
func New(facts Facts) *Room { return &Room{Facts: facts} }

// Lane is the lane of a protocol, nil if it never had a member.
func (r *Room) Lane(lane uint8) *Lane { return r.lanes[lane] }

// OpenLane is the lane of a protocol, made if need be.
func (r *Room) OpenLane(lane uint8) *Lane {
	if r.lanes[lane] == nil {
		r.lanes[lane] = &Lane{}
	}
	return r.lanes[lane]
}

// Members is how many members are here.
func (r *Room) Members() int {
	n := len(r.wide)
	for _, lane := range r.lanes {
		if lane != nil {
			n += lane.Members()
		}
	}
	return n
}

// OnlyRaw tells whether raw frames, compressed or not, are all that members
// here hear.
func (r *Room) OnlyRaw() bool {
	if len(r.wide) > 0 {
		return false
	}
	for lane := range uint8(Lanes) {
		if lane%Protocols != 0 && r.Speaks(lane) {
			return false
		}
	}
	return true
}

// Compressed tells whether members here hear raw frames compressed.
func (r *Room) Compressed() bool { return r.Speaks(Protocols) }

// Speaks tells whether a lane has members here.
func (r *Room) Speaks(lane uint8) bool { return r.lanes[lane] != nil && r.lanes[lane].Members() > 0 }

// Each calls f with every member here.
func (r *Room) Each(f func(member uint32)) {
	for _, lane := range r.lanes {
		if lane != nil {
			for _, member := range lane.members {
				f(member)
			}
		}
	}
	for _, member := range r.wide {
		f(member)
	}
}

// Wide are the members that no lane reaches.
func (r *Room) Wide() []uint32 { return r.wide }

// AddWide adds such a member and tells its seat among them.
func (r *Room) AddWide(member uint32) (seat uint32) {
	r.wide = append(r.wide, member)
	return uint32(len(r.wide) - 1)
}

// RemoveWide empties such a seat; moved sits there now, if ok.
func (r *Room) RemoveWide(seat uint32) (moved uint32, ok bool) {
	last := len(r.wide) - 1
	moved, ok = r.wide[last], int(seat) != last
	r.wide[seat] = moved
	r.wide = r.wide[:last]
	return moved, ok
}

// Pending tells whether some member waits for something.
func (r *Room) Pending() bool {
	for _, lane := range r.lanes {
		if lane != nil && lane.Pending() {
			return true
		}
	}
	return false
}

// Oldest is the log position of the first message that the fan-out has need
// of; false if it has none.
func (r *Room) Oldest() (at uint64, ok bool) {
	for _, lane := range r.lanes {
		if lane == nil {
			continue
		}
		if first, need := lane.Oldest(); need && (!ok || first < at) {
			at, ok = first, true
		}
	}
	return at, ok
}

// Forget forgets all messages: nobody is behind.
func (r *Room) Forget() {
	for _, lane := range r.lanes {
		if lane != nil {
			lane.Forget()
		}
	}
}

// Plain tells whether whoever is in may send anything at any pace, and every
// member hears it as it came: the rules then have nothing to do with a message
// but its size, and no driver hears it.
func (f *Facts) Plain() bool {
	r := &f.Rules
	return r.Send == schema.SendMembers && len(r.Deny) == 0 && r.To <= schema.ToEveryone &&
		r.Driver == nil && !r.Echo && !r.Rate.Limits() && r.Format == schema.FormatAny && r.Meta == 0
}
