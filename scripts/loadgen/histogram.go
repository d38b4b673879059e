package main

import "math/bits"

// Each power of two of nanoseconds is cut into 64 steps: a value read back is
// at most 1/64 too high.
const (
	stepBits = 6
	steps    = 1 << stepBits
	buckets  = (64 - stepBits) * steps
)

// A histogram counts durations in ns, log-linear. Its zero value is empty.
type histogram struct {
	counts [buckets]uint64
	total  uint64
	most   int64
}

// bucketOf is the number of the bucket that v, in ns, falls in.
func bucketOf(v int64) int {
	if v < steps {
		return int(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - stepBits - 1
	return shift<<stepBits + int(v>>shift)
}

// bucketTop is the highest value, in ns, that falls in bucket i.
func bucketTop(i int) int64 {
	if i < steps {
		return int64(i)
	}
	shift := i>>stepBits - 1
	return int64(i-shift<<stepBits+1)<<shift - 1
}

// add counts one duration, in ns.
func (h *histogram) add(v int64) {
	h.counts[bucketOf(v)]++
	h.total++
	h.most = max(h.most, v)
}

// quantile is the duration, in ns, that a share q of those counted does not
// exceed; 0 when nothing was counted.
func (h *histogram) quantile(q float64) int64 {
	rank := uint64(q * float64(h.total))
	seen := uint64(0)
	for i, n := range h.counts {
		seen += n
		if n > 0 && seen > rank {
			return min(bucketTop(i), h.most)
		}
	}
	return h.most
}

// A tally is a histogram as it travels between processes: pairs of bucket and
// count, and the longest duration in ns.
type tally struct {
	Counts [][2]uint64 `json:"counts"`
	Most   int64       `json:"most"`
}

func (h *histogram) tally() tally {
	t := tally{Most: h.most}
	for i, n := range h.counts {
		if n > 0 {
			t.Counts = append(t.Counts, [2]uint64{uint64(i), n})
		}
	}
	return t
}

// merge adds what another process counted.
func (h *histogram) merge(t tally) {
	for _, pair := range t.Counts {
		h.counts[pair[0]] += pair[1]
		h.total += pair[1]
	}
	h.most = max(h.most, t.Most)
}
