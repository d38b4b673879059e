package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const (
	placeTries = 5                    // for a place, while others are coming
	placePause = 2 * time.Millisecond // between them

	membersMost = 10_000 // that WHO lists, so that a socket's outbox holds them
)

// askPlace grants a place. Where only those who are coming fill the room, it
// looks again a little later.
func (s *supervisor) askPlace(a asking, ask *ipc.AskPlace, tries int) {
	number, final, refusal := s.directory.place(a.from.slot, ask)
	if refusal == nil || final || tries <= 1 {
		s.answer(a, ipc.Reply{Number: number, Refused: refusal})
		return
	}
	time.AfterFunc(placePause, func() {
		s.inSelect(func() {
			if s.waits(a) {
				s.followAll()
				s.askPlace(a, ask, tries-1)
			}
		})
	})
}

// askMake makes a room by NEW ROOM: a transient one here, a persistent one in
// the book, which tells the directory.
func (s *supervisor) askMake(a asking, ask *ipc.AskMake) {
	if refusal := s.mayMake(ask); refusal != nil {
		s.refuse(a, refusal)
		return
	}
	by := identityOf(ask.Asker)
	s.beside(a, func(ctx context.Context) func() {
		if ask.Keep {
			_, refusal, err := s.book.Keep(ctx, ask.Room, ask.Rules, by)
			if then := s.refused(a, "making a persistent room", refusal, err); then != nil {
				return then
			}
			return func() { s.kept(a, ask) }
		}
		patch, then := s.patch(ctx, a, ask.Rules)
		if then != nil {
			return then
		}
		return func() { s.made(a, ask, patch) }
	})
}

func (s *supervisor) mayMake(ask *ipc.AskMake) *schema.Refusal {
	if refusal := schema.CheckRoom(ask.Room); refusal != nil {
		return refusal
	}
	if refusal := s.directory.mayMake(ask); refusal != nil {
		return refusal
	}
	if s.directory.rooms[ask.Room] != nil {
		return thereAlready(ask.Room)
	}
	return nil
}

// made makes the transient room, unless another was quicker.
func (s *supervisor) made(a asking, ask *ipc.AskMake, patch schema.Patch) {
	if s.directory.rooms[ask.Room] != nil {
		s.refuse(a, thereAlready(ask.Room))
		return
	}
	said, _, refusal := s.book.NewRoomRules(patch, identityOf(ask.Asker), false)
	if refusal != nil {
		s.refuse(a, refusal)
		return
	}
	s.answer(a, ipc.Reply{Room: s.directory.make(a.from.slot, ask.Room, ask.Asker, said, s.book.Defaults(true), nil)})
}

// kept grants the persistent room that was just made.
func (s *supervisor) kept(a asking, ask *ipc.AskMake) {
	room, refusal := s.directory.open(a.from.slot, ipc.AskOpen{Room: ask.Room})
	if refusal == nil {
		room.Made = true
	}
	s.answer(a, ipc.Reply{Room: room, Refused: refusal})
}

// patch reads rules that were said, their password hashed; nil: none.
func (s *supervisor) patch(ctx context.Context, a asking, said []byte) (patch schema.Patch, then func()) {
	if said == nil {
		return patch, nil
	}
	patch, refusal := schema.ParseRules(said)
	if refusal != nil {
		return patch, s.refused(a, "", refusal, nil)
	}
	patch, err := s.book.Hashed(ctx, patch)
	return patch, s.refused(a, "hashing the room's password", nil, err)
}

func (s *supervisor) askDrop(a asking, ask *ipc.AskDrop) {
	r := s.directory.rooms[ask.Room]
	switch {
	case r == nil:
		s.refuse(a, noSuchRoom(ask.Room))
	case r.persistent:
		s.operate(a, "removing a room", schema.Operation{
			Noun: "room", Verb: "remove", Name: ask.Room, By: identityOf(ask.Asker),
		})
	default:
		s.directory.remove(ask.Room, roomRemoved)
		s.answer(a, ipc.Reply{})
	}
}

const roomRemoved = "the room was removed"

