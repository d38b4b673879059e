package credential

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

const (
	addressTries = 20 // wrong ones in an addressSpan
	addressSpan  = time.Minute
	addressMost  = 16384
)

// addresses remembers the wrong tries of the last minute by where they came
// from.
type addresses struct {
	mu    sync.Mutex
	tries map[string][]time.Time // the last addressTries, in order
}

func newAddresses() *addresses { return &addresses{tries: map[string][]time.Time{}} }

// origin is what counts as one address: an IPv4 address, or a /64 of IPv6,
// which one network has. What is no address is all one.
func origin(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil { // no IPv6 address is shorter
		return "unknown"
	}
	return network.String()
}

// wrong counts a wrong try.
func (a *addresses) wrong(from string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tries, known := a.tries[from]
	if !known && len(a.tries) >= addressMost {
		dropOldest(a.tries, func(tries []time.Time) (time.Time, bool) { return tries[len(tries)-1], true })
	}
	if len(tries) == addressTries {
		tries = append(tries[:0], tries[1:]...)
	}
	a.tries[from] = append(tries, time.Now())
}

// count is how many wrong tries there were in the last minute.
func (a *addresses) count(from string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.recent(from))
}

// blocked is how many seconds it takes until another try is judged, 0: none.
func (a *addresses) blocked(from string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	tries := a.recent(from)
	if len(tries) < addressTries {
		return 0
	}
	return max(1, int(math.Ceil((addressSpan - time.Since(tries[0])).Seconds())))
}

func (a *addresses) recent(from string) []time.Time {
	tries := a.tries[from]
	for i, at := range tries {
		if time.Since(at) < addressSpan {
			return tries[i:]
		}
	}
	delete(a.tries, from)
	return nil
}
