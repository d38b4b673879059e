package puddle

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/driver"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// What members ask of the driver behind their room. The driver works beside
// the loop; meanwhile nothing more is read from who asked. A message is settled
// with its answer, as a command is: one that had none when its puddle ended is
// asked again by the next, which has it still.

// drivers are those of the rooms here.
type drivers struct {
	reach   schema.Reach
	budget  *driver.Budget
	behind  map[string]*behind // by room
	life    context.Context    // of what is asked by sockets: until the table is another's
	end     context.CancelFunc
	posting sync.WaitGroup // what webhooks have not had
	warned  uint32         // when it was last logged that they had something not
}

// behind is a driver that runs.
type behind struct {
	rule  *schema.Driver
	queue *driver.Queue
}

func newDrivers(settings *schema.Settings) (d *drivers, err error) {
	d = &drivers{}
	d.reach, err = schema.ReachOf(settings.DriverAddresses)
	d.budget = driver.NewBudget(settings.DriverBytes)
	d.behind = map[string]*behind{}
	d.life, d.end = context.WithCancel(context.Background())
	return d, err
}

// queueOf is the queue before a room's driver, begun if need be. Of another
// driver than the room had, what was asked before is done still.
func (p *Puddle) queueOf(r *room.Room) *driver.Queue {
	b := p.drivers.behind[r.Name]
	rule := r.Rules.Driver
	if b != nil && b.rule != rule && !b.rule.Same(rule) {
		b.queue.Close()
		b = nil
	}
	if b == nil {
		d := driver.New(rule, p.drivers.reach, p.drivers.budget)
		b = &behind{queue: driver.NewQueue(d, p.settings.DriverRequests, p.drivers.budget)}
		p.drivers.behind[r.Name] = b
	}
	b.rule = rule
	return b.queue
}

// forgetDriver ends the driver of a room that is not held any more.
func (p *Puddle) forgetDriver(name string) {
	if b := p.drivers.behind[name]; b != nil {
		b.queue.Close()
		delete(p.drivers.behind, name)
	}
}

// driven is where a socket stands with the driver of one of its rooms. It
// names the message that brought it there, because that may be taken in again.
type driven struct {
	now, before driver.Place
	after       uint64 // inbound offset behind that message
}

func (d *driven) self() *ipc.SelfDriven {
	if d == nil {
		return nil
	}
	return &ipc.SelfDriven{
		Folder: d.now.Folder, File: d.now.Name, FolderBefore: d.before.Folder, FileBefore: d.before.Name, After: d.after,
	}
}

func drivenOf(self *ipc.SelfDriven) *driven {
	if self == nil {
		return nil
	}
	return &driven{
		now:    driver.Place{Folder: self.Folder, Name: self.File},
		before: driver.Place{Folder: self.FolderBefore, Name: self.FileBefore}, after: self.After,
	}
}

// placeOf is where a message begins that ends at an inbound offset.
func (p *Puddle) placeOf(i, n uint32, end uint64) driver.Place {
	m := p.stands(i).in(n)
	switch {
	case m == nil || m.driven == nil:
		return driver.Place{}
	case m.driven.after == end:
		return m.driven.before
	}
	return m.driven.now
}

// moveTo notes where a message has led, before its answer is said.
func (p *Puddle) moveTo(i, n uint32, from, to driver.Place, end uint64) {
	if m := p.stands(i).in(n); m != nil && from != to {
		m.driven = &driven{now: to, before: from, after: end}
		p.note(i)
	}
}

// errand is a message on its way to a driver and back.
type errand struct {
	parcel parcel
	room   uint32
	held   *room.Room
	from   driver.Place
}

// ask has a room's driver do what a parcel says. Who sent it hears the answer,
// whatever it is.
func (p *Puddle) askDriver(one *parcel, n uint32) {
	r := p.rooms[n]
	e := &errand{parcel: *one, room: n, held: r}
	ctx := context.Background() // who waits at the desk is answered by this process
	request := &driver.Request{
		Message: one.message, Room: r.Name, File: one.file, Most: p.sizeMost(&r.Rules),
	}
	if !one.owned {
		request.Message.Data = slices.Clone(one.message.Data)
	}
	e.parcel.message = format.Message{}
	if o := one.order; o != nil {
		o.errands++
		ctx, e.from = p.drivers.life, p.placeOf(one.from, n, o.end)
		request.Place = e.from
	}
	r.Visitors++
	done := func(a driver.Answer) { p.whenServing(func() { p.answered(e, &a) }) }
	if !p.queueOf(r).Ask(ctx, request, done) {
		p.answered(e, &driver.Answer{Refused: tooMuch, Place: e.from})
	}
}

var tooMuch = &schema.Refusal{Code: schema.Unavailable, Message: "too much waits for the room's driver: try again soon"}

