// Package heap gives memory that a process has used and uses no more back to
// the machine as soon as the process rests. Go does it too, over minutes.
package heap

import (
	"runtime/debug"
	"runtime/metrics"
)

const (
	quietSeconds = 2       // that make a rest
	worth        = 1 << 20 // bytes allocated since the last time, below which it is left alone
)

// Rest watches for rests. Second is to be called once a second, by one
// goroutine.
type Rest struct {
	done     uint64 // of the last second
	quiet    int    // seconds
	returned uint64 // bytes allocated as of the last time
	read     [1]metrics.Sample
}

// Second is told a count of what the process has done so far. After two
// seconds in which it stood still it collects and gives back, in a goroutine,
// once for each rest, and only where something was allocated: who is at rest
// uses no processor.
func (r *Rest) Second(done uint64) {
	if done != r.done {
		r.done, r.quiet = done, 0
		return
	}
	if r.quiet++; r.quiet != quietSeconds {
		return
	}
	if allocated := r.allocated(); allocated-r.returned >= worth {
		r.returned = allocated
		go debug.FreeOSMemory()
	}
}

// allocated is how many bytes were ever allocated. Reading it stops nothing.
func (r *Rest) allocated() uint64 {
	r.read[0].Name = "/gc/heap/allocs:bytes"
	metrics.Read(r.read[:])
	return r.read[0].Value.Uint64()
}

// ballast is never touched, so it is nowhere in memory.
var ballast []byte

// Room lets this process make so many bytes of garbage before it is collected,
// however little there is that lives: a heap of 2 MiB would be collected a
// hundred times a second amid a storm of handshakes. percent is Go's (GOGC)
// and holds where much lives. What is not used of it any more goes back at
// the next rest.
func Room(bytes, percent int) {
	debug.SetGCPercent(percent)
	ballast = make([]byte, bytes*100/percent)
}
