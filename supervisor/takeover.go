package supervisor

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// A supervisor that finds keepers in its data folder takes over the house that
// they kept: its listeners, tables and puddles. The one before was killed, or
// has become this one by exec.

// heirloom is what a keeper of a former supervisor has.
type heirloom struct {
	master    *keeper.Master
	inventory keeper.Inventory
	fds       []int // memory, poke, listeners
}

// findKeepers asks the keepers of the folder. None: there is no house to take
// over.
func (s *supervisor) findKeepers() (found []heirloom) {
	for number := range SlotsMost {
		path := s.folder.file(keeperFile(number))
		if _, err := os.Stat(path); err != nil {
			break
		}
		master, err := keeper.Dial(path)
		if err != nil {
			s.log.Debug("no keeper", "puddle", number, "error", err)
			break
		}
		inventory, fds, err := master.Inventory()
		if err != nil || len(fds) < 3 || inventory.Slot != number {
			s.log.Warn("a keeper has nothing to take over", "puddle", number, "error", err)
			closeDescriptors(fds)
			master.Dismiss()
			master.Close()
			break
		}
		found = append(found, heirloom{master, inventory, fds})
	}
	return found
}

// inherit makes doors and slots of what the keepers have.
func (s *supervisor) inherit(found []heirloom) error {
	if len(found) != s.config.Puddles {
		s.wanted, s.config.Puddles = s.config.Puddles, len(found)
	}
	for n, fd := range found[0].fds[2:] {
		d := &door{}
		for _, h := range found {
			d.listeners = append(d.listeners, h.fds[2+n])
		}
		address, err := boundAddress(fd)
		if err != nil {
			return err
		}
		d.address = address
		s.doors = append(s.doors, d)
	}
	for number, h := range found {
		slot, err := s.inheritSlot(number, h)
		if err != nil {
			return err
		}
		s.addSlot(slot)
	}
	return nil
}

func boundAddress(fd int) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(n.Addr), uint16(n.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(n.Addr), uint16(n.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("descriptor %d is no listener", fd)
}

func (s *supervisor) inheritSlot(number int, h heirloom) (*slot, error) {
	t, err := table.Open(h.fds[0])
	if err != nil {
		return nil, fmt.Errorf("the table of puddle %d: %w: stop that house with the binary that runs it", number, err)
	}
	slot := &slot{number: number, table: t, poke: os.NewFile(uintptr(h.fds[1]), "poke"), pokeFD: h.fds[1], deaf: make(chan struct{}), link: -1}
	slot.warden = &warden{h.master, h.inventory.KeeperPid}
	slot.inherited, slot.orphans, slot.endedAt = true, true, time.Now()
	go s.awaitKeeper(slot, slot.warden, awaitProcess(h.inventory.KeeperPid))
	if h.inventory.PuddleLinked {
		if err := s.relink(slot, h.inventory.PuddlePid); err != nil {
			s.log.Warn("a puddle cannot be taken over: replacing it", "puddle", number, "error", err)
			unix.Kill(h.inventory.PuddlePid, unix.SIGKILL)
		}
	}
	return slot, nil
}

// relink gives a living puddle a link to this supervisor.
func (s *supervisor) relink(slot *slot, pid int) error {
	ours, theirs, err := ipc.SocketPair()
	if err != nil {
		return err
	}
	err = slot.warden.master.PassSupervisor(theirs)
	unix.Close(theirs)
	if err != nil {
		unix.Close(ours)
		return err
	}
	link, err := ipc.ConnOf(ours, "link")
	if err != nil {
		return err
	}
	slot.process = adoptProcess(slot.number, pid, link, s.reports, s.leave)
	slot.orphans = false
	slot.beenUp, slot.upSince = true, time.Now()
	slot.state, slot.since = serving, time.Now()
	slot.beat = slot.table.Heartbeat()
	s.say(slot, s.addresses())
	return nil
}

// adoptProcess is a process that this one has not started.
func adoptProcess(slot, pid int, link *ipc.Conn, reports chan<- report, leave <-chan struct{}) *process {
	p := &process{slot: slot, pid: pid, link: link, words: newLetters(), gone: make(chan struct{})}
	tell := func(r report) {
		select {
		case reports <- r:
		case <-leave:
			closeDescriptors(r.descriptors)
		}
	}
	wait := awaitProcess(pid)
	go p.write(tell)
	go p.read(tell)
	go func() {
		wait()
		close(p.gone)
		p.link.Unix().Close()
		tell(report{from: p, exit: "it ended"})
	}()
	return p
}

// awaitProcess returns what waits for the end of any process.
func awaitProcess(pid int) func() {
	fd, err := unix.PidfdOpen(pid, 0)
	return func() {
		if err != nil {
			return
		}
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n > 0 || err != nil && err != unix.EINTR {
				break
			}
		}
		unix.Wait4(pid, nil, unix.WNOHANG, nil) // where it is a child after all
	}
}

