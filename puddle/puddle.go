// Package puddle is one worker of a house. It accepts sockets on the shared
// port and serves them from one loop, in one direction: accept → handshake →
// sequence → room → outbox → frame. What a socket is stands in the table
// (ipc/table), so that the process is only the hands that serve it now.
package puddle

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/heap"
	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
)

// Puddle is everything that the loop goroutine owns.
type Puddle struct {
	slot       int
	settings   schema.Settings
	log        *slog.Logger
	table      *table.Table
	poll       *poller
	supervisor *ipc.Line
	keeping    keeping
	succession succession
	redo       redo
	move       *move                        // of sockets, to or from here; nil: none
	delayed    delayed                      // until it is over
	guests     map[schema.SequenceID]uint32 // sequences whose id names another entry
	passed     map[uint64]func(hitAnswer)   // to the successor
	passedID   uint64
	untold     bool // the supervisor does not know yet what is held here
	retold     retold
	frozen     bool // another serves the table, or is about to
	flushing   bool // something waits for the supervisor to take it
	orphaned   bool // it is gone
	poke       int  // an eventfd: news for the registry
	guard      guard

	listeners []listener
	stopping  bool
	finished  chan struct{} // closed when the last socket is gone after Stop

	now   uint32 // coarse clock: seconds
	ids   uint64
	live  int
	hands []hand // beside table.Sockets
	wheel wheel
	begun time.Time
	epoch int64 // begun, ms of the monotonic clock

	house     ipc.House                 // where addresses lead
	endpoints map[string][]ipc.Endpoint // by host
	proxies   []netip.Prefix
	overheard overheard
	desk      *desk
	deskShut  bool // it has said its last answer
	box       *mailbox

	rooms    []*room.Room // beside table.Rooms; nil: nobody here
	byName   map[string]uint32
	passing  passing // others' move
	drivers  *drivers
	openings map[uint32]*announcement
	retiring []retired
	answers  map[uint32]greeting    // the 101s that are not sent yet
	entries  map[uint32]*entry      // the ways into rooms under way
	entering *entry                 // the one that ends now
	scans    map[uint32]scan        // fragmented messages
	atDesk   map[netip.AddrPort]int // connections that were granted, and that the desk has

	standings []*standing         // beside table.Sockets
	clients   map[string][]uint32 // sockets by client
	expiring  map[uint32]bool     // sockets whose credential ends
	questions questions
	unsealed  unsealed
	receipts  map[uint64]*receipt // by log position

	small, large []uint32 // rooms with something to send
	owing        []uint32 // sockets with frames of their own to send
	waiting      []uint32 // sockets that are behind (may name some that are not any more)
	paused       []uint32 // sockets that are not read
	slow         []uint32 // sockets that may be too slow to hear
	failing      []uint32 // sockets that a send failed on: what they still said is read, then they end
	waitingSum   int      // bytes that those who wait are owed, as of the last second

	peers     [table.Slots]*peer
	linked    uint64 // peers that have said hello, though their link may be broken just now
	congested uint64 // peers that owe too much
	mesh      *ipc.MeshWriter
	meshIn    *ipc.MeshReader
	serving   bool
	serveBy   uint32

	lastReceived uint64 // table.Received, a second ago
	rest         heap.Rest
	news         bool // for the registry, since the last poke
	scratch      []byte
	gather       gathering
	inbound      []byte // a message's payload
	said         []byte // a reply
	laid         laid
	heard        message
	verdict      taking          // what was made of heard
	unmasked     [textPiece]byte // of a text that comes in pieces, unmasked
	parcel       parcel          // what a raw member says
	deflate      deflater
	ring         *ring // nil: there is none, each send is a call
	fanning      bool  // a fan-out is under way: its batch is in scratch
}

// garbagePercent is Go's: the heap is small and what handshakes leave in it
// should not stay for long.
const (
	garbagePercent = 25
	garbageRoom    = 4 << 20
)

// hand is what the process needs beside a socket's entry; all of it can be
// found again.
type hand struct {
	place uint64 // FlagExplicit: how much of its room's stream it has been sent
	seat  uint32 // in its room
	done  uint32 // bytes of Spill that are with the kernel
	due   uint32 // wheel
	next  uint32
	prev  uint32
	call  call // of its connection, where those of an address are limited
}

