package puddle

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/room"
)

// What a peer says, taken in.

// onPeer is a tick of the mesh: whatever a peer has sent, or takes again.
func (p *Puddle) onPeer(from *peer) {
	if p.frozen || from.fd < 0 {
		return
	}
	if len(from.out) > 0 {
		p.write(from, nil)
	}
	if err := p.listenTo(from); err != nil {
		if !p.stopping {
			p.log.Debug("the link with a peer ended", "peer", from.slot, "error", err)
		}
		switch {
		case p.peers[from.slot] != from:
		case p.orphaned:
			p.part(from.slot) // nobody will replace it
		default:
			p.hangUp(from) // until its successor comes
		}
	}
	p.endTick()
}

// listenTo takes the batches in that are whole.
func (p *Puddle) listenTo(from *peer) error {
	if from.halted != nil {
		return nil
	}
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
	return p.takeWhole(from)
}

// takeWhole takes the batches in that have come, as far as it may.
func (p *Puddle) takeWhole(from *peer) error {
	rest := from.in
	for from.halted == nil {
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
		p.onHello(from, item)
	case ipc.MeshAck:
		p.onAck(from, item.Position)
	case ipc.MeshHold:
		p.onHold(from, item)
		p.settleHeard(from, item)
	case ipc.MeshRelease:
		p.onRelease(from, item)
		p.settleHeard(from, item)
	case ipc.MeshMessage, ipc.MeshNarrow:
		if err := p.onTold(from, item); err != nil {
			return err
		}
	case ipc.MeshFence:
		if err := p.onFence(from, item); err != nil {
			return err
		}
	case ipc.MeshCount:
		p.counted(from.slot, item.Position, int(item.Number))
		return nil
	}
	if item.Position > from.heard && item.Kind != ipc.MeshAck {
		from.heard = item.Position
	}
	return nil
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
	p.setPeers(n, r.Peers|1<<from.slot)
	r.Refs[from.slot] = item.Ref
	if !knew {
		p.tellHold(n, 1<<from.slot)
	}
}

func (p *Puddle) onRelease(from *peer, item *ipc.MeshItem) {
	n, known := p.byName[string(item.Name)]
	if !known {
		return
	}
	if r := p.rooms[n]; r.Peers&(1<<from.slot) != 0 && (r.Refs == nil || r.Refs[from.slot] == 0 || r.Refs[from.slot] == item.Ref) {
		p.setPeers(n, r.Peers&^(1<<from.slot))
	}
}

// setPeers notes which puddles have members of a room.
func (p *Puddle) setPeers(n uint32, peers uint64) {
	p.rooms[n].Peers = peers
	atomic.StoreUint64(&p.table.Rooms[n].Peers, peers)
}

// settleHeard notes that what a peer told of a room is done.
func (p *Puddle) settleHeard(from *peer, item *ipc.MeshItem) {
	known := p.table.Peer(from.slot)
	known.Heard = max(known.Heard, item.Position)
}

// onTold takes in a message that was not told before.
func (p *Puddle) onTold(from *peer, item *ipc.MeshItem) error {
	known := p.table.Peer(from.slot)
	if item.Position <= known.Heard {
		return nil
	}
	source := table.Source{Socket: table.NoSocket, Slot: from.slot}
	p.table.Do(source, known.Heard)
	defer p.table.Done()
	p.beginRedo(source)
	defer p.endRedo()
	if item.Kind == ipc.MeshMessage {
		return p.onMessage(from, item)
	}
	err := p.onNarrow(from, item)
	if err == nil {
		known.Heard = item.Position
	}
	return err
}

// roomOfItem is the room that a message goes to. A peer that calls it by its
// name, because it has just taken its table over, is told how to call it.
func (p *Puddle) roomOfItem(from *peer, item *ipc.MeshItem) (uint32, bool) {
	if item.Ref != 0 {
		return p.table.RoomOf(item.Ref)
	}
	n, known := p.byName[string(item.Name)]
	if !known || len(item.Name) == 0 {
		return table.NoRoom, false
	}
	if !from.taught[n] {
		from.taught[n] = true
		p.tellHold(n, 1<<from.slot)
	}
	return n, true
}

var errLogFull = errors.New("a message does not fit the log")

// onMessage takes a peer's message over: from here on it has happened here.
func (p *Puddle) onMessage(from *peer, item *ipc.MeshItem) error {
	known := p.table.Peer(from.slot)
	n, ok := p.roomOfItem(from, item)
	if !ok || p.rooms[n] == nil || p.rooms[n].Members() == 0 || len(item.Frame) == 0 {
		known.Heard = item.Position
		p.countFor(from, item, 0)
		return nil
	}
	r := p.rooms[n]
	if len(item.Extra) > 0 || !p.asItCame(r, len(frameBody(item.Frame))) {
		return p.onRoomMessage(from, item, n)
	}
	record := p.reserve(table.Message, 0, len(item.Frame))
	if record == nil {
		return errLogFull
	}
	copy(p.table.Bytes(p.table.ReservedAt(record), record), item.Frame)
	record.Op, record.Room = item.Op, n
	record.From, record.Heard = uint8(from.slot+1), item.Position
	record.Sizes[table.LaneRaw] = uint32(len(item.Frame))
	if r.Compressed() {
		record.Sizes[room.Protocols] = uint32(len(item.Frame))
		record.Shared = 1 << room.Protocols
	}
	p.addToRoom(r, record, table.NoSocket)
	p.countFor(from, item, p.seated(r))
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
