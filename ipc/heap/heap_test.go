package heap

import (
	"runtime"
	"testing"
	"time"
)

var sink [][]byte

func released() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapReleased
}

// What was used in a busy second goes back in the second quiet one.
func TestRest(t *testing.T) {
	var r Rest
	r.Second(1)
	for range 32 {
		sink = append(sink, make([]byte, 1<<20))
	}
	for _, b := range sink {
		clear(b)
	}
	sink = nil
	before := released()
	r.Second(2)
	r.Second(2)
	r.Second(2)
	for end := time.Now().Add(10 * time.Second); released() < before+16<<20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are released, %d were before", released(), before)
		}
	}
}

// Who goes on, or has allocated next to nothing, is left alone.
func TestNoRest(t *testing.T) {
	var r Rest
	r.Second(1)
	r.Second(1)
	r.Second(1)
	was := r.returned
	for n := range uint64(10) {
		sink = append(sink, make([]byte, 1<<20))
		r.Second(n + 2)
	}
	if r.returned != was {
		t.Fatal("it was given back amid work")
	}
	sink = nil
	r.Second(11)
	r.Second(11)
	given := r.returned
	if given == was {
		t.Fatal("nothing was given back at rest")
	}
	r.Second(12)
	r.Second(12)
	r.Second(12)
	if r.returned != given {
		t.Fatal("it was given back twice, with nothing between")
	}
}

// A small heap is not collected for every few hundred kilobytes, and room for
// garbage costs nothing until it is used.
func TestRoom(t *testing.T) {
	Room(4<<20, 25)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 3 << 10 {
		sink = append(sink[:0], make([]byte, 1<<10))
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n > 1 {
		t.Errorf("%d collections for 3 MiB of garbage, want 1 at most", n)
	}
}
