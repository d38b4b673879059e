// Package table is the memory of one puddle slot: every live socket, the
// slot's log, its partial messages and outboxes, in one memfd that outlives
// the process serving the slot. DESIGN.md says in which order what is stored,
// and why a successor can go on from any instruction.
package table

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

const (
	magic = 0x65737568_74726f70 // "porthouse", as far as it fits
	// Layout is the version of everything in the memfd.
	Layout = 4
	// Slots is how many puddles a house can have: a peer is a bit of a word.
	Slots = 64

	page = 4096
)

// Geometry is how large each part of a table is. All of it is sparse: what
// was never touched costs nothing.
type Geometry struct {
	Sockets   uint32 // entries
	Rooms     uint32 // entries
	ReadBytes uint32 // the one read buffer
	_         uint32
	LogBytes  uint64 // a power of two
	SlabBytes uint64
}

// GeometryOf is the geometry that the settings ask for.
func GeometryOf(s schema.Settings) Geometry {
	return Geometry{
		Sockets:   uint32(s.Sockets),
		Rooms:     uint32(s.Sockets),
		ReadBytes: 256 << 10,
		LogBytes:  uint64(s.LogBytes),
		SlabBytes: uint64(s.SlabBytes),
	}
}

// House is the word of the supervisor that every puddle can see.
type House uint32

// What the house does now.
const (
	Starting House = iota
	Up
	Stopping
)

// header is the first page or two of the memfd.
type header struct {
	magic    uint64
	layout   uint32
	slot     uint32
	geometry Geometry

	epoch      uint64 // changes whenever what peers know of this table is void
	generation uint64 // how many processes have served it
	house      uint32
	_          uint32
	heartbeat  uint64

	reading     uint64 // socket+1 whose read is in flight, 0 none
	readingFrom uint64 // that socket's inbound offset of readBuffer[0]

	head uint64 // the log: committed up to here
	tail uint64 // the log: may be overwritten up to here

	follow     uint64 // the supervisor has read the log up to here
	followLost uint64 // 1: the log moved on without it
	newsFrom   uint64 // first news it has not read stands here or later
	newsTo     uint64 // the last news end here
	dozing     uint64 // 1: it wants to be woken by the next news

	frozen    uint64 // the generation that left everything in order; 0: none, ask the kernel
	doing     uint64 // what is taken in just now: socket+1, or peerDoing+slot; 0 nothing
	doingFrom uint64 // the log, where that began
	doingAt   uint64 // the socket's In, or the peer's Heard, before it
	refs      uint64 // the last that a room was given

	peers    [Slots]Peer
	counters [Counters]uint64

	dealing uint64 // the sequence that the process is dealing with alone; 0: with none, or with many
}

// Peer is what the table knows of one peer's log and of its reading of ours.
type Peer struct {
	Epoch uint64 // the peer's table that Heard counts in
	Heard uint64 // its log, taken over up to here
	Acked uint64 // our log, taken over by it up to here
	Aside Span   // our records that the log moved on without it
}

// NoSocket and NoRoom stand where there is none.
const (
	NoSocket = ^uint32(0)
	NoRoom   = ^uint32(0)
)

// Flags of a socket.
const (
	FlagExplicit uint8 = 1 << iota // not in step with its room: its place stands in the puddle
	FlagWaiting                    // its last send was not taken whole: EPOLLOUT is asked for
	FlagPaused                     // not read, until the log has room
	FlagPinged                     // a ping is out, no byte has come since
	FlagShut                       // our side of the stream is shut down
	FlagKnown                      // the registry knows it
	FlagWatched                    // it is in the poller's set
	FlagBusy                       // not read, while what it asked for is found out
)

// Arriving is what Moves of a socket is that has come from another slot, until
// it is known to peers and registry.
const Arriving = 0xff

// Socket is one entry: one socket, a sequence. Free when ID is 0.
type Socket struct {
	ID     schema.SequenceID
	FD     int32 // in the process that serves the slot
	State  schema.State
	Flags  uint8
	Code   schema.CloseCode // it closes with
	Room   uint32           // or NoRoom: in none, or in several
	Heard  uint32           // coarse clock: seconds, when a byte last came
	In     uint64           // inbound offset behind the last settled message
	Ctl    uint64           // inbound offset behind the last settled control frame
	Base   uint64           // stream length = Base + its room's Count of its Lane (or 0), modulo 2^64
	Part   Span             // inbound bytes not yet settled
	Spill  Span             // outbound bytes of its own, in stream order before the room's
	Since  int64            // Unix ms
	Addr   [16]byte
	Port   uint16
	Lane   uint8  // which of its room's streams it is sent
	Moves  uint8  // slot+1 that it is on its way to, or Arriving; 0: it stays
	Done   uint32 // bytes of Spill that are with the kernel; where the table is frozen
	Behind uint64 // bytes of its room's stream that it is owed, with its own messages among them; where the table is frozen
	Self   Span   // who it is, where that is more than an anonymous raw one in one room
	Agreed uint8  // extensions of its opening handshake; and Sealed
	_      [7]byte
}

