package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEveryValueFallsInABucketThatHoldsIt(t *testing.T) {
	values := []int64{0, 1, 63, 64, 65, 127, 128, 129, 1e3, 1e6, 1e9, math.MaxInt64}
	for range 100_000 {
		values = append(values, rand.Int64()>>rand.IntN(63))
	}
	for _, v := range values {
		i := bucketOf(v)
		if i < 0 || i >= buckets {
			t.Fatalf("%d ns falls in bucket %d of %d", v, i, buckets)
		}
		if top := bucketTop(i); v > top || float64(top-v) > float64(v)/steps {
			t.Fatalf("%d ns is read back from bucket %d as %d", v, i, top)
		}
		if i > 0 && bucketTop(i-1) >= v {
			t.Fatalf("%d ns fits in the bucket before its own, %d", v, i)
		}
	}
}

func TestANegativeDurationCountsAsNone(t *testing.T) {
	if i := bucketOf(-5); i != 0 {
		t.Fatalf("-5 ns falls in bucket %d", i)
	}
}

func TestQuantilesAfterAMerge(t *testing.T) {
	var values []int64
	var a, b histogram
	for i := range 20_000 {
		v := int64(math.Exp(rand.NormFloat64()) * 1e5)
		values = append(values, v)
		if i%2 == 0 {
			a.add(v)
		} else {
			b.add(v)
		}
	}
	a.merge(b.tally())
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
		want := values[min(int(q*float64(len(values))), len(values)-1)]
		if got := a.quantile(q); got < want || float64(got-want) > float64(want)/steps {
			t.Errorf("quantile %g is %d ns, sorting says %d", q, got, want)
		}
	}
	if a.total != 20_000 {
		t.Errorf("%d durations after the merge of 20000", a.total)
	}
}

func TestAnEmptyHistogram(t *testing.T) {
	var h histogram
	if got := h.quantile(0.99); got != 0 {
		t.Fatalf("p99 of nothing is %d ns", got)
	}
}
