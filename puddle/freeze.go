package puddle

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
)

// What a puddle does that another takes over from: it stops at the end of a
// turn, leaves the table in order, and lives on only for the plain requests
// that its desk has begun.

// freezeTime is how long receipts are waited for, before senders of messages
// under way are told a smaller number.
const freezeTime = 10 * time.Millisecond

// freeze begins to stop: nothing more is taken in.
func (p *Puddle) freeze() {
	if p.frozen || p.stopping {
		return
	}
	p.closeDoors()
	p.poll.forget(p.poll.set)
	p.endTick()
	p.freezeWhenQuiet(time.Now().Add(freezeTime))
}

func (p *Puddle) freezeWhenQuiet(deadline time.Time) {
	if p.frozen || p.stopping {
		return
	}
	if (len(p.receipts) == 0 && p.keeping.isKept()) || time.Now().After(deadline) {
		p.freezeNow()
		return
	}
	time.AfterFunc(time.Millisecond/2, func() { p.box.call(func() { p.freezeWhenQuiet(deadline) }) })
}

// freezeNow is the last that this process does to the table.
func (p *Puddle) freezeNow() {
	p.drivers.end()
	p.endTick()
	for i := range p.hands {
		p.writeDown(uint32(i))
	}
	p.table.Freeze()
	p.frozen = true
	for _, peer := range p.peers {
		if peer != nil {
			p.hangUp(peer)
		}
	}
	p.endKeeping(time.Now().Add(time.Second))
}

// writeDown stores what of a socket only this process knows.
func (p *Puddle) writeDown(i uint32) {
	s := &p.table.Sockets[i]
	if s.ID == 0 {
		return
	}
	s.Done, s.Behind = p.hands[i].done, 0
	if lane := p.lane(i); lane != nil {
		s.Behind = lane.Count() - p.place(i)
	}
	if st := p.standing(i); st != nil && st.stale {
		p.note(i)
	}
}

// endKeeping says the last word to the keeper, and then to the supervisor.
func (p *Puddle) endKeeping(deadline time.Time) {
	if p.keeping.link != nil {
		p.tellKeeperAll()
		if err := p.keeping.link.End(); errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline) {
			time.AfterFunc(time.Millisecond, func() { p.box.call(func() { p.endKeeping(deadline) }) })
			return
		}
	}
	p.say(ipc.FromPuddle{Frozen: &ipc.Frozen{}})
}

// tellKeeperAll tries hard to give the keeper everything.
func (p *Puddle) tellKeeperAll() {
	for range 100 {
		if p.tellKeeper(); p.keeping.isKept() {
			return
		}
		time.Sleep(time.Millisecond / 10) // the loop has nothing else to do any more
	}
}

// release ends the process when its desk has answered what it was asked.
func (p *Puddle) release(drain time.Duration) {
	p.stopping = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		p.desk.stop(ctx)
		p.awaitPosts(ctx)
		p.box.call(p.finishAll)
	}()
}

// passOn has a successor answer a message that came to the desk of one that
// has frozen.
func (p *Puddle) passOn(h *hit) {
	to, refusal := p.follow(h.host, []byte(h.path))
	if h.kind != hitSend || refusal != nil || to.kind != targetRoom || h.done == nil {
		h.done(answerWith(reject(503, noAnswer.Code, noAnswer.Message)))
		return
	}
	p.passedID++
	if p.passed == nil {
		p.passed = map[uint64]func(hitAnswer){}
	}
	p.passed[p.passedID] = h.done
	p.say(ipc.FromPuddle{Hit: &ipc.Hit{
		ID: p.passedID, Room: to.room, Kind: uint8(h.message.Kind), Data: h.message.Data, To: h.to, Key: h.key,
		Address: h.address.Addr().Unmap().String(), Post: &ipc.Post{
			Host: h.host, Path: h.path, Origin: h.origin, Page: h.origin != nil, Basic: h.basic, Offered: h.offered, Credential: h.credential,
			Password: h.password, OTP: h.otp, Port: h.address.Port(), File: h.file,
		},
	}})
}

// onPassedDone answers what was passed on.
func (p *Puddle) onPassedDone(word *ipc.HitDone) {
	if done := p.passed[word.ID]; done != nil {
		delete(p.passed, word.ID)
		done(hitAnswer{status: word.Status, json: word.JSON, retryAfter: word.After, allowOrigin: word.AllowOrigin})
	}
}