// What a socket has agreed to (RFC 7692), and how it came.
const (
	Inflates uint8 = 1 << iota // it may send compressed messages
	Deflates                   // it is sent compressed ones
	Sealed                     // a proxy of ours says that its client speaks TLS
)

// Lanes is how many byte streams a room has: one a protocol, in which a message
// is that protocol's frame, and behind these one a protocol whose frames are
// compressed where that is worth it.
const Lanes = 2 * Protocols

// Protocols is how many protocols sockets speak.
const Protocols = 3

// LaneRaw is the stream of raw frames, which peers are told.
const LaneRaw = 0

// LaneNone, in a record, is a member that no stream of the room reaches: it is
// in several rooms, and each message is a frame of its own.
const LaneNone = 0xff

// Room is one room as the table knows it.
type Room struct {
	Ref             uint64 // never used twice in an epoch; 0: free
	Count           [Lanes]uint64
	Members         uint32 // here; this and the next three are read by the supervisor
	Anonymous       uint32 // of Members, those without a client
	Placed          uint32 // places granted to this slot that were taken or let go
	PlacedAnonymous uint32 // of Placed
	Peers           uint64 // puddles that have members of it, a bit each
	Facts           Span   // what the house knows of it
	Length          uint8
	Text            [schema.FullNameMost]byte
}

// Name is the room's full name.
func (r *Room) Name() string { return string(r.Text[:r.Length]) }

// Table is a mapped memfd. Only the goroutine that serves the slot may use
// it, but for the methods of watch.go, which another process calls.
type Table struct {
	fd  int
	mem []byte
	h   *header

	Sockets []Socket
	Rooms   []Room
	read    []byte
	log     []byte
	slab    slab

	touched     uint64 // of the ring, since Tidy
	freeSockets freeList
	freeRooms   freeList
}

type layout struct{ sockets, rooms, read, log, slab, end int }

func (g Geometry) layout() layout {
	var l layout
	up := func(n int) int { return (n + page - 1) &^ (page - 1) }
	l.sockets = up(headerSize)
	l.rooms = l.sockets + up(int(g.Sockets)*socketSize)
	l.read = l.rooms + up(int(g.Rooms)*roomSize)
	l.log = l.read + up(int(g.ReadBytes))
	l.slab = l.log + up(int(g.LogBytes))
	l.end = l.slab + up(int(g.SlabBytes))
	return l
}

func (g Geometry) check() error {
	switch {
	case g.Sockets < 1 || g.Rooms < 1 || g.Sockets > 1<<24 || g.Rooms > 1<<24:
		return fmt.Errorf("table: %d sockets, %d rooms: 1 to %d each", g.Sockets, g.Rooms, 1<<24)
	case g.LogBytes < 1<<16 || g.LogBytes&(g.LogBytes-1) != 0 || g.LogBytes > 1<<32:
		return fmt.Errorf("table: a log of %d bytes: a power of two from %d", g.LogBytes, 1<<16)
	case g.ReadBytes < 1<<12 || g.ReadBytes > 1<<26 || g.SlabBytes < 1<<16 || g.SlabBytes > 1<<40:
		return errors.New("table: read buffer or slab too small or too large")
	}
	return nil
}

// Create makes the table of a slot.
func Create(slot int, g Geometry) (*Table, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	if slot < 0 || slot >= Slots {
		return nil, fmt.Errorf("table: slot %d: a house has slots 0 to %d", slot, Slots-1)
	}
	fd, err := makeMemory(fmt.Sprintf("porthouse-slot-%d", slot), g.layout().end)
	if err != nil {
		return nil, err
	}
	t, err := attach(fd, g)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	t.h.layout, t.h.slot, t.h.geometry = Layout, uint32(slot), g
	t.h.epoch = newEpoch()
	atomic.StoreUint64(&t.h.magic, magic)
	return t, nil
}

// Open maps a table that another process made. It takes over fd.
func Open(fd int) (*Table, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, fmt.Errorf("table: stat of descriptor %d: %w", fd, err)
	}
	if stat.Size < page {
		return nil, fmt.Errorf("table: descriptor %d has %d bytes: that is no table", fd, stat.Size)
	}
	mem, err := mapMemory(fd, page)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	h := *headerOf(mem)
	if err := unix.Munmap(mem); err != nil {
		return nil, fmt.Errorf("table: munmap: %w", err)
	}
	switch {
	case h.magic != magic:
		return nil, fmt.Errorf("table: descriptor %d is no table of Porthouse", fd)
	case h.layout != Layout:
		return nil, fmt.Errorf("table: layout %d, this binary knows %d", h.layout, Layout)
	}
	if err := h.geometry.check(); err != nil {
		return nil, err
	}
	if l := h.geometry.layout(); int64(l.end) != stat.Size {
		return nil, fmt.Errorf("table: %d bytes where its geometry asks for %d", stat.Size, l.end)
	}
	return attach(fd, h.geometry)
}

