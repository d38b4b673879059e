package puddle

import (
	"errors"
	"fmt"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
)

// peer is another puddle of the house: a reader of our log, whose log we take
// over.
type peer struct {
	slot int
	fd   int

	out   []byte // of a batch, not yet with the kernel
	block []byte // out's memory
	in    []byte // of batches, not yet whole

	told     uint64 // our log: it has been told up to here
	owed     uint64 // our log: end of the last record that it must hear
	settled  uint64 // our log: it has acknowledged what it must hear up to here
	debt     int    // bytes of records that it must hear and has not acknowledged
	marks    []mark // what was told, batch by batch
	unmarked int    // bytes of records told since the last mark
	lastTold uint64 // our log: end of the last record that it was told
	asideTo  uint64 // our log: records before it that it must hear stand in Aside
	asideEnd uint64 // our log: end of the last of those
	progress uint32 // when it last acknowledged something, or began to owe

	heard uint64 // its log: taken over up to here
	acked uint64 // its log: acknowledged to it
}

// mark is a position that a batch ended at, and the bytes of records in it.
type mark struct {
	position uint64
	bytes    int
}

const (
	meshBatch = 256 << 10 // bytes told to a peer at once
	meshRead  = 256 << 10
)

// mustHear notes a record that was committed for the peer.
func (p *peer) mustHear(at, end uint64, now uint32) {
	if p == nil {
		return
	}
	if p.debt == 0 { // it has everything before
		p.progress, p.settled, p.told = now, at, at
	}
	p.owed = end
	p.debt += int(end - at)
}

// needs is the oldest position of our log that the peer may ask for.
func (p *peer) needs(t *table.Table) uint64 {
	from := max(p.settled, p.asideTo)
	if p.debt == 0 || from >= p.owed {
		return t.Head()
	}
	return from
}

// meet links the puddle with a peer that the supervisor has made a pair of
// sockets for.
func (p *Puddle) meet(slot, fd int) {
	if slot < 0 || slot >= table.Slots || slot == p.slot {
		unix.Close(fd)
		return
	}
	p.part(slot)
	unix.SetNonblock(fd, true)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	*p.table.Peer(slot) = table.Peer{}
	fresh := &peer{slot: slot, fd: fd, told: p.table.Head()}
	p.table.Peer(slot).Acked = p.table.Head()
	if err := p.poll.watch(fd, readable, func(netpoll.EpollEvent) { p.onPeer(fresh) }); err != nil {
		p.log.Error("cannot watch a peer", "peer", slot, "error", err)
		unix.Close(fd)
		return
	}
	p.peers[slot] = fresh
	p.mesh.Reset()
	p.put(ipc.MeshItem{Kind: ipc.MeshHello, Slot: p.slot, Epoch: p.table.Epoch()})
	p.write(fresh, p.mesh.Batch())
}

// part forgets a peer that is dead.
func (p *Puddle) part(slot int) {
	if slot < 0 || slot >= table.Slots || p.peers[slot] == nil {
		return
	}
	gone := p.peers[slot]
	p.peers[slot] = nil
	p.linked &^= 1 << slot
	p.congested &^= 1 << slot
	p.poll.forget(gone.fd)
	unix.Close(gone.fd)
	p.table.Drop(&p.table.Peer(slot).Aside)
	for _, r := range p.rooms {
		if r != nil {
			r.Peers &^= 1 << slot
		}
	}
	p.acknowledged(slot, ^uint64(0))
	p.serve()
}

// onPeer is a tick of the mesh: whatever a peer has sent, or takes again.
func (p *Puddle) onPeer(from *peer) {
	if len(from.out) > 0 {
		p.write(from, nil)
	}
	if err := p.listenTo(from); err != nil {
		if !p.stopping {
			p.log.Warn("the link with a peer ended", "peer", from.slot, "error", err)
		}
		if p.peers[from.slot] == from {
			p.part(from.slot)
		}
	}
	p.endTick()
}

// listenTo takes the batches in that are whole.
func (p *Puddle) listenTo(from *peer) error {
	if cap(from.in)-len(from.in) < meshRead/4 {
		grown := make([]byte, len(from.in), max(meshRead, 2*cap(from.in)))
		copy(grown, from.in)
		from.in = grown
	}
	n, errno := receive(int32(from.fd), from.in[len(from.in):cap(from.in)])
	switch {
	case errno == unix.EAGAIN:
		return nil
	case errno != 0:
		return errno
	case n == 0:
		return errors.New("it closed its end")
	}
	from.in = from.in[:len(from.in)+n]
	rest := from.in
	for {
		size, err := ipc.BatchSize(rest)
		if err != nil {
			return err
		}
		if size == 0 || size > len(rest) {
			break
		}
		if err := p.takeBatch(from, rest[:size]); err != nil {
			return err
		}
		rest = rest[size:]
	}
	from.in = from.in[:copy(from.in, rest)]
	if len(rest) == 0 && cap(from.in) > meshRead {
		from.in = nil
	}
	return nil
}

