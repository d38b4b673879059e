package puddle

import (
	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
)

// What a peer is told: the log's records with its bit, in their order.

// tellPeers sends each peer what the log has for it, and what is taken over
// of its own.
func (p *Puddle) tellPeers() {
	for _, to := range p.peers {
		if to == nil || len(to.out) > 0 || !to.greeted {
			continue
		}
		if to.debt == 0 {
			to.told = p.table.Head() // the log has not waited for it
		}
		p.mesh.Reset()
		for len(to.out) == 0 && (to.told < p.table.Head() || to.acked < to.heard || len(to.counts) > 0) {
			p.tellCounts(to)
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
		fenced := false
		p.table.Aside(to.slot, func(at uint64, r *table.Record, extra, frame []byte) {
			if at < to.told || fenced {
				return
			}
			p.tellRecord(to, at, r, extra, frame)
			to.told, fenced = at+uint64(r.Size), r.Kind == table.Fence
		})
		if !fenced {
			to.told = max(to.told, to.asideTo)
		}
	}
	if to.told >= to.asideTo {
		to.told = max(to.told, p.table.Tail()) // what is before it is nothing to the peer
	}
	for to.told >= to.asideTo && to.told < p.table.Head() && p.mesh.Len() < meshBatch {
		at := to.told
		r := p.table.At(at)
		if r.Size == 0 {
			panic("puddle: the log moved on before a peer had heard it")
		}
		to.told += uint64(r.Size)
		if r.Kind != table.Pad && r.Peers&bit != 0 {
			p.tellRecord(to, at, r, p.table.ExtraBytes(at, r), p.table.Bytes(at, r))
			if r.Kind == table.Fence {
				break // the peer may hear no further for now
			}
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
	item := ipc.MeshItem{Position: at + uint64(r.Size)}
	if r.Room != table.NoRoom {
		item.Ref = p.table.Rooms[r.Room].Ref
	}
	switch r.Kind {
	case table.Hold, table.Tell:
		item.Kind, item.Name = ipc.MeshHold, extra
	case table.Release:
		item.Kind, item.Name = ipc.MeshRelease, extra
	case table.Message, table.Narrow:
		item.Kind, item.Ref, item.Op, item.Extra, item.Frame = ipc.MeshMessage, 0, r.Op, extra, frame[:0]
		if r.Kind == table.Narrow {
			item.Kind = ipc.MeshNarrow
		}
		if direct := r.Room == table.NoRoom; direct {
			item.Frame = frame
		} else if local := p.rooms[r.Room]; local != nil && local.Peers&(1<<to.slot) != 0 {
			item.Frame = frame[:tellable(r)]
			if local.Refs != nil && local.Refs[to.slot] != 0 {
				item.Ref = local.Refs[to.slot]
			} else {
				item.Name = []byte(local.Name)
			}
			p.table.Add(table.MeshTo+table.Counter(to.slot), 1)
		}
	case table.Fence:
		item.Kind, item.Ref, item.Name = ipc.MeshFence, uint64(r.Op), extra
	default:
		return
	}
	p.put(item)
}

// tellable is how much of a record's frame peers hear: of a message what raw
// members hear, since they make the rest themselves.
func tellable(r *table.Record) uint32 {
	if r.Kind == table.Message {
		return r.Sizes[table.LaneRaw]
	}
	return r.Frame
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

// takenOver tells whether every peer has taken our log over up to position: no
// record before it is told again.
func (p *Puddle) takenOver(position uint64) bool {
	for _, peer := range p.peers {
		if peer != nil && peer.debt > 0 && peer.settled < position {
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