// Run serves until the supervisor says stop or is gone.
func Run(link *ipc.Conn) error {
	runtime.GOMAXPROCS(1) // the loop's
	heap.Room(garbageRoom, garbagePercent)
	signal.Ignore(syscall.SIGPIPE) // who reads the log may go
	var word ipc.ToPuddle
	descriptors, err := link.Receive(&word)
	if err != nil {
		return fmt.Errorf("puddle: waiting for Start: %w", err)
	}
	if word.Start == nil || len(descriptors) < 4 || word.Start.Adopt && len(descriptors) < 5 {
		return errors.New("puddle: the first word was not Start with a table, a poke, a keeper and a listener")
	}
	p, err := newPuddle(link, word.Start, descriptors)
	if err != nil {
		return fmt.Errorf("puddle %d: %w", word.Start.Slot, err)
	}
	return p.loop()
}

func newPuddle(link *ipc.Conn, start *ipc.Start, descriptors []int) (*Puddle, error) {
	t, err := table.Open(descriptors[0])
	if err != nil {
		return nil, err
	}
	line, err := ipc.LineOf(link)
	if err != nil {
		return nil, err
	}
	p := &Puddle{
		slot: start.Slot, settings: start.Settings, table: t, supervisor: line, poke: descriptors[1],
		log:      newLog(start),
		guard:    guard{headerBytes: start.Settings.HeaderBytes},
		finished: make(chan struct{}),
		now:      coarseNow(),
		begun:    time.Now(), epoch: monotonic(),
		byName: map[string]uint32{}, openings: map[uint32]*announcement{},
		answers: map[uint32]greeting{}, entries: map[uint32]*entry{}, scans: map[uint32]scan{}, atDesk: map[netip.AddrPort]int{},
		clients: map[string][]uint32{}, expiring: map[uint32]bool{}, receipts: map[uint64]*receipt{},
		guests:    map[schema.SequenceID]uint32{},
		deflate:   deflater{least: start.Settings.DeflateLeast, most: start.Settings.DeflateMost},
		questions: questions{pending: map[uint64]pending{}},
		mesh:      ipc.NewMeshWriter(), meshIn: ipc.NewMeshReader(),
	}
	p.wheel.clear()
	if p.drivers, err = newDrivers(&p.settings); err != nil {
		return nil, fmt.Errorf("driver-addresses: %w", err)
	}
	var seed [8]byte
	rand.Read(seed[:])
	p.ids = binary.LittleEndian.Uint64(seed[:])
	for _, network := range start.Settings.Proxies {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return nil, fmt.Errorf("proxies: %w", err)
		}
		p.proxies = append(p.proxies, prefix)
	}
	p.keeping.link = keeper.NewLink(descriptors[2])
	rest := descriptors[3:]
	if start.Adopt {
		p.succession.feed, rest = keeper.NewFeed(rest[0]), rest[1:]
		p.succession.expect, p.succession.expel, p.succession.closesAll = start.Fetch, start.Expel, start.CloseAll
	}
	for _, fd := range rest {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, fmt.Errorf("listener %d: %w", fd, err)
		}
		p.listeners = append(p.listeners, listener{fd: fd})
	}
	if start.Settings.Ring {
		if p.ring, err = newRing(); err != nil {
			p.log.Debug("no ring: each send is a call of its own", "reason", err)
		}
	}
	p.poll, err = newPoller(func(err error) {
		p.log.Error("the loop ended", "error", err)
		os.Exit(1) // the supervisor starts another
	})
	return p, err
}

func newLog(start *ipc.Start) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.Level(start.LogLevel)}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if start.LogJSON {
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	return slog.New(handler).With("puddle", start.Slot)
}

