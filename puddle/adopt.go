package puddle

import (
	"bytes"
	"os"
	"slices"
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
)

// How a puddle takes a table over (ipc/table/DESIGN.md, "Recovery"): it fetches
// the descriptors while another still serves, and when that one has ended,
// whether it froze or died, it goes through
//
//	recover → rooms → sockets → peers → seats → owed → reads → serve

// adopt takes the table over.
func (p *Puddle) adopt() {
	begun := time.Now()
	planned := p.table.Frozen()
	if err := p.table.Recover(); err != nil {
		p.log.Error("the table cannot be taken over", "error", err)
		os.Exit(1)
	}
	p.table.Begin()
	p.now = coarseNow()
	p.takeRooms()
	selves := p.takeSockets()
	p.takePeers()
	p.seatAll(selves)
	p.fillLanes()
	p.findOwed(planned)
	p.findRedo()
	p.settleRooms()
	p.takeMoves()
	p.poll.forget(p.succession.feed.Descriptor())
	p.succession.feed.Close()
	lost, words := p.succession.lost, p.succession.words
	p.succession = succession{}
	if err := p.poll.watch(p.poll.set, readable, func(netpoll.EpollEvent) { p.onSockets() }); err != nil {
		p.log.Error("cannot watch the sockets", "error", err)
		os.Exit(1)
	}
	p.poll.watch(p.keeping.link.Descriptor(), readable, func(netpoll.EpollEvent) { p.onKeeper() })
	if !planned {
		p.settleRead()
	}
	total := p.live
	p.goOn(selves)
	lost = append(lost, p.succession.lost...)
	p.serving = true
	p.say(ipc.FromPuddle{Adopted: &ipc.Adopted{Sockets: total, Lost: lost, Planned: planned, Took: int64(time.Since(begun))}})
	p.say(ipc.FromPuddle{Ready: &ipc.Ready{}})
	p.untold = true
	p.box.call(p.tellHeld) // when everybody is served
	p.openDoors()
	for _, heard := range words {
		p.onWord(heard.word, heard.descriptors)
	}
	p.endTick()
}

// lose notes a socket that cannot be taken over.
func (p *Puddle) lose(i uint32, why string) {
	s := &p.table.Sockets[i]
	p.log.Error("a socket is lost", "sequence", s.ID.String(), "why", why)
	p.succession.lost = append(p.succession.lost, s.ID.String()+": "+why)
}

// readRoom is what the table has of a room.
type readRoom struct {
	text  []byte
	facts room.Facts
}

// readRooms reads ahead while another serves. What it reads may be past by
// then, so it is compared with the table once that is ours.
func (p *Puddle) readRooms() {
	p.succession.rooms = map[uint32]readRoom{}
	for n := range p.table.Rooms {
		r := &p.table.Rooms[n]
		if r.Length == 0 {
			return // never used, and none after it
		}
		if held, _ := p.table.SpanBytes(r.Facts); len(held) > 0 {
			p.succession.rooms[uint32(n)] = p.readRoom(bytes.Clone(held), r)
		}
	}
}

func (p *Puddle) readRoom(text []byte, r *table.Room) readRoom {
	var told ipc.Room
	if len(text) == 0 || ipc.Decode(text, &told) != nil {
		told = ipc.Room{Name: r.Name()}
	}
	facts := p.factsOf(&told)
	facts.Grant = told.Grant
	return readRoom{text, facts}
}

// takeRooms makes the rooms of the table. Those that nobody was told of are
// let go.
func (p *Puddle) takeRooms() {
	for n := range p.table.RoomsTaken() {
		r := &p.table.Rooms[n]
		for int(n) >= len(p.rooms) {
			p.rooms = append(p.rooms, nil)
		}
		if r.Ref == 0 {
			continue
		}
		held, _ := p.table.SpanBytes(r.Facts)
		read, known := p.succession.rooms[uint32(n)]
		if !known || !bytes.Equal(read.text, held) {
			read = p.readRoom(held, r)
		}
		p.rooms[n] = room.New(read.facts)
		p.rooms[n].Peers = r.Peers
		r.Members, r.Anonymous, r.Placed, r.PlacedAnonymous = 0, 0, 0, 0
	}
}

// arrived tells whether a socket that came from another slot is with this one:
// from its first record on, a sibling from that of its main.
func (p *Puddle) arrived(s *table.Socket) bool {
	if s.State == schema.Handshake {
		return false
	}
	held, _ := p.table.SpanBytes(s.Self)
	self := ipc.Self{}
	if len(held) == 0 || ipc.Decode(held, &self) != nil || self.Main == 0 {
		return true
	}
	for i := range p.table.SocketsTaken() {
		if main := &p.table.Sockets[i]; main.ID == self.Main {
			return main.Moves != table.Arriving || main.State != schema.Handshake
		}
	}
	return false // it was let go a moment ago
}

