package supervisor

import (
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Small rooms gather (--gather N): a room of at most N members that has them
// in several puddles is brought together where most are, since a message that
// wakes one process costs about half of one that wakes two. A socket that is
// in several rooms stays, for each would pull it somewhere else, and so does one
// that an operator has moved.

const (
	gatherRest  = 100 * time.Millisecond // between two looks: who joins meanwhile moves together
	gatherAgain = time.Second            // no socket moves twice within
)

// gathering is what is known of rooms that may be brought together.
type gathering struct {
	rooms map[string]struct{} // in several puddles, and somebody came since the last look
	moved map[schema.SequenceID]time.Time
	fixed map[schema.SequenceID]struct{} // an operator said where
	timer *time.Timer                    // of the next look
}

func newGathering() gathering {
	return gathering{rooms: map[string]struct{}{}, moved: map[schema.SequenceID]time.Time{}, fixed: map[schema.SequenceID]struct{}{}}
}

// mayGather notes a room that somebody has joined.
func (s *supervisor) mayGather(room string) {
	if s.config.Gather == 0 {
		return
	}
	if known := s.rooms[room]; known != nil && known.slots&(known.slots-1) != 0 {
		s.gather.rooms[room] = struct{}{}
		s.gatherSoon()
	}
}

func (s *supervisor) gatherSoon() {
	if s.gather.timer == nil {
		s.gather.timer = time.AfterFunc(gatherRest, func() { s.inSelect(s.gatherRooms) })
	}
}

// route is where sockets go from and to.
type route struct{ from, to int }

// gatherRooms moves, of all sockets that are to move, those with the most
// common route.
func (s *supervisor) gatherRooms() {
	s.gather.timer = nil
	for id, at := range s.gather.moved {
		if time.Since(at) > gatherAgain {
			delete(s.gather.moved, id)
		}
	}
	if s.phase != phaseUp || s.moves.evens || s.moves.now != nil || s.reloading != nil || s.handover != nil {
		s.gatherSoon()
		return
	}
	routes := map[route][]schema.SequenceID{}
	var most route
	for room := range s.gather.rooms {
		if !s.routesOf(room, routes) {
			delete(s.gather.rooms, room)
		}
	}
	for r, ids := range routes {
		if len(ids) > len(routes[most]) {
			most = r
		}
	}
	if len(s.gather.rooms) > 0 {
		s.gatherSoon()
	}
	if ids := routes[most]; len(ids) > 0 {
		if s.moveSequences(ids[:min(len(ids), ipc.MovedMost)], most.from, most.to, s.gathered) == nil {
			s.moves.now.often = true
		}
	}
}

func (s *supervisor) gathered(moved []schema.SequenceID, _ string) {
	for _, id := range moved {
		s.gather.moved[id] = time.Now()
	}
}

// routesOf adds the routes of a room's sockets; false: none is to move, now or
// in a moment.
func (s *supervisor) routesOf(room string, routes map[route][]schema.SequenceID) (later bool) {
	members := s.registry.few(room, s.config.Gather)
	to := s.gatherAt(members)
	for id, now := range members {
		_, stays := s.moves.stays[id]
		_, fixed := s.gather.fixed[id]
		if now.slot == to || len(now.rooms) != 1 || stays || fixed {
			continue
		}
		if _, moved := s.gather.moved[id]; moved {
			later = true
			continue
		}
		later = true
		r := route{now.slot, to}
		routes[r] = append(routes[r], id)
	}
	return later
}

// gatherAt is the slot where most of a room's members are; of two with as
// many, the one with fewer sockets.
func (s *supervisor) gatherAt(members map[schema.SequenceID]standing) int {
	count := make([]int, len(s.slots))
	for _, now := range members {
		if now.slot < len(count) {
			count[now.slot]++
		}
	}
	best := 0
	for n, slot := range s.slots {
		if slot.retires {
			continue
		}
		if count[n] > count[best] || count[n] == count[best] && slot.sequences() < s.slots[best].sequences() {
			best = n
		}
	}
	return best
}
