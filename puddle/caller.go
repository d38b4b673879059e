package puddle

import (
	"net/netip"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Where the settings limit what comes from one address, the supervisor counts
// for the whole house. It is asked for each connection as soon as its address
// is known: when it is accepted, or behind a proxy when that has named it. Its
// request waits for the answer. Nothing of this is in the table: who takes that
// over tells the supervisor of everybody there.

// call is how far a connection is counted.
type call uint8

const (
	uncounted call = iota
	asked
	counted
	let // taken without being counted, or refused
)

// callerPrefix is how much of an IPv6 address is one caller: what a customer
// has for itself (RFC 6177). Of IPv4 it is all.
const callerPrefix = 64

// caller is whose connection it is, "" where nobody's are counted.
func (p *Puddle) caller(i uint32) string {
	return p.callerOf(netip.AddrFrom16(p.table.Sockets[i].Addr).Unmap())
}

// callerOf is the caller that an address belongs to, "" without limits and for
// a proxy's own.
func (p *Puddle) callerOf(address netip.Addr) string {
	switch {
	case p.settings.AddressSockets == 0 && !p.settings.AddressPace.Limits(), p.trusts(address):
		return ""
	case address.Is6():
		network, _ := address.Prefix(callerPrefix)
		return network.String()
	}
	return address.String()
}

// announce asks for a connection whose address has become known. While the
// supervisor is gone nobody is counted or refused.
func (p *Puddle) announce(i uint32) {
	address := p.caller(i)
	if address == "" || p.hands[i].call != uncounted || p.orphaned {
		return
	}
	id := p.table.Sockets[i].ID
	p.hands[i].call = asked
	p.ask(ipc.Question{Call: &ipc.AskCall{Address: address}}, func(reply *ipc.Reply) { p.onCall(i, id, address, reply) })
}

func (p *Puddle) onCall(i uint32, id schema.SequenceID, address string, reply *ipc.Reply) {
	s, h := &p.table.Sockets[i], &p.hands[i]
	granted := reply.Refused == nil
	switch {
	case s.ID != id && granted:
		p.questions.left = append(p.questions.left, address)
		return
	case s.ID != id:
		return
	case granted:
		h.call = counted
	case reply.Refused.Code == schema.Unavailable:
		h.call = let // nobody answers: nobody is refused
	default:
		h.call = let
		p.turnAwayCaller(i, reply)
	}
	p.unbusy(i)
}

// holdsOn tells whether a request must wait until its connection is granted.
// What it said stays unsettled, and is looked at again then.
func (p *Puddle) holdsOn(i uint32) bool {
	p.announce(i)
	if p.hands[i].call != asked {
		return false
	}
	p.busy(i)
	p.schedule(i, p.now+questionTime+2)
	return true
}

// turnAwayCaller answers who opens connections too fast, or has too many: by
// HTTP, and a page that asks for a socket by a close code too.
func (p *Puddle) turnAwayCaller(i uint32, reply *ipc.Reply) {
	s := &p.table.Sockets[i]
	if s.State != schema.Handshake {
		return
	}
	refused := rejection{status: 429, Refusal: *reply.Refused, after: reply.After}
	if refused.Code == schema.Full {
		refused.close, refused.reason = schema.CloseLater, "limit"
	}
	if req, v := p.guard.judge(p.part0(s)); v == verdictUpgrade {
		p.turnBack(&arrival{i: i, id: s.ID, req: req, end: s.In + uint64(len(req.head))}, refused)
		return
	}
	p.answerPlain(i, refused.answer().append(nil), refused.counts())
}

// hangUpCall takes back what was granted to a connection that has ended.
func (p *Puddle) hangUpCall(i uint32) {
	if p.hands[i].call == counted {
		p.questions.left = append(p.questions.left, p.caller(i))
	}
	p.hands[i].call = uncounted
}

// cameCall counts a connection that another puddle had taken, whatever the
// limits say.
func (p *Puddle) cameCall(i uint32) {
	if address := p.caller(i); address != "" {
		p.hands[i].call = counted
		p.questions.came = append(p.questions.came, address)
	}
}

// toDesk has the desk keep what was granted to a connection that it is given.
func (p *Puddle) toDesk(i uint32, address netip.AddrPort) {
	if p.hands[i].call == counted {
		p.hands[i].call = uncounted
		p.atDesk[address]++
	}
}

// fromDesk takes it back.
func (p *Puddle) fromDesk(address netip.AddrPort) {
	if p.atDesk[address] == 0 {
		return
	}
	if p.atDesk[address]--; p.atDesk[address] == 0 {
		delete(p.atDesk, address)
	}
	p.questions.left = append(p.questions.left, p.callerOf(address.Addr()))
}

// allCallers counts everybody here anew, for a supervisor that does not know.
func (p *Puddle) allCallers() map[string]int {
	p.questions.came, p.questions.left = nil, nil // of before
	all := map[string]int{}
	for i := range p.hands {
		if p.table.Sockets[i].ID == 0 || p.hands[i].call == asked {
			continue
		}
		if address := p.caller(uint32(i)); address != "" {
			p.hands[i].call = counted
			all[address]++
		}
	}
	for address, n := range p.atDesk {
		all[p.callerOf(address.Addr())] += n
	}
	return all
}
