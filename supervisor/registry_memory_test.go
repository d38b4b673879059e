package supervisor

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// BenchmarkRegistryMemory is what a sequence that stands in a room costs here.
func BenchmarkRegistryMemory(b *testing.B) {
	const sequences, rooms = 10_000, 10
	for b.Loop() {
		st, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "porthouse.db"))
		if err != nil {
			b.Fatal(err)
		}
		r := newRegistry(st, slog.New(slog.DiscardHandler))
		before := heapInUse()
		for n := range sequences {
			id := schema.SequenceID(uint64(n+1) * 0x9e3779b97f4a7c15)
			r.note(sequenceRow{ID: id, Slot: n % 2, State: schema.InRoom, Address: netip.MustParseAddr("127.0.0.1").String(), Since: time.Now()},
				roomJoined{Sequence: id, Room: fmt.Sprint("room", n%rooms)})
		}
		for r.lag() > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		b.ReportMetric(float64(heapInUse()-before)/sequences, "B/sequence")
		if err := r.close(b.Context()); err != nil {
			b.Fatal(err)
		}
		st.Close()
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
