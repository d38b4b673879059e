package ipc

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

var meshItems = []MeshItem{
	{Kind: MeshHello, Slot: 3, Epoch: 1<<63 + 5, HeardEpoch: 7, Heard: 1 << 40},
	{Kind: MeshHold, Position: 80, Ref: 1<<24 | 9, Name: []byte("alice/notes")},
	{Kind: MeshMessage, Position: 1 << 50, Ref: 2, Op: 1, Extra: []byte{}, Frame: []byte("\x81\x05hello")},
	{Kind: MeshMessage, Position: 1<<50 + 88, Ref: 2, Op: 2, Extra: []byte("from alice"), Frame: bytes.Repeat([]byte{0xff}, 70_000)},
	{Kind: MeshNarrow, Position: 1<<50 + 176, Op: 0x41, Extra: []byte("to bob"), Frame: []byte("\x81\x02hi")},
	{Kind: MeshCount, Position: 1<<50 + 176, Number: 3},
	{Kind: MeshRelease, Position: 99, Ref: 1<<24 | 9, Name: []byte("alice/notes")},
	{Kind: MeshAck, Position: 0},
}

func batchOf(t testing.TB, items []MeshItem) []byte {
	w := NewMeshWriter()
	for i := range items {
		if err := w.Put(&items[i]); err != nil {
			t.Fatal(err)
		}
	}
	return w.Batch()
}

func TestMeshThereAndBack(t *testing.T) {
	batch := batchOf(t, meshItems)
	if size, err := BatchSize(batch); size != len(batch) || err != nil {
		t.Fatalf("batch of %d bytes says %d, %v", len(batch), size, err)
	}
	r := NewMeshReader()
	for range 2 { // a reader is used again
		r.Open(batch)
		for i := range meshItems {
			var item MeshItem
			if more, err := r.Next(&item); !more || err != nil {
				t.Fatalf("item %d: %v, %v", i, more, err)
			}
			if !reflect.DeepEqual(item, meshItems[i]) {
				t.Errorf("item %d came back as %+v", i, item)
			}
		}
		var item MeshItem
		if more, err := r.Next(&item); more || err != nil {
			t.Fatalf("behind the end: %v, %v", more, err)
		}
	}
}

func TestMeshAllocatesNothing(t *testing.T) {
	w, r := NewMeshWriter(), NewMeshReader()
	item, got := meshItems[2], MeshItem{}
	if n := testing.AllocsPerRun(1000, func() {
		w.Reset()
		for range 16 {
			w.Put(&item)
		}
		r.Open(w.Batch())
		for {
			if more, _ := r.Next(&got); !more {
				break
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for 16 messages there and back; want none", n)
	}
}

func TestMeshBatchTooLong(t *testing.T) {
	if _, err := BatchSize([]byte{0xff, 0, 0, 0}); err == nil || !strings.Contains(err.Error(), "are the most") {
		t.Errorf("a batch of 4 GB: %v", err)
	}
}

// Whatever comes, reading ends, stays within the batch, and what was read
// whole is what is written again.
func FuzzMeshRecords(f *testing.F) {
	f.Add(batchOf(f, meshItems)[lengthBytes:])
	f.Add([]byte{2, 0, 0, 1, 0xc6, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{1, 0, 0, 0xc0})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := NewMeshReader()
		r.Open(append(make([]byte, lengthBytes), body...))
		var items []MeshItem
		for {
			var item MeshItem
			more, err := r.Next(&item)
			if err != nil {
				return
			}
			if !more {
				break
			}
			items = append(items, item)
		}
		r.Open(batchOf(t, items))
		for i := range items {
			var again MeshItem
			if more, err := r.Next(&again); !more || err != nil || !reflect.DeepEqual(again, items[i]) {
				t.Fatalf("item %d: %+v came back as %+v, %v", i, items[i], again, err)
			}
		}
	})
}

func BenchmarkMeshMessage(b *testing.B) {
	w, r := NewMeshWriter(), NewMeshReader()
	item, got := meshItems[2], MeshItem{}
	b.ReportAllocs()
	for range b.N {
		w.Reset()
		w.Put(&item)
		r.Open(w.Batch())
		r.Next(&got)
	}
}
