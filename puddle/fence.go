package puddle

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// fence is what puddles tell each other of a move, in the order of their logs.
type fence struct {
	op     fenceOp
	number uint64 // of the move
	target int    // where the sockets go
	mover  int    // where they come from
	ids    []schema.SequenceID
}

type fenceOp uint8

const (
	fenceStop fenceOp = iota // what the sender tells behind it is heard where the sockets go, what it told before where they were
	fenceDone                // of the sockets that were on their way, these are with the target
	fenceAsk                 // which of these are?
)

const fenceFixed = 10 // bytes of number, target and mover

// raiseFence commits a fence for some peers.
func (p *Puddle) raiseFence(f fence, peers uint64) {
	record := p.mustReserve(table.Fence, fenceFixed+8*len(f.ids), 0)
	extra := p.table.ExtraBytes(p.table.ReservedAt(record), record)
	binary.LittleEndian.PutUint64(extra, f.number)
	extra[8], extra[9] = uint8(f.target), uint8(f.mover)
	for n, id := range f.ids {
		binary.LittleEndian.PutUint64(extra[fenceFixed+8*n:], uint64(id))
	}
	record.Op, record.Peers = uint8(f.op), peers&p.linked
	p.commit(record)
}

func readFence(item *ipc.MeshItem) (f fence, err error) {
	extra := item.Name
	if len(extra) < fenceFixed || extra[8] >= table.Slots || extra[9] >= table.Slots {
		return f, errors.New("a fence that is cut off")
	}
	f = fence{op: fenceOp(item.Ref), number: binary.LittleEndian.Uint64(extra), target: int(extra[8]), mover: int(extra[9])}
	for rest := extra[fenceFixed:]; len(rest) >= 8; rest = rest[8:] {
		f.ids = append(f.ids, schema.SequenceID(binary.LittleEndian.Uint64(rest)))
	}
	return f, nil
}

// onFence takes what a peer tells of a move.
func (p *Puddle) onFence(from *peer, item *ipc.MeshItem) error {
	f, err := readFence(item)
	if err != nil {
		return err
	}
	known := p.table.Peer(from.slot)
	if item.Position <= known.Heard {
		return nil
	}
	known.Heard = item.Position
	switch {
	case f.op == fenceAsk:
		p.raiseFence(fence{op: fenceDone, number: f.number, target: f.target, mover: f.mover, ids: p.hereOf(f)}, 1<<from.slot)
	case f.op == fenceDone:
		p.moveEnds(f)
	case f.mover == p.slot && f.target == from.slot:
		p.standStill(f)
	case f.mover == p.slot || f.target == p.slot:
		p.fenced(from, f)
	default:
		p.passFence(from, f)
	}
	return nil
}

// passing is the move that others have, as far as this puddle has heard of it.
type passing struct {
	number        uint64
	target, mover bool // their fences have come
}

// passFence raises this puddle's fence, when it has heard both of theirs: what
// a socket said where it was is then heard here before what it says where it
// goes.
func (p *Puddle) passFence(from *peer, f fence) {
	if p.passing.number != f.number {
		p.passing = passing{number: f.number}
	}
	switch from.slot {
	case f.target:
		p.passing.target = true
	case f.mover:
		p.passing.mover = true
	}
	if p.passing.target && p.passing.mover {
		p.passing = passing{}
		p.raiseFence(f, 1<<f.mover|1<<f.target)
	}
}

// halt hears a peer no further, until the move is over.
func (p *Puddle) halt(from *peer) {
	from.halted = p.move
	if from.fd >= 0 {
		p.poll.change(from.fd, 0)
	}
}

// hearOn hears everybody again whom a move has halted; not who waits already
// for the next one.
func (p *Puddle) hearOn(m *move) {
	for _, from := range p.peers {
		if from == nil || from.halted != m {
			continue
		}
		from.halted = nil
		if from.fd < 0 {
			continue
		}
		if len(from.out) > 0 {
			p.poll.change(from.fd, readable|writable)
		} else {
			p.poll.change(from.fd, readable)
		}
		if err := p.takeWhole(from); err != nil {
			p.log.Error("what a peer has told cannot be read", "peer", from.slot, "error", err)
			p.hangUp(from)
		}
	}
}

// hereOf are those of a fence's sequences that live here.
func (p *Puddle) hereOf(f fence) (ids []schema.SequenceID) {
	if m := p.move; m != nil && m.takes && m.other == f.mover {
		p.refuseMove("its mover has been replaced")
	}
	for _, id := range f.ids {
		if i, here := p.find(id); here && p.table.Sockets[i].Moves != table.Arriving {
			ids = append(ids, id)
		}
	}
	return ids
}

// duplicate is a descriptor of the same socket.
func duplicate(fd int32) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
}