// whenServing has the loop do what comes from beside it, and in a frozen
// puddle too; not while sockets move, when nothing may happen.
func (p *Puddle) whenServing(do func()) {
	p.box.call(func() {
		if p.standsStill() {
			time.AfterFunc(stillTime/50, func() { p.whenServing(do) })
			return
		}
		do()
	})
}

// answered takes a driver's answer to who asked.
func (p *Puddle) answered(e *errand, a *driver.Answer) {
	defer a.Release()
	if a.Refused != nil && !p.frozen {
		p.table.Add(table.RefusedRow(string(a.Refused.Code)), 1)
	}
	switch o := e.parcel.order; {
	case e.parcel.answer != nil:
		e.parcel.answer(a)
	case p.frozen: // its successor asks again
	case !p.alive(o):
		p.settle(o)
	default:
		if a.Refused == nil {
			p.moveTo(e.parcel.from, e.room, e.from, a.Place, o.end)
		}
		p.sayAnswer(e, a)
	}
	if !p.frozen {
		e.held.Visitors--
		if p.rooms[e.room] == e.held {
			p.closeIfEmpty(e.room)
		}
	}
}

// sayAnswer says an answer, and with the last one reads on.
func (p *Puddle) sayAnswer(e *errand, a *driver.Answer) {
	o := e.parcel.order
	if a.Refused != nil {
		p.unclaim(e.parcel.receipt, func() {})
	}
	in := p.table.Sockets[o.speaker].In
	if o.errands--; o.errands == 0 {
		in = o.end
	}
	speaks := p.speaks(o.speaker)
	if speaks == format.Raw && o.speaker != o.subject {
		speaks = format.JSON // a sibling that types
	}
	if !p.ownLarge(o.speaker, p.answerFrame(e, a, speaks), in) {
		a.Release()
		p.ownAfter(o.speaker, p.answerFrame(e, &driver.Answer{Refused: noMemory}, speaks), p.table.Sockets[o.speaker].State, in, 0)
	}
	p.maySlow(o.speaker)
	if o.errands == 0 {
		p.settle(o)
	}
}

var noMemory = &schema.Refusal{Code: schema.Unavailable, Message: "the house has no memory for the answer just now: try again"}

// answerFrame is a driver's answer in a protocol. To raw sockets it is the
// driver's own word, refusals too; to the others a message of the room, or an
// error, and behind it the receipt where one was asked for.
func (p *Puddle) answerFrame(e *errand, a *driver.Answer, speaks format.Protocol) []byte {
	m := format.Message{Kind: format.Value, Data: a.JSON}
	switch {
	case a.Refused != nil && speaks != format.Raw:
		o := e.parcel.order
		return p.replyFrame(speaks, failure("send", a.Refused).text("room", e.held.Name).ref(o.command.Ref))
	case a.Refused != nil:
		m.Data = failure("", a.Refused).end()
	case a.Bytes != nil:
		m = format.Message{Kind: format.Bytes, Data: a.Bytes}
	}
	body := m.Data
	if speaks != format.Raw {
		body = format.AppendMessage(nil, speaks, &format.Head{Room: e.held.Name}, &m)
	}
	frame := make([]byte, frameSize(len(body)), frameSize(len(body))+256)
	op := ws.OpText
	if speaks.Binary(m.Kind) {
		op = ws.OpBinary
	}
	copy(putHeader(frame, op, len(body)), body)
	receipt := e.parcel.receipt
	if receipt == nil || speaks == format.Raw {
		return frame
	}
	p.noteClaim(receipt)
	if receipt.ref != "" {
		frame = append(frame, p.replyFrame(speaks, sent(receipt.messageID, 1).ref(receipt.ref))...)
	}
	return frame
}

// noteClaim notes, of a message with a key, that it was done.
func (p *Puddle) noteClaim(r *receipt) {
	if r.claim != nil {
		r.claim.Receivers = 1
		p.ask(ipc.Question{Claimed: r.claim}, func(*ipc.Reply) {})
	}
}

// withDriver tells whether a room's messages go to its driver alone.
func (p *Puddle) withDriver(n uint32) bool { return p.rooms[n].Rules.Driver.Alone() }

// fullOfAnswers tells whether a socket has yet to take so many answers of its
// drivers that it may not ask for more.
func (p *Puddle) fullOfAnswers(i uint32) bool {
	return p.owed(i) > p.settings.OutboxBytes && slices.ContainsFunc(p.roomsOf(i), p.withDriver)
}

// waitsForDriver tells whether a socket waits for an answer of a driver.
func (p *Puddle) waitsForDriver(i uint32) bool {
	st := p.standing(i)
	return st != nil && st.order != nil && st.order.errands > 0
}
