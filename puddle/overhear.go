package puddle

import (
	"net/netip"

	"github.com/porthouse/porthouse/ipc/table"
)

// overhearPause is how long, in seconds, a puddle says nothing more about
// secrets that came in clear.
const overhearPause = 3600

// overheard counts the secrets that came in clear.
type overheard struct {
	times int    // since it was last told
	next  uint32 // seconds: not told again before
}

// isClear tells whether what a socket says crosses a network in clear, as far as
// is known: from loopback it crosses none, and a proxy of ours may say that the
// client speaks TLS.
func (p *Puddle) isClear(i uint32) bool {
	s := &p.table.Sockets[i]
	return s.Agreed&table.Sealed == 0 && !netip.AddrFrom16(s.Addr).Unmap().IsLoopback()
}

// overhear takes note of a secret that a socket has said.
func (p *Puddle) overhear(i uint32, by string, token bool) {
	if p.isClear(i) {
		p.tellOverheard(netip.AddrFrom16(p.table.Sockets[i].Addr).Unmap(), by, token)
	}
}

// tellOverheard warns, once in a while and never with the secret.
func (p *Puddle) tellOverheard(address netip.Addr, by string, token bool) {
	p.overheard.times++
	if p.now < p.overheard.next {
		return
	}
	what := "a password"
	if token {
		what = "a token"
	}
	p.log.Warn(what+" came in clear: all on its way can read it", "address", address.String(), "by", by, "times", p.overheard.times,
		"change", "put a proxy with TLS before the house (docs/proxy.md); if there is one, name it with --proxies, and have it say X-Forwarded-Proto")
	p.overheard = overheard{next: p.now + overhearPause}
}
