package table

import "encoding/binary"

// positionBytes stand before each record that is set aside.
const positionBytes = 8

// SetAside copies the records from position on that the peer in slot must
// hear out of the log, behind those copied before. false: the slab is full.
func (t *Table) SetAside(slot int, position uint64) bool {
	bit := uint64(1) << slot
	aside := &t.h.peers[slot].Aside
	for at := position; at < t.h.head; {
		r := t.At(at)
		size := uint64(r.Size)
		if r.Kind != Pad && r.Peers&bit != 0 {
			var stamp [positionBytes]byte
			binary.LittleEndian.PutUint64(stamp[:], at)
			from := at & uint64(len(t.log)-1)
			if !t.Grow(aside, 0, 0, stamp[:], t.log[from:from+size]) {
				return false
			}
		}
		at += size
	}
	return true
}

// Aside calls f with each record that was set aside for the peer in slot.
func (t *Table) Aside(slot int, f func(position uint64, r *Record, extra, frame []byte)) {
	held, _ := t.SpanBytes(t.h.peers[slot].Aside)
	for len(held) > positionBytes {
		position := binary.LittleEndian.Uint64(held)
		r := recordAt(held, positionBytes)
		body := held[positionBytes+recordSize:]
		extra := int(r.Extra)
		f(position, r, body[:extra], body[extra:extra+int(r.Frame)])
		held = held[positionBytes+int(r.Size):]
	}
}
