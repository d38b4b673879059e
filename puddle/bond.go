package puddle

import (
	"encoding/binary"
	"errors"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// bond is what binds to a message on its way to the peers: who sent it, and
// whom it is for where that is not everybody.
type bond struct {
	what     bondKind
	client   string
	sequence schema.SequenceID
	number   uint64 // of the sender's messages; for who hears it through several rooms
	time     int64  // Unix ms
	id       string
	to       []string // clients and sequences; of bondNarrow and bondDirect
	rooms    []string // that the sender is in; of bondDirect
}

type bondKind uint8

const (
	bondAll    bondKind = iota // to the room
	bondNarrow                 // to some of its members
	bondDirect                 // to clients' own spaces
	bondEvent                  // what is told of the room: the frame is JSON
)

// spread is a message that a slot's socket said in several rooms. One slot's
// come after each other, room by room; between them come those of others.
type spread struct {
	slot     int
	sequence schema.SequenceID
	number   uint64
}

// heard notes a message that may come again through another room.
func (st *standing) heard(which spread) {
	if st.heardOf == nil {
		st.heardOf = map[int]spread{}
	}
	st.heardOf[which.slot] = which
}

// head is what the receivers' envelopes say of it.
func (b *bond) head(room string, meta schema.Meta) format.Head {
	return format.Head{
		Room: room, Meta: meta, Client: b.client, Anonymous: b.client == "", Sequence: b.sequence,
		Time: b.time, ID: b.id, From: b.what == bondDirect,
	}
}

// append writes it as the mesh carries it.
func (b *bond) append(to []byte) []byte {
	to = append(to, byte(b.what))
	to = binary.BigEndian.AppendUint64(to, uint64(b.sequence))
	to = binary.BigEndian.AppendUint64(to, b.number)
	to = binary.BigEndian.AppendUint64(to, uint64(b.time))
	to = appendShortText(appendShortText(to, b.client), b.id)
	for _, list := range [][]string{b.to, b.rooms} {
		to = binary.BigEndian.AppendUint16(to, uint16(len(list)))
		for _, text := range list {
			to = appendShortText(to, text)
		}
	}
	return to
}

// appendShortText: no name is longer than 255 bytes.
func appendShortText(to []byte, text string) []byte {
	return append(append(to, byte(len(text))), text...)
}

var errBond = errors.New("what binds to a message is cut off")

// readBond reads what append wrote; of nothing it is the zero bond.
func readBond(from []byte) (b bond, err error) {
	const fixed = 1 + 3*8
	if len(from) == 0 {
		return b, nil
	}
	if len(from) < fixed {
		return b, errBond
	}
	b.what = bondKind(from[0])
	b.sequence = schema.SequenceID(binary.BigEndian.Uint64(from[1:]))
	b.number = binary.BigEndian.Uint64(from[9:])
	b.time = int64(binary.BigEndian.Uint64(from[17:]))
	rest := from[fixed:]
	text := func() (s string) {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			err = errBond
			return ""
		}
		size := 1 + int(rest[0])
		s, rest = string(rest[1:size]), rest[size:]
		return s
	}
	b.client, b.id = text(), text()
	for _, list := range []*[]string{&b.to, &b.rooms} {
		if err != nil || len(rest) < 2 {
			return b, errBond
		}
		n := binary.BigEndian.Uint16(rest)
		for rest = rest[2:]; n > 0 && err == nil; n-- {
			*list = append(*list, text())
		}
	}
	return b, err
}

// A message's opcode and kind share a byte of the log and of the mesh.
const (
	opBits     = 0x0f
	kindShift  = 4
	kindBits   = 0x3
	countedBit = 0x40 // its sender wants to know how many it reached
)

func opOf(op uint8, kind format.Kind, counted bool) uint8 {
	op |= uint8(kind) << kindShift
	if counted {
		op |= countedBit
	}
	return op
}

func kindOf(op uint8) format.Kind { return format.Kind(op >> kindShift & kindBits) }
