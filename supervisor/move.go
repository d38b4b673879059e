package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Sockets move from one puddle to another while both live (puddle/move.go): by
// an operator's word, away from slots that retire, and to slots that are new.
// One move is under way at a time, and none beside a hand-over.

// moveTime is how long a move may take; the puddles have given it up by then.
const moveTime = 3 * time.Second

// move is the one under way.
type move struct {
	number   uint64
	from, to int
	asked    []schema.SequenceID
	begun    time.Time
	deadline time.Time
	done     func(moved []schema.SequenceID, failed string) // in the select
	often    bool                                           // one of many: not worth a line in the log
}

// moves is what is known of them.
type moves struct {
	now    *move
	number uint64
	evens  bool                            // sockets are spread anew, until they are even
	stays  map[schema.SequenceID]time.Time // could not move, at that time
}

func newMoves() moves { return moves{stays: map[schema.SequenceID]time.Time{}} }

// stayTime is how long who could not move is left where it is.
const stayTime = 5 * time.Second

// mayMove tells why nothing can move just now.
func (s *supervisor) mayMove(from, to int) error {
	switch {
	case s.phase != phaseUp:
		return fmt.Errorf("the house is %s", phaseNames[s.phase])
	case s.reloading != nil || s.handover != nil:
		return errors.New("a hand-over is under way: try again when it is over")
	case s.moves.now != nil:
		return errors.New("other sockets are on their way: try again")
	case from == to:
		return fmt.Errorf("puddle %d has it already", to)
	}
	for _, number := range []int{from, to} {
		if number < 0 || number >= len(s.slots) {
			return fmt.Errorf("there is no puddle %d: they are 0 to %d", number, len(s.slots)-1)
		}
	}
	for _, slot := range s.slots {
		if slot.state != serving {
			return fmt.Errorf("puddle %d is %s: try again when it serves", slot.number, slot.state)
		}
	}
	return nil
}

// moveSequences moves sockets of one slot to another. done hears, in the
// select, which have come. Who is in the middle of something stays.
func (s *supervisor) moveSequences(ids []schema.SequenceID, from, to int, done func(moved []schema.SequenceID, failed string)) error {
	if err := s.mayMove(from, to); err != nil {
		return err
	}
	var rooms []string
	for _, id := range ids {
		_, in, _ := s.registry.sequence(id)
		for _, room := range in {
			if !slices.Contains(rooms, room) {
				rooms = append(rooms, room)
			}
		}
	}
	s.moves.number++
	s.moves.now = &move{number: s.moves.number, from: from, to: to, asked: ids, begun: time.Now(), deadline: time.Now().Add(moveTime), done: done}
	s.say(s.slots[from], ipc.ToPuddle{Move: &ipc.Move{Number: s.moves.number, To: to, Rooms: rooms, Sequences: ids}})
	s.say(s.slots[to], ipc.ToPuddle{Expect: &ipc.Expect{Number: s.moves.number, From: from, Rooms: rooms}})
	return nil
}

// passMoving takes sockets on their way to the puddle that expects them.
func (s *supervisor) passMoving(word *ipc.Moving, descriptors []int) {
	m := s.moves.now
	if m == nil || m.number != word.Number || m.to != word.To || m.to >= len(s.slots) || s.slots[m.to].state != serving {
		closeDescriptors(descriptors) // the one that expects them gives them up, and says so
		return
	}
	s.follow(s.slots[m.from]) // what is news there is older than what they do elsewhere
	s.say(s.slots[m.to], ipc.ToPuddle{Moving: word}, descriptors...)
}

// moveDone takes a puddle's word that a move is over.
func (s *supervisor) moveDone(word *ipc.MoveDone) {
	m := s.moves.now
	if m == nil || m.number != word.Number {
		return
	}
	if word.Failed != "" {
		for _, number := range []int{m.from, m.to} {
			if number < len(s.slots) {
				s.say(s.slots[number], ipc.ToPuddle{MoveOff: &ipc.MoveOff{Number: m.number}})
			}
		}
	}
	s.endMove(word.Moved, word.Failed)
}

func (s *supervisor) endMove(moved []schema.SequenceID, failed string) {
	m := s.moves.now
	s.moves.now = nil
	for _, id := range moved {
		s.siblings.moved(id, m.to)
	}
	for _, id := range m.asked {
		if failed == "" && !slices.Contains(moved, id) {
			s.moves.stays[id] = time.Now()
		}
	}
	took := time.Since(m.begun).Round(time.Microsecond).String()
	if failed != "" {
		s.log.Log(context.Background(), m.level(slog.LevelWarn), "no sockets moved", "from", m.from, "to", m.to, "asked", len(m.asked), "took", took, "reason", failed)
	} else {
		s.log.Log(context.Background(), m.level(slog.LevelInfo), "sockets moved", "from", m.from, "to", m.to, "asked", len(m.asked), "moved", len(moved), "took", took)
	}
	m.done(moved, failed)
	s.nextHandover()
	if failed == "" {
		s.spread() // else in a second
	}
}

func (m *move) level(seldom slog.Level) slog.Level {
	if m.often {
		return slog.LevelDebug
	}
	return seldom
}

// watchMove looks, every second, whether a move takes too long, and whether
// somebody is to move.
func (s *supervisor) watchMove() {
	if m := s.moves.now; m != nil && time.Now().After(m.deadline) {
		s.endMove(nil, "the puddles did not answer in time")
	}
	for id, at := range s.moves.stays {
		if time.Since(at) > stayTime {
			delete(s.moves.stays, id)
		}
	}
	s.spread()
}

// spread moves sockets away from slots that retire, and where slots are new
// until all have as many.
func (s *supervisor) spread() {
	from, to, n := s.uneven()
	if n <= 0 || s.mayMove(from.number, to.number) != nil {
		return
	}
	var ids []schema.SequenceID
	for seen := range from.table.Sequences {
		if _, stays := s.moves.stays[seen.ID]; stays || seen.State == schema.Handshake || seen.State == schema.Closing {
			continue
		}
		if ids = append(ids, seen.ID); len(ids) == min(n, ipc.MovedMost) {
			break
		}
	}
	if len(ids) == 0 {
		s.moves.evens = false
		return
	}
	s.moveSequences(ids, from.number, to.number, func([]schema.SequenceID, string) {})
}

// uneven finds a slot that has n sockets too many, and the one with the fewest.
func (s *supervisor) uneven() (from, to *slot, n int) {
	var most *slot
	for _, slot := range s.slots {
		switch {
		case slot.retires:
			if slot.sequences() > 0 {
				from = slot // the last, which ends first
			}
		case to == nil || slot.sequences() < to.sequences():
			to = slot
		}
		if !slot.retires && (most == nil || slot.sequences() > most.sequences()) {
			most = slot
		}
	}
	switch {
	case to == nil:
		return nil, nil, 0
	case from != nil:
		return from, to, from.sequences()
	case !s.moves.evens:
		return nil, nil, 0
	}
	if n = (most.sequences() - to.sequences()) / 2; n <= most.sequences()/32 {
		s.moves.evens = false // even enough
		return nil, nil, 0
	}
	return most, to, n
}

// sequences is how many sockets a slot has that are more than a handshake.
func (slot *slot) sequences() int { return int(slot.status().Sequences) }
