package credential

import (
	"crypto/subtle"
	"sync"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

const (
	codeStep  = 30 * time.Second
	codeSkew  = 1 // steps, either way
	codesMost = 65536
)

// codes checks one-time codes (RFC 6238: SHA-1, six digits, 30 s), each good
// once for its owner, also where the house has begun anew since.
type codes struct {
	sealer // whose key is no secret: the next process seals alike
	keep   func(key [32]byte, step, past int64) (fresh bool)

	mu   sync.Mutex
	used map[digest]int64 // owner and secret -> the last step that was used
}

func newCodes(keep func(key [32]byte, step, past int64) bool) *codes {
	return &codes{keep: keep, used: map[digest]int64{}}
}

// spend tells whether a code is right and neither it nor a later one was used
// by the same owner, and uses it.
func (c *codes) spend(owner, secret, code string, now time.Time) bool {
	step, right := matchCode(secret, code, now)
	if !right {
		return false
	}
	key := c.seal(owner, secret)
	return c.note(key, step, now) && c.keep(key, step, stepOf(now)-codeSkew-1)
}

// note tells whether a step is later than all that this process has seen of it.
func (c *codes) note(key digest, step int64, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, known := c.used[key]
	if known && step <= last {
		return false
	}
	if !known && len(c.used) >= codesMost {
		c.dropPast(now)
		if len(c.used) >= codesMost { // to drop more would make used codes good again
			return false
		}
	}
	c.used[key] = step
	return true
}

// dropPast forgets steps whose codes are right no more.
func (c *codes) dropPast(now time.Time) {
	for key, step := range c.used {
		if step < stepOf(now)-codeSkew {
			delete(c.used, key)
		}
	}
}

func stepOf(at time.Time) int64 { return at.Unix() / int64(codeStep/time.Second) }

// matchCode finds the latest step around now that the code is of. It takes as
// long for a wrong code as for a right one.
func matchCode(secret, code string, now time.Time) (step int64, right bool) {
	for skew := -codeSkew; skew <= codeSkew; skew++ {
		at := now.Add(time.Duration(skew) * codeStep)
		want, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{
			Period: uint(codeStep / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, right = stepOf(at), true
		}
	}
	return step, right
}
