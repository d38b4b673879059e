package main

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// The Go clock is CLOCK_MONOTONIC less an offset of its own, and costs no
// system call.
var (
	clockBase = time.Now()
	clockZero = calibrate()
)

// now is CLOCK_MONOTONIC in ns, the same in every process of the machine.
func now() int64 { return clockZero + int64(time.Since(clockBase)) }

// calibrate finds CLOCK_MONOTONIC at clockBase from the tightest of some
// readings.
func calibrate() int64 {
	zero, tightest := int64(0), int64(math.MaxInt64)
	for range 100 {
		var t unix.Timespec
		before := int64(time.Since(clockBase))
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
		after := int64(time.Since(clockBase))
		if after-before < tightest {
			tightest = after - before
			zero = t.Nano() - before - tightest/2
		}
	}
	return zero
}
