package room

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/porthouse/porthouse/schema"
)

// Against a bucket of exact fractions: in every window the bucket lets pass at
// most burst + rate × window, and never less than an exact one would.
func TestBucketAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rate := schema.Pace{Count: 1 + random.Uint32N(50), Per: []uint32{1000, 60000}[random.IntN(2)]}
		burst := 1 + random.IntN(30)
		var b Bucket
		now := int64(random.IntN(1000))
		level, at := int64(burst)*int64(rate.Per), now // in 1/Per of a message
		for step := range 500 {
			now += int64(random.IntN(200)) * int64(random.IntN(2))
			level = min(level+(now-at)*int64(rate.Count), int64(burst)*int64(rate.Per))
			at = now
			want := level >= int64(rate.Per)
			if want {
				level -= int64(rate.Per)
			}
			if got := b.Take(rate, burst, now); got != want {
				t.Fatalf("%+v burst %d step %d now %d: %v", rate, burst, step, now, got)
			}
		}
	}
}

func TestBucketEdges(t *testing.T) {
	const far = 1<<63 - 1
	rate := schema.Pace{Count: 2, Per: 1000}
	var b Bucket
	if !b.Take(rate, 1, far) || b.Take(rate, 1, far) {
		t.Error("a burst of one lets one pass")
	}
	if b.Take(rate, 1, 5) || !b.Take(rate, 1, 505) {
		t.Error("a clock that ran back gives nothing and goes on from there")
	}
	if !b.Take(schema.Pace{}, 0, 505) {
		t.Error("without a rate everything passes")
	}
	b = Bucket{}
	for range 100 {
		b.Take(schema.Pace{Count: 1, Per: 60000}, 100, 1000)
	}
	if b.Take(rate, 1, 1000) || !b.Take(rate, 1, 1500) {
		t.Error("a new rate takes hold at once, with no debt of the old one")
	}
	most := schema.Pace{Count: schema.RateMost, Per: 1000}
	if b = (Bucket{}); !b.Take(most, schema.RateMost, 0) || !b.Take(most, schema.RateMost, far) {
		t.Error("the fastest rate")
	}
	if unsafe.Sizeof(b) != 16 {
		t.Errorf("%d bytes", unsafe.Sizeof(b))
	}
	if n := testing.AllocsPerRun(100, func() { b.Take(rate, 5, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOverrun(t *testing.T) {
	var o Overrun
	for now := int64(1); now < OverrunMost; now += 500 {
		if o.Refused(now) {
			t.Fatalf("after %d ms", now)
		}
	}
	if !o.Refused(OverrunMost + 1) {
		t.Error("ten seconds")
	}
	if o.Refused(OverrunMost+3000) || o.Refused(2) {
		t.Error("a calm, or a clock that ran back, begins anew")
	}
}
