package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuantilesAfterAMerge(t *testing.T) {
	var values []int64
	var halves [2]histogram
	for i := range 20_000 {
		v := int64(math.Exp(rand.NormFloat64()) * 1e5)
		values = append(values, v)
		halves[i%2].add(v)
	}
	all := &halves[0]
	all.merge(&halves[1])
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
		want := values[min(int(q*float64(len(values))), len(values)-1)]
		if got := all.quantile(q); got < want || float64(got-want) > float64(want)/steps {
			t.Errorf("quantile %g is %d ns, sorting says %d", q, got, want)
		}
	}
}

func TestAnEmptyHistogram(t *testing.T) {
	if got := new(histogram).quantile(0.99); got != 0 {
		t.Errorf("p99 of nothing is %d", got)
	}
}
