package puddle

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// What the kernel knows of a socket, whoever has it: how many bytes were taken
// from it and given to it. They tell a successor what the process before, which
// died at whatever instruction, had still done.

// written is how many bytes the stream to the peer has had so far.
func written(fd int32) (uint64, error) {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, fmt.Errorf("TCP_INFO: %w", err)
	}
	return info.Bytes_sent - info.Bytes_retrans + uint64(info.Notsent_bytes), nil
}

// consumed is how many bytes of the peer's stream were read so far.
func consumed(fd int32) (uint64, error) {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, fmt.Errorf("TCP_INFO: %w", err)
	}
	waiting, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	if err != nil {
		return 0, fmt.Errorf("SIOCINQ: %w", err)
	}
	n := info.Bytes_received - uint64(waiting)
	switch info.State { // the peer's FIN counts as a byte there
	case unix.BPF_TCP_TIME_WAIT, unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_LAST_ACK, unix.BPF_TCP_CLOSING:
		n--
	}
	return n, nil
}

// findOwed finds out where each socket stands in what it is to be sent.
func (p *Puddle) findOwed(planned bool) {
	if !planned {
		p.cutUnrecorded()
		p.finishLast()
	}
	for i := range p.table.SocketsTaken() {
		s, h := &p.table.Sockets[i], &p.hands[i]
		if s.ID == 0 {
			continue
		}
		behind, ok := s.Behind, true
		h.done = s.Done
		if !planned {
			behind, ok = p.askKernel(i)
		}
		lane := p.lane(i)
		if lane != nil {
			h.place = lane.Count() - behind
		}
		if !ok && s.Moves == 0 {
			p.lose(i, "what it is owed is not there any more")
			p.failing = append(p.failing, i)
		}
		if behind > 0 || !s.Spill.Empty() || s.Moves != 0 || lane == nil && s.State != schema.Handshake {
			s.Flags |= table.FlagExplicit
		}
		switch {
		case s.Moves != 0:
			p.withhold(i)
		case behind > 0 || !s.Spill.Empty():
			p.owing = append(p.owing, i)
		}
	}
}

// askKernel finds out how much of its Spill a socket has been sent, and how
// far behind its room's stream it is.
func (p *Puddle) askKernel(i uint32) (behind uint64, ok bool) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	sent, err := written(s.FD)
	if err != nil {
		return 0, true // it has ended: the next read tells
	}
	held, from := p.table.SpanBytes(s.Spill)
	h.done = 0
	if len(held) > 0 {
		if done := sent - from; done < uint64(len(held)) {
			h.done = uint32(done)
			sent = from + uint64(len(held))
		} else {
			p.table.Drop(&s.Spill)
		}
	}
	owed := p.table.StreamLength(s) - sent
	lane := p.lane(i)
	if owed == 0 {
		return 0, true
	}
	if lane == nil || owed > p.table.LogBytes() {
		return 0, false
	}
	place, ok := lane.Before(i, owed)
	return lane.Count() - place, ok
}

// cutUnrecorded takes from each Spill what no record speaks of (ownLarge): its
// process ended before it had happened, and nothing of it was sent.
func (p *Puddle) cutUnrecorded() {
	for i := range p.table.SocketsTaken() {
		s := &p.table.Sockets[i]
		held, from := p.table.SpanBytes(s.Spill)
		if s.ID == 0 || len(held) == 0 {
			continue
		}
		if excess := int64(from + uint64(len(held)) - p.table.StreamLength(s)); excess > 0 {
			p.table.Cut(&s.Spill, max(0, len(held)-int(excess)))
		}
	}
}

// finishLast does what may be undone of the log's last record: its frame is to
// be in the socket's Spill, or with the kernel. All records before have theirs
// there.
func (p *Puddle) finishLast() {
	var last *table.Record
	var position uint64
	p.table.Records(func(at uint64, r *table.Record) { last, position = r, at })
	if last == nil || last.Frame == 0 || last.Socket == table.NoSocket {
		return
	}
	s := &p.table.Sockets[last.Socket]
	if s.ID != last.ID || last.Kind != table.Own && last.Kind != table.Join && last.Kind != table.Stand {
		return
	}
	end := p.table.StreamLength(s)
	held, from := p.table.SpanBytes(s.Spill)
	there := from + uint64(len(held))
	if len(held) == 0 {
		sent, err := written(s.FD)
		if err != nil {
			return
		}
		there = sent
	}
	frame := p.table.Bytes(position, last)
	if missing := end - there; missing > 0 && missing <= uint64(len(frame)) {
		p.table.Grow(&s.Spill, 0, there, frame[uint64(len(frame))-missing:])
	}
}

// settleRead takes up the read that was under way: bytes that the kernel has
// given and that are in no record and no span are in the read buffer.
func (p *Puddle) settleRead() {
	i, from, buffer, ok := p.table.Reading()
	if !ok || p.table.Sockets[i].ID == 0 {
		return
	}
	s := &p.table.Sockets[i]
	had, err := consumed(s.FD)
	if err != nil {
		return
	}
	held, begins := p.table.SpanBytes(s.Part)
	at := s.In
	if len(held) > 0 {
		at = max(at, begins+uint64(len(held)))
	}
	if had <= at {
		return
	}
	if at < from || had-from > uint64(len(buffer)) {
		p.lose(i, "what it said last is not there any more")
		p.failing = append(p.failing, i)
		return
	}
	if s.State == schema.Closing {
		s.In = had
		return
	}
	skip := 0
	if len(held) > 0 {
		skip = int(s.In - begins)
	}
	if !p.table.Grow(&s.Part, skip, s.In, buffer[at-from:had-from]) {
		p.lose(i, "the house is full")
		p.failing = append(p.failing, i)
	}
}
