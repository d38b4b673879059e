package puddle

import (
	"context"
	"slices"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/driver"
	"github.com/porthouse/porthouse/schema"
)

// hook posts what was said in a room to its webhook, besides. Nobody waits for
// that: if too much waits for the hook already, the message is not posted. It
// is posted by the puddle of who said it, under the message's id, if it has
// one, so that a receiver can tell what it has had.
func (p *Puddle) hook(one *parcel, n uint32) {
	r := p.rooms[n]
	request := &driver.Request{Message: one.message, Room: r.Name, Most: p.sizeMost(&r.Rules)}
	request.Message.Data, request.Message.JSON = slices.Clone(one.message.Data), nil
	if one.receipt != nil {
		request.ID = one.receipt.messageID
	} else {
		request.ID = p.messageID()
	}
	if r.Rules.Meta&schema.MetaFrom != 0 {
		request.Client, request.Socket = one.who.Client, one.id
	}
	name := r.Name
	p.drivers.posting.Add(1)
	done := func(a driver.Answer) {
		p.drivers.posting.Done()
		if a.Refused != nil {
			p.box.call(func() { p.notPosted(name, a.Refused) })
		}
	}
	if !p.queueOf(r).Ask(context.Background(), request, done) {
		p.drivers.posting.Done()
		p.notPosted(name, tooMuch)
	}
}

// notPosted counts a message that a webhook has not had, and logs it, at most
// one every ten seconds.
func (p *Puddle) notPosted(room string, why *schema.Refusal) {
	if !p.frozen {
		p.table.Add(table.RefusedRow(string(why.Code)), 1)
	}
	if p.now < p.drivers.warned+10 && p.drivers.warned != 0 {
		return
	}
	p.drivers.warned = p.now
	p.log.Warn("messages are not posted", "room", room, "reason", why.Message)
}

// awaitPosts waits until all that was to be posted is, or given up, at most so
// long: what a puddle has taken on it finishes, though another serves already.
func (p *Puddle) awaitPosts(ctx context.Context) {
	done := make(chan struct{})
	go func() { p.drivers.posting.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(postsMost):
	}
}

// postsMost bounds how long a puddle that was replaced stays for its webhooks.
const postsMost = 10 * time.Second