func (p *Puddle) takeBatch(from *peer, batch []byte) error {
	p.meshIn.Open(batch)
	var item ipc.MeshItem
	for {
		more, err := p.meshIn.Next(&item)
		if err != nil || !more {
			return err
		}
		if err := p.takeItem(from, &item); err != nil {
			return err
		}
	}
}

func (p *Puddle) takeItem(from *peer, item *ipc.MeshItem) error {
	switch item.Kind {
	case ipc.MeshHello:
		if item.Slot != from.slot {
			return fmt.Errorf("slot %d says that it is slot %d", from.slot, item.Slot)
		}
		p.table.Peer(from.slot).Epoch = item.Epoch
		p.linked |= 1 << from.slot
		from.told = p.table.Head()
		p.holdAll(from)
		p.serve()
	case ipc.MeshAck:
		p.onAck(from, item.Position)
	case ipc.MeshHold:
		p.onHold(from, item)
	case ipc.MeshRelease:
		p.onRelease(from, item)
	case ipc.MeshMessage:
		if err := p.onMessage(from, item); err != nil {
			return err
		}
	}
	if item.Position > from.heard && item.Kind != ipc.MeshAck {
		from.heard = item.Position
	}
	return nil
}

// holdAll tells a fresh peer of every room here.
func (p *Puddle) holdAll(to *peer) {
	for _, r := range p.byName {
		p.tell(r, 1<<to.slot)
	}
}

// tell says again that the room has members here.
func (p *Puddle) tell(r uint32, peers uint64) {
	name := p.rooms[r].Name
	record := p.mustReserve(table.Tell, len(name), 0)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), name)
	record.Room, record.Peers = r, peers
	p.commit(record)
}

// onHold: the peer has members of a room. If we have too, it must know.
func (p *Puddle) onHold(from *peer, item *ipc.MeshItem) {
	n, known := p.byName[string(item.Name)]
	if !known {
		return // when we open it we shall be told
	}
	r := p.rooms[n]
	if r.Refs == nil {
		r.Refs = make([]uint64, table.Slots)
	}
	knew := r.Peers&(1<<from.slot) != 0 && r.Refs[from.slot] == item.Ref
	r.Peers |= 1 << from.slot
	r.Refs[from.slot] = item.Ref
	if !knew {
		p.tell(n, 1<<from.slot)
	}
}

func (p *Puddle) onRelease(from *peer, item *ipc.MeshItem) {
	n, known := p.byName[string(item.Name)]
	if !known {
		return
	}
	if r := p.rooms[n]; r.Peers&(1<<from.slot) != 0 && r.Refs[from.slot] == item.Ref {
		r.Peers &^= 1 << from.slot
	}
}

// onMessage takes a peer's message over: from here on it has happened here.
func (p *Puddle) onMessage(from *peer, item *ipc.MeshItem) error {
	known := p.table.Peer(from.slot)
	if item.Position <= known.Heard {
		return nil // told again
	}
	n, ok := p.table.RoomOf(item.Ref)
	if !ok || p.rooms[n] == nil || p.rooms[n].Members() == 0 || len(item.Frame) == 0 {
		known.Heard = item.Position
		return nil
	}
	record := p.reserve(table.Message, 0, len(item.Frame))
	if record == nil {
		return fmt.Errorf("a message of %d bytes does not fit the log", len(item.Frame))
	}
	copy(p.table.Bytes(p.table.ReservedAt(record), record), item.Frame)
	record.Op, record.Room = item.Op, n
	record.From, record.Heard = uint8(from.slot+1), item.Position
	p.addToRoom(p.rooms[n], record, table.NoSocket)
	return nil
}

// onAck: the peer has taken our log over up to position.
func (p *Puddle) onAck(from *peer, position uint64) {
	known := p.table.Peer(from.slot)
	if position <= known.Acked {
		return
	}
	known.Acked = position
	from.settled = max(from.settled, position)
	from.progress = p.now
	for len(from.marks) > 0 && from.marks[0].position <= position {
		from.debt -= from.marks[0].bytes
		from.marks = from.marks[:copy(from.marks, from.marks[1:])]
	}
	if position >= from.asideEnd {
		p.table.Drop(&known.Aside)
	}
	if from.debt < int(p.table.LogBytes()/8) {
		p.congested &^= 1 << from.slot
	}
	p.acknowledged(from.slot, position)
}

