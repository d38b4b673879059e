package ipc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
)

// MeshBatchMost is the longest batch between two puddles, bytes.
const MeshBatchMost = 32 << 20

// MeshKind is what an item of a batch tells.
type MeshKind uint8

// The items of a batch. Position is a place in the sender's log.
const (
	MeshHello   MeshKind = iota // Slot, Epoch: who speaks, and of which table; Heard: what it has of yours
	MeshHold                    // Position, Ref, Name: Name has members here; Ref is how to call it in messages to here
	MeshRelease                 // Position, Ref, Name: it has none any more
	MeshMessage                 // Position, Ref, Op, Name, Extra, Frame: a message to the room that you call Ref; Ref 0: that is called Name
	MeshNarrow                  // likewise, to some of its members; without Ref and Name to clients
	MeshCount                   // Position, Number: so many sockets here had your message of that position queued
	MeshAck                     // Position: your log is taken over up to there
	MeshFence                   // Position, Ref, Name: of a move, what Ref says, about what Name has
	meshKinds
)

// meshFields is how many msgpack values stand behind an item's kind.
var meshFields = [meshKinds]int{MeshHello: 4, MeshHold: 3, MeshRelease: 3, MeshMessage: 6, MeshNarrow: 6, MeshCount: 2, MeshAck: 1, MeshFence: 3}

// MeshItem is one item of a batch. Name, Extra and Frame lie in the batch.
type MeshItem struct {
	Kind     MeshKind
	Position uint64
	Ref      uint64
	Op       uint8
	Number   uint64
	Name     []byte
	Extra    []byte
	Frame    []byte

	Slot       int
	Epoch      uint64
	HeardEpoch uint64
	Heard      uint64
}

// MeshWriter makes batches: a four-byte length, then items. It keeps its
// memory from batch to batch. One goroutine at a time.
type MeshWriter struct {
	buffer  bytes.Buffer
	encoder *msgpack.Encoder
	items   int
}

// NewMeshWriter makes an empty batch.
func NewMeshWriter() *MeshWriter {
	w := &MeshWriter{}
	w.encoder = msgpack.NewEncoder(&w.buffer)
	w.Reset()
	return w
}

// Reset begins a new batch; what Batch returned is no longer good.
func (w *MeshWriter) Reset() {
	w.buffer.Reset()
	w.buffer.Write(make([]byte, lengthBytes))
	w.items = 0
}

// Items is how many items the batch has.
func (w *MeshWriter) Items() int { return w.items }

// Len is the batch's size so far, bytes.
func (w *MeshWriter) Len() int { return w.buffer.Len() }

// Batch is the batch as it goes on the wire.
func (w *MeshWriter) Batch() []byte {
	batch := w.buffer.Bytes()
	binary.BigEndian.PutUint32(batch, uint32(len(batch)-lengthBytes))
	return batch
}

// Put appends an item.
func (w *MeshWriter) Put(item *MeshItem) error {
	w.items++
	e := w.encoder
	switch item.Kind {
	case MeshHello:
		return w.uints(uint64(item.Kind), uint64(item.Slot), item.Epoch, item.HeardEpoch, item.Heard)
	case MeshHold, MeshRelease, MeshFence:
		return errors.Join(w.uints(uint64(item.Kind), item.Position, item.Ref), e.EncodeBytes(item.Name))
	case MeshMessage, MeshNarrow:
		if err := w.uints(uint64(item.Kind), item.Position, item.Ref, uint64(item.Op)); err != nil {
			return err
		}
		return errors.Join(e.EncodeBytes(full(item.Name)), e.EncodeBytes(full(item.Extra)), e.EncodeBytes(full(item.Frame)))
	case MeshCount:
		return w.uints(uint64(item.Kind), item.Position, item.Number)
	case MeshAck:
		return w.uints(uint64(item.Kind), item.Position)
	}
	return fmt.Errorf("mesh: kind %d is none", item.Kind)
}

// full keeps nothing from being written as nil.
func full(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (w *MeshWriter) uints(values ...uint64) error {
	for _, v := range values {
		if err := w.encoder.EncodeUint(v); err != nil {
			return err
		}
	}
	return nil
}

// MeshReader takes batches apart without copying. One goroutine at a time.
type MeshReader struct {
	batch   []byte
	reader  bytes.Reader
	decoder *msgpack.Decoder
}

// NewMeshReader makes a reader of no batch.
func NewMeshReader() *MeshReader {
	r := &MeshReader{}
	r.decoder = msgpack.NewDecoder(&r.reader)
	return r
}

// BatchSize tells how long the batch is that b begins with, its length
// included; 0 if that cannot be told yet.
func BatchSize(b []byte) (int, error) {
	if len(b) < lengthBytes {
		return 0, nil
	}
	size := int(binary.BigEndian.Uint32(b))
	if size > MeshBatchMost {
		return 0, fmt.Errorf("mesh: a batch of %d bytes, %d are the most", size, MeshBatchMost)
	}
	return lengthBytes + size, nil
}

// Open begins to read a whole batch.
func (r *MeshReader) Open(batch []byte) {
	r.batch = batch[lengthBytes:]
	r.reader.Reset(r.batch)
	r.decoder.Reset(&r.reader)
}

// Next reads the next item; false at the end.
func (r *MeshReader) Next(item *MeshItem) (bool, error) {
	if r.reader.Len() == 0 {
		return false, nil
	}
	var v [5]uint64
	if err := r.uints(v[:1]); err != nil {
		return false, err
	}
	if v[0] >= uint64(meshKinds) {
		return false, fmt.Errorf("mesh: kind %d is none", v[0])
	}
	*item = MeshItem{Kind: MeshKind(v[0])}
	fields := meshFields[item.Kind]
	var tails [3]*[]byte
	switch item.Kind {
	case MeshHold, MeshRelease, MeshFence:
		tails[0] = &item.Name
		fields--
	case MeshMessage, MeshNarrow:
		tails = [3]*[]byte{&item.Name, &item.Extra, &item.Frame}
		fields -= 3
	}
	if err := r.uints(v[:fields]); err != nil {
		return false, err
	}
	switch item.Kind {
	case MeshHello:
		item.Slot, item.Epoch, item.HeardEpoch, item.Heard = int(v[0]&0xff), v[1], v[2], v[3]
	case MeshCount:
		item.Position, item.Number = v[0], v[1]
	default:
		item.Position, item.Ref, item.Op = v[0], v[1], uint8(v[2])
	}
	for _, tail := range tails {
		if tail == nil {
			break
		}
		var err error
		if *tail, err = r.bytes(); err != nil {
			return false, err
		}
	}
	if len(item.Name) == 0 {
		item.Name = nil
	}
	return true, nil
}

func (r *MeshReader) uints(into []uint64) (err error) {
	for i := range into {
		if into[i], err = r.decoder.DecodeUint64(); err != nil {
			return fmt.Errorf("mesh: %w", err)
		}
	}
	return nil
}

// bytes are a msgpack bin, where it lies.
func (r *MeshReader) bytes() ([]byte, error) {
	n, err := r.decoder.DecodeBytesLen()
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	at := len(r.batch) - r.reader.Len()
	if n < 0 || n > r.reader.Len() {
		return nil, fmt.Errorf("mesh: %d bytes announced, %d are there", n, r.reader.Len())
	}
	if _, err := r.reader.Seek(int64(n), 1); err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	return r.batch[at : at+n : at+n], nil
}
