package table

import (
	"sync/atomic"

	"github.com/porthouse/porthouse/schema"
)

// Counter is a number that the serving process keeps and anybody who has the
// table mapped may read.
type Counter int

// The counters. Those that count closes, refusals, states and peers are rows
// from their first one on.
const (
	Received     Counter = iota // messages taken in
	Deliveries                  // messages handed to the kernel, one a receiver
	OutboxBytes                 // bytes that wait for sockets that are behind (gauge)
	RoomsHere                   // rooms with a member here (gauge)
	StateGauge                  // sequences by schema.State (gauges)
	Closes       = StateGauge + Counter(schema.States)
	Refused      = Closes + Counter(len(schema.CountedCloses))
	MeshTo       = Refused + Counter(len(RefusedReasons))
	Counters     = MeshTo + Slots
	firstGauge   = OutboxBytes
	behindGauges = Closes
)

// RefusedReasons are the rows of Refused.
var RefusedReasons = [...]string{"malformed", "unauthorized", "denied", "not-found", "full", "too-large", "format", "rate", "unavailable", "limit", "timeout"}

// RefusedRow is the counter of a reason; an unknown one counts as malformed.
func RefusedRow(reason string) Counter {
	for row, known := range RefusedReasons {
		if known == reason {
			return Refused + Counter(row)
		}
	}
	return Refused
}

// Add moves a counter. The store is whole, so that a reader elsewhere never
// sees half of it; there is one writer.
func (t *Table) Add(c Counter, n int) {
	atomic.StoreUint64(&t.h.counters[c], t.h.counters[c]+uint64(n))
}

// Count is a counter's value.
func (t *Table) Count(c Counter) uint64 { return atomic.LoadUint64(&t.h.counters[c]) }