// takeSockets gives each socket its descriptor, and its standing. One that
// nothing was kept of is gone: nobody can have been answered on it.
func (p *Puddle) takeSockets() map[uint32]*ipc.Self {
	selves := map[uint32]*ipc.Self{}
	states := [schema.States]int{}
	su := &p.succession
	for i := range p.table.SocketsTaken() {
		s := &p.table.Sockets[i]
		p.makeHand(i)
		if s.ID == 0 {
			continue
		}
		if int(i) >= len(su.fetched) || su.fetched[i].id != s.ID {
			if s.Flags&table.FlagKnown != 0 && s.Moves == 0 { // else it is with another puddle
				p.lose(i, "its descriptor was not kept")
			}
			p.table.FreeSocket(i)
			continue
		}
		if s.ID == su.expel {
			p.banish(i)
			continue
		}
		p.table.Deal(s.ID)
		if s.Moves == table.Arriving {
			if !p.arrived(s) { // its mover serves it on
				p.poll.dropSocket(su.fetched[i].fd)
				unix.Close(int(su.fetched[i].fd))
				p.keeping.gone = append(p.keeping.gone, keeper.Held{Index: i, ID: s.ID})
				su.fetched[i] = fetched{fd: -1}
				p.table.FreeSocket(i)
				continue
			}
			s.Moves = 0
		}
		p.host(i)
		if s.Moves != 0 {
			p.poll.changeSocket(su.fetched[i].fd, i, uint64(s.ID), 0)
		}
		s.FD = su.fetched[i].fd
		su.fetched[i] = fetched{fd: -1}
		s.Flags = s.Flags&(table.FlagPinged|table.FlagShut|table.FlagKnown) | table.FlagWatched
		p.live++
		states[s.State]++
		if s.State == schema.Handshake {
			p.table.Drop(&s.Self) // it begins again
		} else if self := p.standUp(i); self != nil {
			selves[i] = self
		}
	}
	p.table.Deal(0)
	for index, left := range su.fetched { // closed in the table, not yet with the keeper
		if left.id != 0 && left.fd >= 0 {
			p.poll.dropSocket(left.fd)
			unix.Shutdown(int(left.fd), unix.SHUT_RDWR)
			unix.Close(int(left.fd))
			p.keeping.gone = append(p.keeping.gone, keeper.Held{Index: uint32(index), ID: left.id})
		}
	}
	for state, n := range states {
		p.table.SetGauge(table.StateGauge+table.Counter(state), n)
	}
	p.table.SetGauge(table.OutboxBytes, 0)
	return selves
}

// takePeers goes on with the peers of the table; their links come.
func (p *Puddle) takePeers() {
	for slot := range p.peers {
		known := p.table.Peer(slot)
		if known.Epoch == 0 {
			continue
		}
		to := &peer{slot: slot, fd: -1, told: known.Acked, settled: known.Acked, heard: known.Heard, progress: p.now}
		p.countDebt(to, known.Acked)
		p.peers[slot] = to
		p.linked |= 1 << slot
	}
}

// owes counts a record that the peer has not taken over.
func (p *peer) owes(at, end, acked uint64) {
	if end <= acked {
		return
	}
	if p.debt == 0 {
		p.settled, p.told = at, at
	}
	p.owed = end
	p.debt += int(end - at)
}

// seatAll seats everybody where they sat.
func (p *Puddle) seatAll(selves map[uint32]*ipc.Self) {
	rooms := p.roomsByLog(selves)
	for i := range p.table.SocketsTaken() {
		s := &p.table.Sockets[i]
		if s.ID == 0 || s.State != schema.InRoom {
			continue
		}
		st := p.standing(i)
		if s.Room != table.NoRoom {
			own := p.rooms[s.Room].OpenLane(s.Lane)
			p.hands[i].seat = own.Add(i)
			p.seated1(i, s.Room, st, selves[i], false)
			continue
		}
		for _, r := range rooms[i] {
			p.seated1(i, r, st, selves[i], true)
		}
	}
	for i, self := range selves {
		if main, here := p.find(self.Main); here && self.Main != 0 {
			p.standings[i].main, p.stands(main).sibling = main, i
		}
	}
}

