package supervisor

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/porthouse/porthouse/schema"
)

const (
	passPrefix = "pho_"
	passTime   = 30 * time.Second
)

// passes are one-time tokens by which the operator, whom the control socket
// let in, enters the shared port. They are kept as hashes. It locks itself.
type passes struct {
	mu    sync.Mutex
	until map[[32]byte]time.Time
}

func newPasses() *passes { return &passes{until: map[[32]byte]time.Time{}} }

// mint makes a pass that is good once, within passTime.
func (p *passes) mint() string {
	pass := passPrefix + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for hash, until := range p.until {
		if now.After(until) {
			delete(p.until, hash)
		}
	}
	p.until[sha256.Sum256([]byte(pass))] = now.Add(passTime)
	return pass
}

// spend takes a pass. Refused: unauthorized.
func (p *passes) spend(pass string) (schema.Identity, *schema.Refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash := sha256.Sum256([]byte(pass))
	until, known := p.until[hash]
	delete(p.until, hash)
	if !known || time.Now().After(until) {
		return schema.Identity{}, &schema.Refusal{Code: schema.Unauthorized, Message: "this pass is not valid any more: run the command again"}
	}
	return schema.Identity{Admin: true}, nil
}

// pass mints a pass for the command line, from any goroutine.
func (s *supervisor) pass() string { return s.passes.mint() }
