package puddle

import (
	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// order is a command on its way: who said it, for which socket, and what it
// settles. Until it is done nothing more is read from who said it.
type order struct {
	speaker uint32 // hears the replies
	subject uint32 // the command is for: the speaker, or what its sibling commands
	id      schema.SequenceID
	of      schema.SequenceID // the subject's
	command schema.Command
	end     uint64 // the speaker's inbound offset behind it
	done    bool
	waits   bool // it was not done at once
	errands int  // drivers that have not answered
}

// obey does what a socket in no room says: a command, or an envelope that is a
// message.
func (p *Puddle) obey(i uint32, m *message) taking {
	st := p.stands(i)
	st.spoke, st.stale = p.now, true
	p.table.Do(table.Source{Socket: i}, p.table.Sockets[i].In)
	defer p.table.Done()
	p.beginRedo(table.Source{Socket: i})
	defer p.endRedo()
	input := p.payload(m)
	if m.op == ws.OpText && !m.isText(input) {
		return notText
	}
	if st.piped {
		p.table.Sockets[i].In += uint64(len(m.frames))
		return taken
	}
	if st.speaks != format.Raw {
		return p.envelope(i, m, input)
	}
	o := p.order(i, m)
	var refused *schema.Refusal
	if m.op != ws.OpText {
		refused = &schema.Refusal{Code: schema.Malformed, Message: "a command is text: JOIN chat, or HELP"}
	} else {
		o.command, refused = schema.ParseCommand(input)
	}
	p.run(o, refused)
	return taken
}

// envelope takes a frame of an envelope socket, wherever it stands.
func (p *Puddle) envelope(i uint32, m *message, input []byte) taking {
	st := p.stands(i)
	st.spoke, st.stale = p.now, true
	if m.op == ws.OpText && !m.isText(input) {
		return notText
	}
	o := p.order(i, m)
	if (m.op == ws.OpBinary) != (st.speaks == format.Msgpack) {
		p.finish(o, failure("", &schema.Refusal{Code: schema.Malformed, Message: "JSON goes in text frames, msgpack in binary ones"}))
		return taken
	}
	send, command, isCommand, refused := format.Parse(st.speaks, input)
	switch {
	case isCommand && refused == nil:
		o.command, refused = schema.ParseEnvelope(command)
		p.run(o, refused)
		return taken
	case refused != nil:
		if o.command.Ref = send.Ref; !isCommand {
			o.command.Do = "send"
		}
		p.fail(o, refused)
		return taken
	}
	return p.sendEnvelope(o, &send)
}

func (p *Puddle) order(i uint32, m *message) *order {
	s := &p.table.Sockets[i]
	o := &order{speaker: i, subject: i, id: s.ID, of: s.ID, end: s.In + uint64(len(m.frames))}
	if st := p.standing(i); st != nil && st.main != table.NoSocket {
		o.subject, o.of = st.main, p.table.Sockets[st.main].ID
	}
	return o
}

// run does a command; what cannot be done at once goes on when what it waits
// for is there.
func (p *Puddle) run(o *order, refused *schema.Refusal) {
	if refused == nil {
		refused = p.tooFast(o)
	}
	if refused == nil && p.table.Sockets[o.subject].State == schema.Entering && !whileEntering(o.command.Verb) {
		refused = &schema.Refusal{Code: schema.Denied, Message: "a room waits for its answer first: ENTER password [otp], or LEAVE"}
	}
	if refused != nil {
		p.table.Add(table.RefusedRow(string(refused.Code)), 1)
		p.finish(o, failure(o.command.Do, refused))
		return
	}
	if c := &o.command; c.Token != "" || c.Password != "" || c.OTP != "" {
		p.overhear(o.speaker, "command", c.Token != "")
	}
	commands[o.command.Verb](p, o)
	if !o.done {
		p.wait(o)
	}
}

// wait lets nothing more be read from who gave an order until it is done.
func (p *Puddle) wait(o *order) {
	o.waits = true
	p.stands(o.speaker).order = o
	p.busy(o.speaker)
}

// pending tells whether somebody is not read until the order is done.
func (o *order) pending() bool { return o != nil && o.waits && !o.done }

// tooFast refuses who says more commands than the house takes from one socket.
func (p *Puddle) tooFast(o *order) *schema.Refusal {
	pace := schema.Pace{Count: uint32(p.settings.CommandRate), Per: 1000}
	if p.stands(o.speaker).pace.Take(pace, 4*p.settings.CommandRate, p.milliseconds()) {
		return nil
	}
	return &schema.Refusal{Code: schema.Rate, Message: "too many commands: say them more slowly"}
}

func whileEntering(verb schema.Verb) bool {
	switch verb {
	case schema.Enter, schema.Leave, schema.Whoami, schema.PingHouse, schema.Help:
		return true
	}
	return false
}

// commands does each verb.
var commands [schema.Help + 1]func(*Puddle, *order)

func init() { // not in the declaration: the functions name the table
	commands = [...]func(*Puddle, *order){
		schema.Auth: (*Puddle).doAuth, schema.Whoami: (*Puddle).doWhoami,
		schema.NewRoom: (*Puddle).doNewRoom, schema.DropRoom: (*Puddle).doDropRoom,
		schema.NewEndpoint: (*Puddle).doEndpoint, schema.DropEndpoint: (*Puddle).doEndpoint,
		schema.Join: (*Puddle).doJoin, schema.Enter: (*Puddle).doEnter, schema.Leave: (*Puddle).doLeave,
		schema.ListSpaces: (*Puddle).doSpaces, schema.Who: (*Puddle).doWho,
		schema.ChangeRules: (*Puddle).doRules, schema.PutOut: (*Puddle).doPutOut,
		schema.CloseSequence: (*Puddle).doClose,
		schema.PingHouse:     func(p *Puddle, o *order) { p.finish(o, ok("ping")) },
		schema.Help:          (*Puddle).doHelp,
	}
}

// alive tells whether the sockets of an order are still who they were.
func (p *Puddle) alive(o *order) bool {
	s := &p.table.Sockets[o.speaker]
	subject := &p.table.Sockets[o.subject]
	return s.ID == o.id && speaking(s.State) && subject.ID == o.of && speaking(subject.State)
}

// reply says something to whoever gave an order.
func (p *Puddle) reply(o *order, text says) {
	s := &p.table.Sockets[o.speaker]
	if s.ID != o.id || !speaking(s.State) || p.redo.done(o.speaker) {
		return
	}
	p.own(o.speaker, p.replyFrame(p.speaks(o.speaker), text.ref(o.command.Ref)), s.State, 0)
}

// finish replies for the last time and reads on.
func (p *Puddle) finish(o *order, text says) {
	s := &p.table.Sockets[o.speaker]
	if s.ID == o.id && speaking(s.State) {
		p.ownAfter(o.speaker, p.replyFrame(p.speaks(o.speaker), text.ref(o.command.Ref)), s.State, o.end, 0)
	}
	p.settle(o)
}

// settle ends an order whose replies are out.
func (p *Puddle) settle(o *order) {
	s := &p.table.Sockets[o.speaker]
	if o.done || s.ID != o.id {
		return
	}
	o.done = true
	s.In = max(s.In, o.end)
	if o.waits {
		p.stands(o.speaker).order = nil
		p.unbusy(o.speaker)
	}
}

// fail finishes an order with a refusal.
func (p *Puddle) fail(o *order, refused *schema.Refusal) {
	if refused == nil {
		refused = &noAnswer
	}
	p.table.Add(table.RefusedRow(string(refused.Code)), 1)
	p.finish(o, failure(o.command.Do, refused))
}

// replyFrame is a frame with something that the house says.
func (p *Puddle) replyFrame(speaks format.Protocol, text says) []byte {
	p.said = format.AppendReply(p.said[:0], speaks, text.end())
	op := ws.OpText
	if speaks == format.Msgpack {
		op = ws.OpBinary
	}
	frame := make([]byte, frameSize(len(p.said)))
	copy(putHeader(frame, op, len(p.said)), p.said)
	return frame
}

// tell says something to a socket unasked: an envelope socket hears it itself,
// of a raw one its sibling, if it has one.
func (p *Puddle) tell(i uint32, text says) {
	st := p.standing(i)
	if st == nil {
		return
	}
	hears := i
	if st.speaks == format.Raw && st.piped {
		if hears = st.sibling; hears == table.NoSocket {
			return
		}
	}
	if s := &p.table.Sockets[hears]; speaking(s.State) && !p.redo.done(hears) {
		p.own(hears, p.replyFrame(p.speaks(hears), text), s.State, 0)
	}
}

// inboundKept is how long a message may be whose memory the next one uses.
const inboundKept = 2 << 20

// payload are a message's bytes, unmasked; they hold until the next one, where
// they are more than inboundKept for ever.
func (p *Puddle) payload(m *message) []byte {
	if m.size > inboundKept {
		large := make([]byte, m.size)
		m.copyTo(large)
		return large
	}
	if cap(p.inbound) < m.size {
		p.inbound = make([]byte, 0, 2*m.size)
	}
	p.inbound = p.inbound[:m.size]
	m.copyTo(p.inbound)
	return p.inbound
}
