package puddle

import (
	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
)

// peer is another puddle of the house: a reader of our log, whose log we take
// over.
type peer struct {
	slot    int
	fd      int  // -1: the link is broken, another comes
	greeted bool // it has said hello over this link

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

	heard  uint64          // its log: taken over up to here
	counts []countOf       // of its messages, not yet told
	acked  uint64          // its log: acknowledged to it
	taught map[uint32]bool // rooms that it was told how to call, over this link
	halted *move           // it is not heard, until this one is over
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

// needs is the oldest position of our log that the peer may ask for. What is
// set aside does not hold the tail, which may be far beyond it.
func (p *peer) needs(t *table.Table) uint64 {
	from := max(p.settled, p.asideTo, t.Tail())
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
	unix.SetNonblock(fd, true)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	to := p.peers[slot]
	if to == nil {
		*p.table.Peer(slot) = table.Peer{Acked: p.table.Head()}
		to = &peer{slot: slot, fd: -1, told: p.table.Head()}
		p.peers[slot] = to
	} else {
		p.unplug(to)
	}
	if err := p.poll.watch(fd, readable, func(netpoll.EpollEvent) { p.onPeer(to) }); err != nil {
		p.log.Error("cannot watch a peer", "peer", slot, "error", err)
		unix.Close(fd)
		return
	}
	to.fd = fd
	known := p.table.Peer(slot)
	p.mesh.Reset()
	p.put(ipc.MeshItem{Kind: ipc.MeshHello, Slot: p.slot, Epoch: p.table.Epoch(), HeardEpoch: known.Epoch, Heard: known.Heard})
	p.write(to, p.mesh.Batch())
}

// unplug ends the link with a peer that lives on in another process, when all
// that it has said is heard.
func (p *Puddle) unplug(from *peer) {
	p.moveBroken(from)
	for from.fd >= 0 && p.listenTo(from) == nil {
		if pending, err := unix.IoctlGetInt(from.fd, unix.SIOCINQ); err != nil || pending == 0 {
			break
		}
	}
	p.hangUp(from)
}

func (p *Puddle) hangUp(from *peer) {
	p.moveBroken(from)
	if from.fd >= 0 {
		p.poll.forget(from.fd)
		unix.Close(from.fd)
	}
	from.fd, from.greeted, from.out, from.in = -1, false, nil, nil
}

// onHello goes on where the link before ended, if both tables are the same
// still; else it begins anew.
func (p *Puddle) onHello(from *peer, item *ipc.MeshItem) {
	known := p.table.Peer(from.slot)
	if known.Epoch != item.Epoch {
		known.Epoch, known.Heard = item.Epoch, 0
		from.heard, from.acked = 0, 0
	}
	from.greeted, from.taught = true, map[uint32]bool{}
	if item.HeardEpoch == p.table.Epoch() {
		p.onAck(from, item.Heard)
		p.tellAgain(from, item.Heard)
	} else {
		from.told = p.table.Head()
		p.holdAll(from)
	}
	p.linked |= 1 << from.slot
	p.moveAsks(from)
	p.serve()
}

// countDebt finds out anew what a peer must hear and has not taken over.
func (p *Puddle) countDebt(to *peer, heard uint64) {
	told := to.told
	to.debt = 0
	p.table.Aside(to.slot, func(at uint64, r *table.Record, _, _ []byte) {
		to.owes(at, at+uint64(r.Size), heard)
		to.asideTo = at + uint64(r.Size)
		to.asideEnd = to.asideTo
	})
	p.table.Records(func(at uint64, r *table.Record) {
		if r.Peers&(1<<to.slot) != 0 && at >= to.asideTo {
			to.owes(at, at+uint64(r.Size), heard)
		}
	})
	to.told = told
}

// tellAgain tells a peer what it was told and has not taken over. What it has
// reached it will not say again.
func (p *Puddle) tellAgain(to *peer, heard uint64) {
	to.told, to.marks, to.unmarked, to.acked = heard, nil, 0, 0
	p.countDebt(to, heard)
	for position := range p.receipts {
		if position <= heard {
			p.counted(to.slot, position, 0)
		}
	}
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
	p.hangUp(gone)
	*p.table.Peer(slot) = table.Peer{Aside: p.table.Peer(slot).Aside}
	p.table.Drop(&p.table.Peer(slot).Aside)
	for n, r := range p.rooms {
		if r != nil {
			p.setPeers(uint32(n), r.Peers&^(1<<slot))
		}
	}
	p.acknowledged(slot, ^uint64(0))
	p.countWithout(slot)
	p.moveParted(slot)
	p.serve()
}

// holdAll tells a fresh peer of every room here.
func (p *Puddle) holdAll(to *peer) {
	for _, r := range p.byName {
		p.tellHold(r, 1<<to.slot)
	}
}

// tellHold says again that the room has members here.
func (p *Puddle) tellHold(r uint32, peers uint64) {
	name := p.rooms[r].Name
	record := p.mustReserve(table.Tell, len(name), 0)
	table.PutName(p.table.ExtraBytes(p.table.ReservedAt(record), record), name)
	record.Room, record.Peers = r, peers
	p.commit(record)
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