// tellPeers sends each peer what the log has for it, and what is taken over
// of its own.
func (p *Puddle) tellPeers() {
	for _, to := range p.peers {
		if to == nil || len(to.out) > 0 || p.linked&(1<<to.slot) == 0 {
			continue
		}
		if to.debt == 0 {
			to.told = p.table.Head() // the log has not waited for it
		}
		p.mesh.Reset()
		for len(to.out) == 0 && (to.told < p.table.Head() || to.acked < to.heard) {
			p.tellLog(to)
			if to.told == p.table.Head() && to.acked < to.heard {
				to.acked = to.heard
				p.put(ipc.MeshItem{Kind: ipc.MeshAck, Position: to.heard})
			}
			if p.mesh.Items() > 0 {
				p.write(to, p.mesh.Batch())
				p.mesh.Reset()
			}
		}
		if to.debt > int(p.table.LogBytes()/4) {
			p.congested |= 1 << to.slot
		}
	}
}

// tellLog puts the next records that a peer must hear into the batch.
func (p *Puddle) tellLog(to *peer) {
	bit := uint64(1) << to.slot
	if to.told < to.asideTo {
		p.table.Aside(to.slot, func(at uint64, r *table.Record, extra, frame []byte) {
			if at >= to.told {
				p.tellRecord(to, at, r, extra, frame)
			}
		})
		to.told = max(to.told, to.asideTo)
	}
	for to.told < p.table.Head() && p.mesh.Len() < meshBatch {
		at := to.told
		r := p.table.At(at)
		if r.Size == 0 {
			panic("puddle: the log moved on before a peer had heard it")
		}
		to.told += uint64(r.Size)
		if r.Kind != table.Pad && r.Peers&bit != 0 {
			p.tellRecord(to, at, r, p.table.ExtraBytes(at, r), p.table.Bytes(at, r))
		}
	}
	if to.unmarked > 0 {
		to.marks = append(to.marks, mark{to.lastTold, to.unmarked})
		to.unmarked = 0
	}
}

// tellRecord puts one record into the batch, under the position behind it.
func (p *Puddle) tellRecord(to *peer, at uint64, r *table.Record, extra, frame []byte) {
	to.unmarked += int(r.Size)
	to.lastTold = at + uint64(r.Size)
	item := ipc.MeshItem{Position: at + uint64(r.Size), Ref: p.table.Rooms[r.Room].Ref}
	switch r.Kind {
	case table.Hold, table.Tell:
		item.Kind, item.Name = ipc.MeshHold, extra
	case table.Release:
		item.Kind, item.Name = ipc.MeshRelease, extra
	case table.Message:
		item.Kind, item.Ref, item.Op, item.Frame = ipc.MeshMessage, 0, r.Op, frame[:0]
		if local := p.rooms[r.Room]; local != nil && local.Peers&(1<<to.slot) != 0 {
			item.Ref, item.Frame = local.Refs[to.slot], frame
			p.table.Add(table.MeshTo+table.Counter(to.slot), 1)
		}
	default:
		return
	}
	p.put(item)
}

func (p *Puddle) put(item ipc.MeshItem) {
	if err := p.mesh.Put(&item); err != nil { // memory does not fail
		p.log.Error("mesh", "error", err)
	}
}

// write sends a batch, or goes on with one; what the kernel does not take
// waits, and nothing is told to the peer meanwhile.
func (p *Puddle) write(to *peer, batch []byte) {
	if batch == nil {
		batch = to.out
	}
	for len(batch) > 0 {
		n, errno := send(int32(to.fd), batch)
		if errno != 0 {
			break // EAGAIN; an end is seen by the next read
		}
		batch = batch[n:]
	}
	waited := len(to.out) > 0
	if len(batch) == 0 {
		to.out = nil
		if waited {
			p.poll.change(to.fd, readable)
		}
		return
	}
	if !waited {
		to.block = append(to.block[:0], batch...)
		batch = to.block
		p.poll.change(to.fd, readable|writable)
	}
	to.out = batch
}

// toldAll tells whether every peer has been told our log up to position.
func (p *Puddle) toldAll(position uint64) bool {
	for _, peer := range p.peers {
		if peer != nil && peer.told < position {
			return false
		}
	}
	return true
}

// setPeerAside copies what a peer must hear and has not acknowledged out of
// the log.
func (p *Puddle) setPeerAside(slow *peer) {
	if !p.table.SetAside(slow.slot, slow.needs(p.table)) {
		p.log.Error("no memory for what a peer has not heard", "peer", slow.slot)
		p.say(ipc.FromPuddle{Hung: &ipc.Hung{Slot: slow.slot}})
	}
	slow.asideTo, slow.asideEnd = p.table.Head(), slow.owed
}

// watchPeers reports peers that stand in others' way.
func (p *Puddle) watchPeers() {
	patience := seconds(p.settings.PeerTime)
	for _, peer := range p.peers {
		if peer == nil || peer.debt == 0 || p.now-peer.progress <= patience {
			continue
		}
		p.log.Warn("a peer acknowledges nothing", "peer", peer.slot, "bytes", peer.debt)
		p.say(ipc.FromPuddle{Hung: &ipc.Hung{Slot: peer.slot}})
		peer.progress = p.now
	}
	for r, wait := range p.openings {
		if p.now-wait.since > patience {
			p.opened(r, wait)
		}
	}
}
