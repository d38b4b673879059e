package puddle

import "github.com/porthouse/porthouse/ipc/table"

// redo is a message with more than one effect that the process before did half
// of. It is taken in again, and what the log's records say was done is left
// out (ipc/table/DESIGN.md, "In").
type redo struct {
	waits  bool // for the message
	on     bool // it is being taken in
	source table.Source
	of, at uint64          // what settled says of the source until the message is done
	rooms  map[uint32]bool // that have it
	had    map[uint32]int  // sockets, and how many frames of their own they were given by it
	left   []leaving       // what was left by it
}

// leaving is a socket's, of a room.
type leaving struct {
	socket uint32
	room   string
}

// settled is who a source is, and up to where it is settled.
func (p *Puddle) settled(source table.Source) (of, at uint64) {
	if source.Socket == table.NoSocket {
		known := p.table.Peer(source.Slot)
		return known.Epoch, known.Heard
	}
	s := &p.table.Sockets[source.Socket]
	return uint64(s.ID), s.In
}

// beginRedo: what is taken in now comes from source.
func (p *Puddle) beginRedo(source table.Source) {
	r := &p.redo
	of, at := p.settled(source)
	r.on = r.waits && source == r.source && of == r.of && at == r.at
}

// endRedo ends it where the message is settled. One that waits for the
// supervisor's word first is taken in again when that has come.
func (p *Puddle) endRedo() {
	r := &p.redo
	if !r.on {
		return
	}
	r.on = false
	if of, at := p.settled(r.source); of != r.of || at != r.at {
		*r = redo{}
	}
}

// has tells whether a room has the message.
func (r *redo) has(room uint32) bool { return r.on && r.rooms[room] }

// done tells whether a socket has its frame, once for each that it was given.
func (r *redo) done(socket uint32) bool {
	if !r.on || r.had[socket] == 0 {
		return false
	}
	r.had[socket]--
	return true
}

// hasLeft finds the room that a socket has left by it: the one of that name, or
// the only one.
func (r *redo) hasLeft(socket uint32, name string) (string, bool) {
	if !r.on {
		return "", false
	}
	for _, l := range r.left {
		if l.socket == socket && (name == "" || name == l.room) {
			return l.room, true
		}
	}
	return "", false
}

// findRedo finds out what the process before was doing.
func (p *Puddle) findRedo() {
	source, from, ok := p.table.Doing()
	if !ok {
		return
	}
	p.redo = redo{waits: true, source: source, rooms: map[uint32]bool{}, had: map[uint32]int{}}
	p.redo.of, p.redo.at = p.settled(source)
	p.table.Records(func(at uint64, r *table.Record) {
		switch {
		case at < from:
		case r.Kind == table.Message, r.Kind == table.Narrow:
			p.redo.rooms[r.Room] = true
		case r.Kind == table.Own && p.table.Sockets[r.Socket].ID == r.ID:
			p.redo.had[r.Socket]++
		case r.Kind == table.Leave && p.table.Sockets[r.Socket].ID == r.ID:
			p.redo.left = append(p.redo.left, leaving{r.Socket, string(p.table.ExtraBytes(at, r))})
		}
	})
}
