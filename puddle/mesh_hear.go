package puddle

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
)

// What a peer says, taken in.

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
	case ipc.MeshNarrow:
		if known := p.table.Peer(from.slot); item.Position > known.Heard {
			if err := p.onNarrow(from, item); err != nil {
				return err
			}
			known.Heard = item.Position
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
	r.Peers |= 1 << from.slot
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
	if r := p.rooms[n]; r.Peers&(1<<from.slot) != 0 && r.Refs[from.slot] == item.Ref {
		r.Peers &^= 1 << from.slot
	}
}

var errLogFull = errors.New("a message does not fit the log")

// onMessage takes a peer's message over: from here on it has happened here.
func (p *Puddle) onMessage(from *peer, item *ipc.MeshItem) error {
	known := p.table.Peer(from.slot)
	if item.Position <= known.Heard {
		return nil // told again
	}
	n, ok := p.table.RoomOf(item.Ref)
	if !ok || p.rooms[n] == nil || p.rooms[n].Members() == 0 || len(item.Frame) == 0 {
		known.Heard = item.Position
		p.countFor(from, item, 0)
		return nil
	}
	r := p.rooms[n]
	if len(item.Extra) > 0 || !r.OnlyRaw() {
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