func attach(fd int, g Geometry) (*Table, error) {
	l := g.layout()
	mem, err := mapMemory(fd, l.end)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	t := &Table{
		fd:      fd,
		mem:     mem,
		h:       headerOf(mem),
		Sockets: socketsOf(mem[l.sockets:l.rooms], int(g.Sockets)),
		Rooms:   roomsOf(mem[l.rooms:l.read], int(g.Rooms)),
		read:    mem[l.read : l.read+int(g.ReadBytes) : l.read+int(g.ReadBytes)],
		log:     mem[l.log : l.log+int(g.LogBytes) : l.log+int(g.LogBytes)],
	}
	t.slab = slab{mem: mem[l.slab:l.end]}
	t.freeSockets.limit, t.freeRooms.limit = g.Sockets, g.Rooms
	return t, nil
}

// Close unmaps the table; the memfd lives on where others hold it.
func (t *Table) Close() error {
	if t.mem == nil {
		return nil
	}
	err := errors.Join(unix.Munmap(t.mem), unix.Close(t.fd))
	t.mem, t.h, t.Sockets, t.Rooms, t.read, t.log = nil, nil, nil, nil, nil, nil
	return err
}

// Descriptor is the memfd.
func (t *Table) Descriptor() int { return t.fd }

// Slot is the place in the house that this table belongs to.
func (t *Table) Slot() int { return int(t.h.slot) }

// Epoch names what peers know of this table; a clean start changes it.
func (t *Table) Epoch() uint64 { return t.h.epoch }

// Peer is what is known of the peer in slot.
func (t *Table) Peer(slot int) *Peer { return &t.h.peers[slot] }

// Beat moves the heartbeat by which the supervisor sees that the loop turns.
func (t *Table) Beat() { atomic.AddUint64(&t.h.heartbeat, 1) }

// HouseNow is what the supervisor said last.
func (t *Table) HouseNow() House { return House(atomic.LoadUint32(&t.h.house)) }

// Begin counts a process that serves the table from now on.
func (t *Table) Begin() { atomic.AddUint64(&t.h.generation, 1) }

// BeginRead says whose bytes come next into the read buffer, and at which
// offset of its inbound stream, before they are taken from the kernel.
func (t *Table) BeginRead(socket uint32, from uint64) []byte {
	atomic.StoreUint64(&t.h.reading, 0)
	t.h.readingFrom = from
	atomic.StoreUint64(&t.h.reading, uint64(socket)+1)
	point()
	return t.read
}

// TakeSocket finds a free entry. The caller fills it and stores ID last.
func (t *Table) TakeSocket() (uint32, bool) { return t.freeSockets.take() }

// FreeSocket clears an entry, its ID first, and everything that it holds.
func (t *Table) FreeSocket(i uint32) {
	s := &t.Sockets[i]
	point()
	atomic.StoreUint64((*uint64)(&s.ID), 0)
	point()
	t.Drop(&s.Part)
	t.Drop(&s.Spill)
	t.Drop(&s.Self)
	*s = Socket{Room: NoRoom}
	t.freeSockets.give(i)
}

// TakeRoom finds a free entry for a room of that name, which CheckRoom passed.
func (t *Table) TakeRoom(name string) (uint32, bool) {
	i, ok := t.freeRooms.take()
	if !ok {
		return NoRoom, false
	}
	r := &t.Rooms[i]
	*r = Room{Length: uint8(len(name))}
	copy(r.Text[:], name)
	t.h.refs++
	atomic.StoreUint64(&r.Ref, t.h.refs<<24|uint64(i))
	return i, true
}

// RoomOf is the entry that a reference names, if it still does.
func (t *Table) RoomOf(ref uint64) (uint32, bool) {
	i := uint32(ref & (1<<24 - 1))
	if ref == 0 || int(i) >= len(t.Rooms) || t.Rooms[i].Ref != ref {
		return NoRoom, false
	}
	return i, true
}

// FreeRoom clears a room's entry.
func (t *Table) FreeRoom(i uint32) {
	atomic.StoreUint64(&t.Rooms[i].Ref, 0)
	t.Drop(&t.Rooms[i].Facts)
	t.freeRooms.give(i)
}

// StreamLength is how many bytes the socket should have been sent so far.
func (t *Table) StreamLength(s *Socket) uint64 {
	if s.Room == NoRoom {
		return s.Base
	}
	return s.Base + t.Rooms[s.Room].Count[s.Lane]
}

// freeList gives out the lowest numbers that were never used before it gives
// those that came back, newest first, so that touched pages stay few.
type freeList struct {
	back  []uint32
	next  uint32
	limit uint32
}

func (f *freeList) take() (uint32, bool) {
	if n := len(f.back); n > 0 {
		i := f.back[n-1]
		f.back = f.back[:n-1]
		return i, true
	}
	if f.next == f.limit {
		return 0, false
	}
	f.next++
	return f.next - 1, true
}

func (f *freeList) give(i uint32) { f.back = append(f.back, i) }
