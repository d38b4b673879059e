package supervisor

import (
	"sync"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/supervisor/book"
)

// What puddles are told unasked.

// tell says a word to some slots' puddles.
func (s *supervisor) tell(to slotSet, word ipc.ToPuddle) {
	for _, slot := range s.slots {
		if to.has(slot.number) {
			s.say(slot, word)
		}
	}
}

// tellAll says a word to every puddle.
func (s *supervisor) tellAll(word ipc.ToPuddle) { s.tell(^slotSet(0), word) }

// addresses is the word of where addresses lead.
func (s *supervisor) addresses() ipc.ToPuddle {
	h := &ipc.House{Memory: s.claims.name, Primary: s.config.Primary, Origins: s.book.Defaults(false).Origins}
	for _, e := range s.book.Endpoints() {
		h.Endpoints = append(h.Endpoints, ipc.Endpoint{Host: e.Host, Name: e.Name, Room: e.Room, Client: e.Client})
	}
	return ipc.ToPuddle{House: h}
}

// changes are what the book told and the select has not looked at yet, in
// order. It locks itself.
type changes struct {
	wake chan struct{}

	mu   sync.Mutex
	list []book.Change
}

func newChanges() *changes { return &changes{wake: make(chan struct{}, 1)} }

// add never waits: the book tells in the middle of its own work.
func (c *changes) add(change book.Change) {
	c.mu.Lock()
	c.list = append(c.list, change)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // woken already
	}
}

func (c *changes) take() []book.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.list
	c.list = nil
	return taken
}

// heard is called by the book, in the goroutine that changes it.
func (s *supervisor) heard(change book.Change) {
	for _, client := range []string{change.ClientRemoved, change.PasswordChanged, change.TOTPChanged} {
		if client != "" {
			s.verifier.ForgetClient(client)
		}
	}
	s.changes.add(change)
}

// takeChanges brings the directory and the puddles up to the book.
func (s *supervisor) takeChanges() {
	for _, change := range s.changes.take() {
		s.changed(change)
	}
}

func (s *supervisor) changed(change book.Change) {
	switch {
	case change.ClientChanged != "":
		if client, found := s.book.Client(change.ClientChanged); found {
			s.tellAll(ipc.ToPuddle{Client: &ipc.Client{Identity: client.Identity()}})
		}
	case change.ClientRemoved != "":
		s.tellAll(ipc.ToPuddle{Revoked: &ipc.Revoked{Client: change.ClientRemoved}})
	case change.TokenRevoked.ID != "":
		s.tellAll(ipc.ToPuddle{Revoked: &ipc.Revoked{Client: change.TokenRevoked.Client, Token: change.TokenRevoked.ID}})
	case change.RoomChanged != "":
		if room, found := s.book.Room(change.RoomChanged); found {
			s.keep(room)
		}
	case change.RoomRemoved != "":
		s.unkeep(change.RoomRemoved)
	case change.EndpointsChanged:
		s.tellAll(s.addresses())
	}
}

// keep takes a persistent room as the book has it.
func (s *supervisor) keep(room book.Room) {
	s.directory.persist(room.Name, room.Owner, room.Said, s.book.Defaults(false))
	s.rooms.keep(room.Name, true)
	s.countRooms()
}

func (s *supervisor) unkeep(name string) {
	if r := s.directory.rooms[name]; r == nil || !r.persistent {
		return
	}
	s.directory.remove(name, roomRemoved)
	s.rooms.keep(name, false)
	s.countRooms()
}