// askRules shows a room's rules, or changes them: a persistent room's in the
// book, which tells the directory.
func (s *supervisor) askRules(a asking, ask *ipc.AskRules) {
	r := s.directory.rooms[ask.Room]
	switch {
	case r == nil:
		s.refuse(a, noSuchRoom(ask.Room))
		return
	case ask.Patch == nil:
		s.answer(a, ipc.Reply{JSON: r.rules.Public()})
		return
	}
	incarnation, persistent := r.incarnation, r.persistent
	s.beside(a, func(ctx context.Context) func() {
		if persistent {
			return s.setRules(ctx, a, ask)
		}
		patch, then := s.patch(ctx, a, ask.Patch)
		if then != nil {
			return then
		}
		return func() { s.changeRules(a, ask, incarnation, patch) }
	})
}

func (s *supervisor) setRules(ctx context.Context, a asking, ask *ipc.AskRules) (then func()) {
	patch, refusal := schema.ParseRules(ask.Patch)
	if then := s.refused(a, "", refusal, nil); then != nil {
		return then
	}
	if !patch.Empty() {
		_, refusal, err := s.book.Do(ctx, schema.Operation{
			Noun: "room", Verb: "set", Name: ask.Room, By: identityOf(ask.Asker),
			Values: fmt.Appendf(nil, `{"rules":%s}`, ask.Patch),
		})
		if then := s.refused(a, "changing a room's rules", refusal, err); then != nil {
			return then
		}
	}
	return func() { s.askRules(a, &ipc.AskRules{Room: ask.Room}) }
}

func (s *supervisor) changeRules(a asking, ask *ipc.AskRules, incarnation uint64, patch schema.Patch) {
	rules, refusal := s.ruleTransient(ask.Room, incarnation, patch, identityOf(ask.Asker))
	s.answer(a, ipc.Reply{JSON: rules, Refused: refusal})
}

// ruleTransient changes the rules of a transient room that was found before.
func (s *supervisor) ruleTransient(name string, incarnation uint64, patch schema.Patch, by schema.Identity) ([]byte, *schema.Refusal) {
	r := s.directory.rooms[name]
	switch {
	case r == nil || r.incarnation != incarnation:
		return nil, noSuchRoom(name)
	case r.persistent:
		return nil, &schema.Refusal{Code: schema.Unavailable, Message: "the room has just become persistent: try again"}
	}
	said, _, refusal := s.book.ChangedRules(r.said, r.base, patch, by)
	if refusal != nil {
		return nil, refusal
	}
	if !patch.Empty() {
		s.directory.rule(r, said, r.base)
	}
	return r.rules.Public(), nil
}

// member is who is in a room, as WHO tells it.
type member struct {
	Client   *string           `json:"client"` // null: anonymous
	Sequence schema.SequenceID `json:"sequence"`
}

func (s *supervisor) askMembers(a asking, ask *ipc.AskMembers) {
	if s.directory.rooms[ask.Room] == nil {
		s.refuse(a, noSuchRoom(ask.Room))
		return
	}
	list := []member{}
	for _, id := range s.registry.in(ask.Room) {
		if client, _, ok := s.registry.sequence(id); ok && len(list) < membersMost {
			told := member{Sequence: id}
			if client != "" {
				told.Client = &client
			}
			list = append(list, told)
		}
	}
	text, _ := json.Marshal(list) // strings always marshal
	s.answer(a, ipc.Reply{JSON: text})
}

// askPutOut has the puddles put a client's sockets, or one, out of a room.
func (s *supervisor) askPutOut(a asking, ask *ipc.AskPutOut) {
	r := s.directory.rooms[ask.Room]
	if r == nil {
		s.refuse(a, noSuchRoom(ask.Room))
		return
	}
	var those []schema.SequenceID
	switch {
	case ask.Sequence != 0:
		those = []schema.SequenceID{ask.Sequence}
	case ask.Client != "":
		those = s.registry.of(ask.Client)
	}
	number := 0
	for _, id := range those {
		if _, rooms, ok := s.registry.sequence(id); ok && slices.Contains(rooms, ask.Room) {
			number++
		}
	}
	if number == 0 {
		s.refuse(a, &schema.Refusal{Code: schema.NotFound, Message: "nobody like that is in the room: WHO lists who is"})
		return
	}
	s.tell(r.slots(), ipc.ToPuddle{PutOut: &ipc.PutOut{Room: ask.Room, Client: ask.Client, Sequence: ask.Sequence}})
	s.answer(a, ipc.Reply{Number: number})
}

func thereAlready(name string) *schema.Refusal {
	return &schema.Refusal{Code: schema.Exists, Message: fmt.Sprintf("room %q is there already: JOIN it, or say another name", name)}
}