// loop hands everything to the loop goroutine and waits for the end.
func (p *Puddle) loop() error {
	box, err := newMailbox()
	if err != nil {
		return err
	}
	clock, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	second := unix.Timespec{Sec: 1}
	if err := unix.TimerfdSettime(clock, 0, &unix.ItimerSpec{Interval: second, Value: second}, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	p.box = box
	p.openDesk()
	watched := map[int]func(netpoll.EpollEvent){
		p.poll.again:              func(netpoll.EpollEvent) { p.poll.cameBack(); p.endTick() },
		p.supervisor.Descriptor(): func(netpoll.EpollEvent) { p.onSupervisor() },
		clock:                     func(netpoll.EpollEvent) { p.onSecond(clock) },
		box.fd:                    func(netpoll.EpollEvent) { box.open(p.onHit); p.endTick() },
	}
	if p.succession.feed != nil {
		watched[p.succession.feed.Descriptor()] = func(netpoll.EpollEvent) { p.onFeed() }
	} else {
		p.table.Begin()
		watched[p.poll.set] = func(netpoll.EpollEvent) { p.onSockets() }
		watched[p.keeping.link.Descriptor()] = func(netpoll.EpollEvent) { p.onKeeper() }
	}
	if p.succession.closesAll {
		return p.closeFetched()
	}
	adopts := p.succession.feed != nil
	p.say(ipc.FromPuddle{Started: &ipc.Started{Pid: os.Getpid()}})
	for fd, call := range watched {
		if err := p.poll.watch(fd, readable, call); err != nil {
			return err
		}
	}
	if adopts {
		p.box.call(p.awaitRest)
	}
	<-p.finished
	return nil
}

// serve accepts, once every peer that there is has said hello, or had time to.
func (p *Puddle) serve() {
	if p.serving || p.stopping || p.frozen || p.succession.feed != nil || p.serveBy == 0 {
		return
	}
	for _, peer := range p.peers {
		if peer != nil && p.linked&(1<<peer.slot) == 0 && p.now < p.serveBy {
			return
		}
	}
	p.serving = true
	p.openDoors()
	p.say(ipc.FromPuddle{Ready: &ipc.Ready{}})
}

// stop closes everybody with 1001, and the desk when what it was asked is
// answered.
func (p *Puddle) stop(drain time.Duration) {
	if p.stopping {
		return
	}
	if p.frozen {
		p.release(drain)
		return
	}
	p.stopping = true
	p.closeDoors()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		p.desk.stop(ctx)
		p.box.call(func() { p.deskShut = true; p.finishIfEmpty() })
	}()
	time.AfterFunc(drain, func() { p.box.call(p.finishAll) })
	for i := range p.hands {
		if p.table.Sockets[i].ID != 0 {
			p.happen(uint32(i), gone(schema.CloseHouseStops, "the house stops"))
		}
	}
	p.endTick()
	p.finishIfEmpty()
}

// finishIfEmpty ends a stop when nobody is left.
func (p *Puddle) finishIfEmpty() {
	if p.stopping && p.live == 0 && p.deskShut {
		p.finishAll()
	}
}

func (p *Puddle) finishAll() {
	select {
	case <-p.finished:
	default:
		close(p.finished)
	}
}

// putOut closes one sequence on the supervisor's word.
func (p *Puddle) putOut(word *ipc.Close) bool {
	i, here := p.find(word.Sequence)
	if here {
		p.happen(i, gone(word.Code, word.Reason))
	}
	return here
}

// onSockets is a tick: one batch of the sockets' events, then all that
// follows from them.
func (p *Puddle) onSockets() {
	if p.frozen || p.standsStill() {
		return // of the batch in which it froze
	}
	n := wait(p.poll.set, p.poll.events)
	for _, event := range p.poll.events[:n] {
		i := uint32(event.Fd)
		s := &p.table.Sockets[i]
		if uint32(s.ID>>32) != uint32(event.Pad) {
			continue // a former holder's
		}
		p.table.Deal(s.ID)
		if event.Events&unix.EPOLLOUT != 0 {
			p.catchUp(i)
		}
		// EPOLLHUP and EPOLLERR may stand before unread bytes: only recv decides.
		if event.Events&^unix.EPOLLOUT != 0 {
			p.read(i)
		}
	}
	p.table.Deal(0)
	p.endTick()
}

// endTick sends what the tick has brought: to the peers first, so that they
// work while we do, then to the rooms, then frames of the sockets' own.
func (p *Puddle) endTick() {
	if p.frozen || p.succession.feed != nil {
		p.askAll()
		return // nothing of the table is ours
	}
	p.tellPeers()
	more := p.fanOut()
	p.sendOwn()
	if p.standsStill() {
		p.askAll()
		p.tellKeeper()
		if more || p.pending() {
			p.poll.comeBack()
		}
		runtime.Gosched()
		return // nothing new happens now
	}
	p.judgeSlow()
	p.endFailed()
	p.moveLogOn()
	p.resume()
	p.askAll()
	p.tellKeeper()
	if p.news {
		p.news = false
		if p.table.Rouse() {
			unix.Write(p.poke, one)
		}
	}
	if more || p.pending() {
		p.poll.comeBack()
	}
	runtime.Gosched() // or the runtime takes the loop for stuck
}

// An id has its socket's entry in its lowest bits, so that it is found by it.
const (
	entryBits = 24
	entryMask = 1<<entryBits - 1
)

// newID makes ids that no other sequence of this process has, and hardly one
// of another: splitmix64 of a counter from a random start, above the entry.
func (p *Puddle) newID(entry uint32) schema.SequenceID {
	if z := p.number() &^ entryMask; z != 0 {
		return schema.SequenceID(z | uint64(entry))
	}
	return p.newID(entry)
}

// number is one that this process has not given before.
func (p *Puddle) number() uint64 {
	p.ids += 0x9e3779b97f4a7c15
	z := p.ids
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (p *Puddle) debug(message string, s *table.Socket, args ...any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.log.Debug(message, append([]any{"sequence", s.ID.String()}, args...)...)
	}
}
