package puddle

import (
	"net/netip"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Where the settings limit what comes from one address, the supervisor counts
// for the whole house. It is asked for each connection as soon as its address
// is known: when it is accepted, or behind a proxy when that has named it. An
// opening handshake waits for the answer. Nothing of this is in the table: who
// takes that over tells the supervisor of everybody there.

// call is how far a connection is counted.
type call uint8

const (
	uncounted call = iota
	asked
	counted
)

// callerPrefix is how much of an IPv6 address is one caller: what a customer
// has for itself (RFC 6177). Of IPv4 it is all.
const callerPrefix = 64

// caller is whose connection it is, "" where nobody's are counted: without
// limits, and while only a proxy's address is known.
func (p *Puddle) caller(i uint32) string {
	if p.settings.AddressSockets == 0 && !p.settings.AddressPace.Limits() {
		return ""
	}
	address := netip.AddrFrom16(p.table.Sockets[i].Addr).Unmap()
	if len(p.proxies) > 0 && p.trusts(address) {
		return ""
	}
	if address.Is6() {
		network, _ := address.Prefix(callerPrefix)
		return network.String()
	}
	return address.String()
}

// announce asks for a connection whose address has become known.
func (p *Puddle) announce(i uint32) {
	if p.hands[i].call != uncounted || p.orphaned {
		return // while the supervisor is gone nobody is refused
	}
	address := p.caller(i)
	if address == "" {
		return
	}
	id := p.table.Sockets[i].ID
	p.hands[i].call = asked
	p.ask(ipc.Question{Call: &ipc.AskCall{Address: address}}, func(reply *ipc.Reply) { p.onCall(i, id, address, reply) })
}

func (p *Puddle) onCall(i uint32, id schema.SequenceID, address string, reply *ipc.Reply) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	granted := reply.Refused == nil
	if s.ID != id {
		if granted {
			p.questions.left = append(p.questions.left, address)
		}
		return
	}
	a := p.gated[i]
	delete(p.gated, i)
	switch h.call = uncounted; {
	case granted:
		h.call = counted
	case reply.Refused.Code == schema.Unavailable: // nobody answers: nobody is refused
	default:
		p.turnAwayCaller(i, a, reply)
		return
	}
	if a != nil && p.arriving(a) {
		p.introduce(a)
	}
}

// turnAwayCaller answers who has called too often, or has too many connections.
func (p *Puddle) turnAwayCaller(i uint32, a *arrival, reply *ipc.Reply) {
	refused := rejection{status: 429, Refusal: *reply.Refused, after: reply.After}
	if refused.Code == schema.Full {
		refused.close, refused.reason = schema.CloseLater, "limit"
	}
	switch {
	case a != nil && p.arriving(a):
		p.turnBack(a, refused)
	case p.table.Sockets[i].State == schema.Handshake:
		p.answerPlain(i, refused.answer().append(nil), refused.counts())
	}
}

// gate lets an arrival go on when its connection is granted.
func (p *Puddle) gate(a *arrival) {
	p.announce(a.i)
	if p.hands[a.i].call == asked {
		p.gated[a.i] = a
		return
	}
	p.introduce(a)
}

// hangUpCall takes back what was granted to a connection that has ended.
func (p *Puddle) hangUpCall(i uint32) {
	delete(p.gated, i)
	if p.hands[i].call == counted {
		p.questions.left = append(p.questions.left, p.caller(i))
	}
}

// allCallers counts everybody here anew, for a supervisor that does not know.
func (p *Puddle) allCallers() map[string]int {
	p.questions.left = nil // of before
	var all map[string]int
	for i := range p.hands {
		if p.table.Sockets[i].ID == 0 || p.hands[i].call == asked {
			continue
		}
		p.hands[i].call = uncounted
		address := p.caller(uint32(i))
		if address == "" {
			continue
		}
		if all == nil {
			all = map[string]int{}
		}
		p.hands[i].call = counted
		all[address]++
	}
	return all
}
