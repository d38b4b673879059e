package main

import "math/bits"

// Each power of two of nanoseconds is cut into 32 steps: a value read back is
// at most 1/32 too high.
const (
	stepBits = 5
	steps    = 1 << stepBits
)

// A histogram counts durations in ns: how many fell into which step, and the
// longest. It travels between processes as it is.
type histogram struct {
	Counts map[int]uint64
	Total  uint64
	Most   int64
}

func stepOf(v int64) int {
	if v < steps {
		return int(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - stepBits - 1
	return shift<<stepBits + int(v>>shift)
}

// stepTop is the highest duration that falls into step i.
func stepTop(i int) int64 {
	if i < steps {
		return int64(i)
	}
	shift := i>>stepBits - 1
	return int64(i-shift<<stepBits+1)<<shift - 1
}

func (h *histogram) add(v int64) { h.count(stepOf(v), 1, v) }

func (h *histogram) count(step int, n uint64, most int64) {
	if h.Counts == nil {
		h.Counts = map[int]uint64{}
	}
	h.Counts[step] += n
	h.Total += n
	h.Most = max(h.Most, most)
}

func (h *histogram) merge(other *histogram) {
	for step, n := range other.Counts {
		h.count(step, n, other.Most)
	}
}

// quantile is what a share q of the durations does not exceed.
func (h *histogram) quantile(q float64) int64 {
	rank, seen := uint64(q*float64(h.Total)), uint64(0)
	for step := 0; step <= stepOf(h.Most); step++ {
		if seen += h.Counts[step]; seen > rank {
			return min(stepTop(step), h.Most)
		}
	}
	return h.Most
}