// held takes what a puddle has of rooms and keys from before.
func (s *supervisor) held(slot *slot, word *ipc.Held) {
	if word.First || slot.has == nil {
		slot.has = map[string]bool{}
	}
	for n := range word.Rooms {
		room := &ipc.Room{}
		if err := ipc.Decode(word.Rooms[n].Room, room); err != nil {
			s.log.Error("a room that a puddle holds cannot be read", "puddle", slot.number, "error", err)
			continue
		}
		room.Grant = word.Rooms[n].Grant
		slot.has[room.Name] = true
		s.directory.regrant(slot.number, room, slot.inherited)
	}
	for n := range word.Siblings {
		s.siblings.register(&word.Siblings[n], slot.number, time.Now())
	}
	if word.Last {
		s.callers.hold(slot.number, word.Callers)
		s.directory.reconcile(slot.number, slot.has)
		slot.has, slot.inherited = nil, false
		s.countRooms()
	}
}

// regrant takes a room that a slot holds from before. Where the house itself
// is taken over, the puddle knows better which room that is.
func (d *directory) regrant(slot int, told *ipc.Room, inherited bool) {
	d.last = max(d.last, told.Incarnation, told.Grant)
	r := d.rooms[told.Name]
	switch {
	case r == nil && inherited && !told.Persistent:
		r = d.remake(slot, told)
	case r != nil && inherited && len(r.holders) == 0:
		r.incarnation = told.Incarnation
	}
	if r == nil || r.incarnation != told.Incarnation {
		d.tell(1<<slot, ipc.ToPuddle{RoomGone: &ipc.RoomGone{Name: told.Name, Incarnation: told.Incarnation, Reason: roomRemoved}})
		return
	}
	facts := r.facts()
	if string(facts.Rules) != string(told.Rules) || facts.Owner != told.Owner {
		d.tell(1<<slot, ipc.ToPuddle{Room: facts})
	}
	d.grant(r, slot)
	r.holds(slot).grant = told.Grant
	r.holds(slot).places = places{}
}

// remake takes a transient room over as a puddle knows it.
func (d *directory) remake(slot int, told *ipc.Room) *room {
	rules, refusal := schema.Unseal(told.Rules)
	if refusal != nil {
		return nil
	}
	r := &room{name: told.Name, owner: told.Owner, maker: told.Maker, makerSlot: slot, entered: true}
	d.add(r, schema.Said{}, rules)
	r.incarnation = told.Incarnation
	if r.endsWithMaker() {
		d.made[r.maker] = append(d.made[r.maker], r.name)
	}
	return r
}

// reconcile takes a slot from the rooms that it does not hold any more.
func (d *directory) reconcile(slot int, has map[string]bool) {
	for _, r := range d.rooms {
		if r.holds(slot) != nil && !has[r.name] {
			d.drop(r, slot)
		}
	}
}