// seated1 notes one seat that a socket has again.
func (p *Puddle) seated1(i, r uint32, st *standing, self *ipc.Self, wide bool) {
	here := &p.table.Rooms[r]
	here.Members++
	if p.anonymous(i) {
		here.Anonymous++
	}
	if st == nil {
		return
	}
	m := membership{room: r}
	if wide {
		st.wide = true
		m.seat = p.rooms[r].AddWide(i)
		m.deaf = !room.MayHear(&room.Asker{Scope: p.identity(i).Rooms.Of(p.rooms[r].Name)})
	}
	for _, was := range self.Rooms {
		if was.Room == r && was.Ref == here.Ref {
			m.bucket, m.over, m.driven = room.BucketOf(was.Bucket), room.OverrunOf(was.Over), drivenOf(was.Driven)
		}
	}
	st.rooms = append(st.rooms, m)
}

// roomsByLog are the rooms of the sockets that no lane reaches: those that the
// table's copy names, and what the log says has happened since.
func (p *Puddle) roomsByLog(selves map[uint32]*ipc.Self) map[uint32][]uint32 {
	rooms := map[uint32][]uint32{}
	for i, self := range selves {
		for _, m := range self.Rooms {
			if int(m.Room) < len(p.rooms) && p.rooms[m.Room] != nil && p.table.Rooms[m.Room].Ref == m.Ref {
				rooms[i] = append(rooms[i], m.Room)
			}
		}
	}
	p.table.Records(func(_ uint64, r *table.Record) {
		if r.Socket == table.NoSocket || p.table.Sockets[r.Socket].ID != r.ID {
			return
		}
		in := rooms[r.Socket]
		switch at := slices.Index(in, r.Room); {
		case (r.Kind == table.Join || r.Kind == table.Wide) && at < 0 && r.Room != table.NoRoom:
			rooms[r.Socket] = append(in, r.Room)
		case r.Kind == table.Leave && at >= 0:
			rooms[r.Socket] = slices.Delete(in, at, at+1)
		}
	})
	return rooms
}

// fillLanes puts the log's messages into the lanes again.
func (p *Puddle) fillLanes() {
	p.table.Records(func(at uint64, r *table.Record) {
		if r.Kind != table.Message || r.Room == table.NoRoom || int(r.Room) >= len(p.rooms) || p.rooms[r.Room] == nil {
			return
		}
		sender := room.NoSender
		if r.Socket != table.NoSocket && r.Lane != table.LaneNone && p.table.Sockets[r.Socket].ID == r.ID {
			sender = r.Socket
		}
		for lane := range uint8(room.Lanes) {
			if r.Sizes[lane] > 0 && p.rooms[r.Room].Speaks(lane) {
				p.rooms[r.Room].Lane(lane).Append(at, r.Sizes[lane], sender)
			}
		}
	})
	for _, r := range p.rooms {
		if r == nil {
			continue
		}
		for lane := range uint8(room.Lanes) {
			if own := r.Lane(lane); own != nil {
				own.Settle()
			}
		}
	}
}

// settleRooms lets go of rooms that nobody is in.
func (p *Puddle) settleRooms() {
	for n, r := range p.rooms {
		if r != nil && r.Members() > 0 {
			p.byName[r.Name] = uint32(n)
		}
	}
	for n, r := range p.rooms {
		if r == nil || r.Members() > 0 {
			continue
		}
		if _, again := p.byName[r.Name]; !again {
			p.byName[r.Name] = uint32(n)
			p.closeIfEmpty(uint32(n))
			continue
		}
		p.retiring = append(p.retiring, retired{uint32(n), p.table.Head()})
	}
	p.table.SetGauge(table.RoomsHere, len(p.byName))
}

// goOn takes up what every socket was doing.
func (p *Puddle) goOn(selves map[uint32]*ipc.Self) {
	if p.redo.waits && p.redo.source.Socket != table.NoSocket {
		p.table.Deal(p.table.Sockets[p.redo.source.Socket].ID)
		p.readOn(p.redo.source.Socket, table.FlagPaused) // what was half done comes first
	}
	for i := range p.table.SocketsTaken() {
		s := &p.table.Sockets[i]
		if s.ID == 0 || s.Moves != 0 {
			continue
		}
		id := s.ID
		p.table.Deal(id)
		switch s.State {
		case schema.Handshake:
			p.schedule(i, p.after(p.settings.HeaderTime))
		case schema.Closing:
			p.schedule(i, p.after(p.settings.CloseTime))
			p.owing = append(p.owing, i)
		case schema.InRoom:
			p.schedule(i, s.Heard+seconds(p.settings.PingEvery))
		default:
			p.schedule(i, p.now+1)
		}
		if self := selves[i]; self != nil && self.Entry != nil && p.standing(i) != nil {
			p.enterAgain(i, self.Entry)
		}
		if s.ID == id && len(p.part0(s)) > 0 {
			p.readOn(i, table.FlagPaused)
		}
	}
	p.table.Deal(0)
}
