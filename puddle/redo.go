package puddle

import "github.com/porthouse/porthouse/ipc/table"

// redo is a message with more than one effect that the process before did half
// of. It is taken in again, and what the log's records say was done is left
// out (ipc/table/DESIGN.md, "In").
type redo struct {
	waits  bool // for the message
	on     bool // it is being taken in
	source table.Source
	rooms  map[uint32]bool // that have it
	had    map[uint32]int  // sockets, and how many frames of their own they were given by it
}

// begin: what is taken in now comes from source.
func (r *redo) begin(source table.Source) { r.on = r.waits && source == r.source }

func (r *redo) end() {
	if r.on {
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

// findRedo finds out what the process before was doing.
func (p *Puddle) findRedo() {
	source, from, ok := p.table.Doing()
	if !ok {
		return
	}
	p.redo = redo{waits: true, source: source, rooms: map[uint32]bool{}, had: map[uint32]int{}}
	p.table.Records(func(at uint64, r *table.Record) {
		switch {
		case at < from:
		case r.Kind == table.Message, r.Kind == table.Narrow:
			p.redo.rooms[r.Room] = true
		case r.Kind == table.Own && p.table.Sockets[r.Socket].ID == r.ID:
			p.redo.had[r.Socket]++
		}
	})
}
