package puddle

import (
	"maps"
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// What a supervisor is told that has not heard everything: one that is new, and
// one that was left behind by the log or by a puddle that died. Each is told
// some in each turn of the loop; who begins to tell again tells all of it.

const (
	heldMost   = 128         // rooms a word
	standMost  = 512         // sequences a word
	retellRest = time.Second // from being left behind to being told
)

// retold is what is being told.
type retold struct {
	held   uint64 // how often it was begun to tell of the rooms
	stand  uint64 // and of the sequences
	behind bool   // it will be, of the sequences
}

// tellHeld tells the supervisor of the rooms and keys here, and then of the
// sequences. Until it knows all it is asked nothing.
func (p *Puddle) tellHeld() {
	p.untold = true
	p.retold.held++
	p.tellRooms(p.retold.held, slices.Collect(maps.Values(p.byName)), 0)
}

func (p *Puddle) tellRooms(number uint64, rooms []uint32, from int) {
	if number != p.retold.held {
		return
	}
	word := &ipc.Held{First: from == 0}
	for ; from < len(rooms) && len(word.Rooms) < heldMost; from++ {
		r := rooms[from]
		if p.rooms[r] == nil || p.byName[p.rooms[r].Name] != r {
			continue // gone meanwhile
		}
		held, _ := p.table.SpanBytes(p.table.Rooms[r].Facts)
		word.Rooms = append(word.Rooms, ipc.HeldRoom{Room: held, Grant: p.rooms[r].Grant})
	}
	if word.Last = from == len(rooms); word.Last {
		for i, st := range p.standings {
			if st != nil && st.key != "" {
				word.Siblings = append(word.Siblings, registration(st.key, p.table.Sockets[i].ID))
			}
		}
		word.Callers = p.allCallers()
	}
	p.say(ipc.FromPuddle{Held: word})
	if word.Last {
		p.untold = false
		p.askAll()
		p.tellStandings()
		return
	}
	p.box.call(func() { p.tellRooms(number, rooms, from) })
}

// leaveFollower lets the log move on without the registry, which is told anew
// when there is time for it.
func (p *Puddle) leaveFollower() {
	p.table.LeaveFollower()
	p.news = true
	if p.retold.behind {
		return
	}
	p.retold.behind = true
	p.log.Warn("the registry has fallen behind: it is told anew")
	time.AfterFunc(retellRest, func() { p.box.call(p.tellStandings) })
}

// tellStandings tells of the sequences what the table does not show.
func (p *Puddle) tellStandings() {
	p.retold.behind = false
	p.retold.stand++
	p.tellSequences(p.retold.stand, 0)
}

func (p *Puddle) tellSequences(number uint64, from int) {
	if number != p.retold.stand {
		return
	}
	word := &ipc.Stand{First: from == 0}
	for ; from < len(p.standings) && len(word.Sequences) < standMost; from++ {
		if one := p.standingTold(uint32(from)); one.Client != "" || one.Rooms != nil {
			word.Sequences = append(word.Sequences, one)
		}
	}
	word.Last = from >= len(p.standings)
	p.say(ipc.FromPuddle{Stand: word})
	if !word.Last {
		p.box.call(func() { p.tellSequences(number, from) })
	}
}

func (p *Puddle) standingTold(i uint32) (told ipc.Standing) {
	s := &p.table.Sockets[i]
	if s.ID == 0 || s.State == schema.Handshake || p.standing(i) == nil {
		return told
	}
	told.ID, told.Client = s.ID, p.identity(i).Client
	if s.Room == table.NoRoom {
		told.Rooms = p.roomNames(i)
	}
	return told
}
