package supervisor

import (
	"sync/atomic"
	"time"
)

// handovers are counts for the metrics.
type handovers struct {
	moved, lost, rolledBack atomic.Int64
	stall                   stalls
}

// stallBounds are the upper bounds of the histogram of stalls, seconds.
var stallBounds = [...]float64{0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5}

// stalls is a histogram.
type stalls struct {
	counts [len(stallBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (s *stalls) observe(d time.Duration) {
	at := 0
	for at < len(stallBounds) && d.Seconds() > stallBounds[at] {
		at++
	}
	s.counts[at].Add(1)
	s.sum.Add(int64(d))
}

// cumulative is the histogram as Prometheus wants it.
func (s *stalls) cumulative() (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(stallBounds))
	for at := range s.counts {
		count += s.counts[at].Load()
		if at < len(stallBounds) {
			buckets[stallBounds[at]] = count
		}
	}
	return count, time.Duration(s.sum.Load()).Seconds(), buckets
}
