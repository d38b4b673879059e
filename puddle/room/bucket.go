package room

import "github.com/porthouse/porthouse/schema"

// Bucket is a token bucket of one socket in two words. The zero value is full.
// It has no clock: now is monotonic, in ms.
//
// What was spent is counted in 1/Per of a message, so that every ms gives
// back Count of it and nothing is rounded.
type Bucket struct {
	spent int64
	at    int64
}

// Take tells whether one more message is within the rate, and if so counts
// it. burst is Rules.BurstOr. A change of rate takes hold at once. A clock
// that runs backwards gives nothing back and is followed.
func (b *Bucket) Take(rate schema.Pace, burst int, now int64) bool {
	if !rate.Limits() {
		return true
	}
	per := int64(rate.Per)
	room := int64(burst) * per
	b.spent = min(b.spent, room)
	if elapsed := now - b.at; elapsed > 0 {
		if elapsed > b.spent/int64(rate.Count) {
			b.spent = 0
		} else {
			b.spent -= elapsed * int64(rate.Count)
		}
	}
	b.at = now
	if b.spent+per > room {
		return false
	}
	b.spent += per
	return true
}

// OverrunMost is how long a raw socket may go on over its rate, ms: then 4429.
const OverrunMost = 10_000

// Overrun is how long a socket has been over its rate. The zero value is not.
type Overrun struct{ first, last int64 }

// Refused notes that Take said no, and tells whether the socket has been over
// its rate for OverrunMost without a calm of 2 s. now is as Take's, above 0.
func (o *Overrun) Refused(now int64) bool {
	const calm = 2000 // ms
	if o.first == 0 || now-o.last > calm || now < o.last {
		o.first = now
	}
	o.last = now
	return now-o.first >= OverrunMost
}

// State is a bucket in two words, for who goes on with it.
func (b *Bucket) State() [2]int64 { return [2]int64{b.spent, b.at} }

// BucketOf is the bucket that had the state.
func BucketOf(state [2]int64) Bucket { return Bucket{state[0], state[1]} }

// State is an overrun in two words.
func (o *Overrun) State() [2]int64 { return [2]int64{o.first, o.last} }

// OverrunOf is the overrun that had the state.
func OverrunOf(state [2]int64) Overrun { return Overrun{state[0], state[1]} }
