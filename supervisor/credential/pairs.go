package credential

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

const (
	pairsMost = 4096
	pairsSpan = 5 * time.Minute
)

// digest stands for secrets. It is of no use without the key of this process.
type digest [sha256.Size]byte

// sealer makes digests under a key that nobody has.
type sealer struct{ key [32]byte }

func newSealer() (s sealer) {
	rand.Read(s.key[:]) // never fails
	return s
}

// seal is the HMAC-SHA256 of the parts, each after its length.
func (s *sealer) seal(parts ...string) (d digest) {
	mac := hmac.New(sha256.New, s.key[:])
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	mac.Sum(d[:0])
	return d
}

// pairs remembers passwords that were right as digests of them and of the
// hashes that they were right for: where the hash changes the pair is void.
type pairs struct {
	sealer
	mu    sync.Mutex
	known map[digest]pair
}

type pair struct {
	client string // "": a room's
	until  time.Time
}

func newPairs() *pairs { return &pairs{sealer: newSealer(), known: map[digest]pair{}} }

// has tells whether the pair was right within the last five minutes.
func (p *pairs) has(d digest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair, known := p.known[d]
	if known && time.Now().After(pair.until) {
		delete(p.known, d)
		return false
	}
	return known
}

func (p *pairs) add(d digest, client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.known[d]; !known && len(p.known) >= pairsMost {
		dropOldest(p.known, func(pair pair) (time.Time, bool) { return pair.until, true })
	}
	p.known[d] = pair{client, time.Now().Add(pairsSpan)}
}

func (p *pairs) forget(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, pair := range p.known {
		if pair.client == client {
			delete(p.known, d)
		}
	}
}

func (p *pairs) ofClient(client, hash, password string) digest {
	return p.seal("client", client, hash, password)
}

func (p *pairs) ofRoom(room, hash, password string) digest {
	return p.seal("room", room, hash, password)
}
