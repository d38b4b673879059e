package puddle

import (
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// standing is what a puddle knows of a socket that is more than an anonymous
// raw one in one room, which has none.
type standing struct {
	speaks format.Protocol
	piped  bool // raw, and was in a room: nothing that it says is a command
	wide   bool // no lane reaches it: it is in several rooms, or does not hear
	warned bool // that its token expires
	stale  bool // the table's copy is older
	tries  uint8
	spoke  uint32 // seconds: its last command

	who   *schema.Identity // nil: anonymous
	door  *door
	rooms []membership
	entry *entry // its way into a room, while it is asked for something
	order *order // what it said and is not done yet

	pace room.Bucket // of its commands

	key     string // opens its sibling; "" if there is none
	sibling uint32 // the socket that commands it, or NoSocket
	main    uint32 // the socket that it commands, or NoSocket

	heardOf map[int]spread // the last message that came through several rooms, by the slot that it came from
}

// membership is a socket's place in one room.
type membership struct {
	room   uint32
	seat   uint32 // among the room's wide members, if the socket is wide
	deaf   bool   // its token is for sending only
	bucket room.Bucket
	over   room.Overrun
	driven *driven // where it stands with the room's driver; nil: at the top
}

// door is by which address a socket came.
type door struct {
	host   string
	origin []byte // nil: no page
	client string // whose endpoint it is; "": the primary one
	admits []string
}

var frontDoor = &door{}

// standing is a socket's, nil if it has none.
func (p *Puddle) standing(i uint32) *standing {
	if int(i) < len(p.standings) {
		return p.standings[i]
	}
	return nil
}

// stands is a socket's standing, made if need be.
func (p *Puddle) stands(i uint32) *standing {
	for int(i) >= len(p.standings) {
		p.standings = append(p.standings, nil)
	}
	st := p.standings[i]
	if st == nil {
		st = &standing{door: frontDoor, sibling: table.NoSocket, main: table.NoSocket, spoke: p.now}
		if s := &p.table.Sockets[i]; s.Room != table.NoRoom {
			st.rooms = append(st.rooms, membership{room: s.Room})
			st.piped = true
		}
		p.standings[i] = st
	}
	return st
}

// forgetStanding ends what a socket was.
func (p *Puddle) forgetStanding(i uint32) {
	st := p.standing(i)
	if st == nil {
		return
	}
	p.unlink(i, st)
	p.known(i, st, nil)
	p.standings[i] = nil
}

// speaks is a socket's protocol.
func (p *Puddle) speaks(i uint32) format.Protocol {
	if st := p.standing(i); st != nil {
		return st.speaks
	}
	return format.Raw
}

// laneFor is the lane of a room that a socket sits in.
func (p *Puddle) laneFor(i uint32) uint8 {
	if p.table.Sockets[i].Agreed&table.Deflates != 0 {
		return uint8(p.speaks(i)) + room.Protocols
	}
	return uint8(p.speaks(i))
}

// frameFor is a message as a socket hears it.
func (p *Puddle) frameFor(i uint32, l *laid) []byte {
	frame, _ := l.inLane(p.laneFor(i))
	return frame
}

// identity is who a socket is; nobody if it is anonymous.
func (p *Puddle) identity(i uint32) schema.Identity {
	if st := p.standing(i); st != nil && st.who != nil {
		return *st.who
	}
	return schema.Identity{}
}

// known notes who a socket is from now on; nil: nobody any more.
func (p *Puddle) known(i uint32, st *standing, who *schema.Identity) {
	if st.who != nil && st.who.Client != "" {
		rest := slices.DeleteFunc(p.clients[st.who.Client], func(other uint32) bool { return other == i })
		if p.clients[st.who.Client] = rest; len(rest) == 0 {
			delete(p.clients, st.who.Client)
		}
		if st.who.Expires != 0 {
			delete(p.expiring, i)
		}
	}
	st.who, st.warned = who, false
	if who == nil || who.Client == "" {
		return
	}
	p.clients[who.Client] = append(p.clients[who.Client], i)
	if who.Expires != 0 {
		p.expiring[i] = true
	}
}

// anonymous tells whether a socket counts as one without a client.
func (p *Puddle) anonymous(i uint32) bool {
	st := p.standing(i)
	return st == nil || st.who == nil || !st.who.Known()
}

// asker is a socket as the questions of the supervisor name it.
func (p *Puddle) asker(i uint32) ipc.Asker {
	who := p.identity(i)
	return ipc.Asker{Client: who.Client, Owner: who.Owner, Primary: who.Primary, Admin: who.Admin, Rooms: who.Rooms, Sequence: p.table.Sockets[i].ID}
}

// before is a socket as a room's rules judge it.
func (p *Puddle) before(i uint32, r *room.Facts, surface room.Surface) room.Asker {
	who, st := p.identity(i), p.standing(i)
	a := room.Asker{
		Surface: surface, Client: who.Client, Admin: who.Admin, Scope: who.Rooms.Of(r.Name),
		Owner:  rules(r, who.Client, p.table.Sockets[i].ID),
		Member: p.isIn(i, r.Name),
	}
	if st != nil {
		a.Origin, a.Host = st.door.origin, []byte(st.door.host)
	}
	return a
}

// rules tells whether a room is somebody's own.
func rules(r *room.Facts, client string, id schema.SequenceID) bool {
	return r.Owner != "" && r.Owner == client || r.Maker != 0 && r.Maker == id
}

// in is a socket's membership in a room, nil if it is not in or has no standing.
func (st *standing) in(r uint32) *membership {
	if st == nil {
		return nil
	}
	for n := range st.rooms {
		if st.rooms[n].room == r {
			return &st.rooms[n]
		}
	}
	return nil
}

// isIn tells whether a socket is in a room.
func (p *Puddle) isIn(i uint32, name string) bool {
	r, known := p.byName[name]
	return known && (p.table.Sockets[i].Room == r || p.standing(i).in(r) != nil)
}

// roomsOf are the rooms that a socket is in.
func (p *Puddle) roomsOf(i uint32) []uint32 {
	if st := p.standing(i); st != nil {
		all := make([]uint32, len(st.rooms))
		for n := range st.rooms {
			all[n] = st.rooms[n].room
		}
		return all
	}
	if r := p.table.Sockets[i].Room; r != table.NoRoom {
		return []uint32{r}
	}
	return nil
}

func (p *Puddle) roomNames(i uint32) []string {
	names := []string{}
	for _, r := range p.roomsOf(i) {
		names = append(names, p.rooms[r].Name)
	}
	return names
}
