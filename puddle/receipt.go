package puddle

import (
	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// receipt is what a sender is told of a message when every puddle has it.
type receipt struct {
	order     *order // nil: of a single hit
	ref       string
	messageID string
	missing   uint64 // peers that have not said how many they reached
	receivers int
	claim     *ipc.Claimed
	done      func(receivers int) // of a single hit
}

func (p *Puddle) receiptFor(o *order, send *format.Send) *receipt {
	return &receipt{order: o, ref: send.Ref, messageID: p.messageID()}
}

// messageID is a name for a message that no other has.
func (p *Puddle) messageID() string { return schema.SequenceID(p.number()).String()[1:] }

// account waits for the peers of a message that was committed up to position.
func (p *Puddle) account(r *receipt, position, peers uint64, here int) {
	if r == nil {
		return
	}
	r.missing, r.receivers = peers, here
	if peers == 0 {
		p.conclude(r)
		return
	}
	p.receipts[position] = r
}

// counted: a peer has reached so many with our message of that position.
func (p *Puddle) counted(slot int, position uint64, receivers int) {
	r := p.receipts[position]
	if r == nil || r.missing&(1<<slot) == 0 {
		return
	}
	r.receivers += receivers
	r.missing &^= 1 << slot
	if r.missing == 0 {
		delete(p.receipts, position)
		p.conclude(r)
	}
}

// countWithout counts what a peer that is gone will never say as nobody.
func (p *Puddle) countWithout(slot int) {
	for position := range p.receipts {
		p.counted(slot, position, 0)
	}
}

// conclude tells the sender, where the message has a key once that is noted.
func (p *Puddle) conclude(r *receipt) {
	if r.claim == nil {
		p.tellReceipt(r)
		return
	}
	r.claim.Receivers = r.receivers
	p.ask(ipc.Question{Claimed: r.claim}, func(*ipc.Reply) { p.tellReceipt(r) })
}

// unclaim gives the key of a message back that was not sent, before its sender
// is told: the same message may then be said again.
func (p *Puddle) unclaim(r *receipt, then func()) {
	if r == nil || r.claim == nil || p.frozen {
		then()
		return
	}
	r.claim.Unsent = true
	p.ask(ipc.Question{Claimed: r.claim}, func(*ipc.Reply) { then() })
}

func (p *Puddle) tellReceipt(r *receipt) {
	switch {
	case r.done != nil:
		r.done(r.receivers)
	case r.ref != "":
		p.reply(r.order, sent(r.messageID, r.receivers))
	}
}

// tellCounts tells a peer how many its messages reached.
func (p *Puddle) tellCounts(to *peer) {
	for _, c := range to.counts {
		p.put(ipc.MeshItem{Kind: ipc.MeshCount, Position: c.position, Number: uint64(c.receivers)})
	}
	to.counts = to.counts[:0]
}

type countOf struct {
	position  uint64
	receivers int
}
