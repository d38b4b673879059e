package puddle

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
)

// input is an event with what it brings.
type input struct {
	event   sequence.Event
	code    schema.CloseCode
	reason  string
	payload []byte // of a ping
	after   uint64 // inbound offset behind the frame, if one brought it
}

var (
	ended    = input{event: sequence.Ended}
	overdue  = input{event: sequence.Overdue}
	quiet    = input{event: sequence.Quiet}
	flushed  = input{event: sequence.Flushed}
	heard    = input{event: sequence.Heard}
	admitted = input{event: sequence.Admitted}
)

func gone(code schema.CloseCode, reason string) input {
	return input{event: sequence.PutOut, code: code, reason: reason}
}

func violated(code schema.CloseCode, reason string) input {
	return input{event: sequence.Violated, code: code, reason: reason}
}

// happen lets the sequence say what follows from an event, and does it.
func (p *Puddle) happen(i uint32, in input) {
	s := &p.table.Sockets[i]
	from := s.State
	next, actions := sequence.Step(from, in.event)
	if next != from {
		p.table.Add(table.StateGauge+table.Counter(s.State), -1)
		p.table.Add(table.StateGauge+table.Counter(next), 1)
	}
	for _, action := range actions {
		p.act(i, action, in, next)
	}
	// What an action has led to stands, where the event itself led nowhere.
	if next != from && next != schema.Free {
		s.State = next
	}
}

func (p *Puddle) act(i uint32, action sequence.Action, in input, next schema.State) {
	s := &p.table.Sockets[i]
	var payload, frame [controlMost + frameHeaderMost]byte
	switch action {
	case sequence.Enter:
		p.enter(i)
	case sequence.Stand:
		p.stand(i, next)
	case sequence.Question:
		p.putQuestion(i)
	case sequence.Obey:
		p.verdict = p.obey(i, &p.heard)
	case sequence.Publish:
		p.verdict = p.publish(i, &p.heard)
	case sequence.Pong:
		p.own(i, controlFrame(frame[:], ws.OpPong, in.payload), next, in.after)
	case sequence.Ping:
		p.own(i, controlFrame(frame[:], ws.OpPing, nil), next, 0)
	case sequence.Leave:
		p.leave(i)
	case sequence.Close:
		s.Code = in.code
		p.table.Add(table.Closes+table.Counter(schema.CloseRow(in.code)), 1)
		p.debug("closing", s, "code", in.code, "reason", in.reason)
		p.own(i, controlFrame(frame[:], ws.OpClose, closePayload(payload[:], in.code, in.reason)), next, in.after)
		p.schedule(i, p.after(p.settings.CloseTime))
	case sequence.Timeout:
		p.answer(i, next, reject(408, schema.Malformed, "the request's head did not come in time"), "timeout")
	case sequence.Refuse:
		p.answer(i, next, reject(503, schema.Unavailable, "the house cannot take you now: come back"), string(schema.Unavailable))
	case sequence.Shut:
		if s.Flags&table.FlagShut == 0 {
			s.Flags |= table.FlagShut
			unix.Shutdown(int(s.FD), unix.SHUT_WR)
		}
	case sequence.Free:
		p.free(i)
	}
}

// answer ends a connection over HTTP.
func (p *Puddle) answer(i uint32, next schema.State, refused rejection, reason string) {
	p.table.Add(table.RefusedRow(reason), 1)
	p.own(i, refused.answer().append(nil), next, 0)
	p.schedule(i, p.after(p.settings.CloseTime))
}

// free forgets a socket. Whoever holds a duplicate of it, the peer sees the
// end, because of the shutdown.
func (p *Puddle) free(i uint32) {
	s := &p.table.Sockets[i]
	if s.State != schema.Closing && s.State != schema.Handshake {
		p.table.Add(table.Closes+table.Counter(schema.CloseRow(schema.CloseAbnormal)), 1)
	}
	p.debug("gone", s, "code", s.Code)
	p.table.Add(table.StateGauge+table.Counter(schema.Free), -1)
	p.unschedule(i)
	delete(p.scans, i)
	delete(p.answers, i)
	p.forgetStanding(i)
	if s.Flags&table.FlagKnown != 0 {
		record := p.mustReserve(table.Gone, 0, 0)
		record.Socket, record.ID, record.In, record.Ctl = i, s.ID, s.In, s.Ctl
		p.commit(record)
	}
	if s.Flags&table.FlagWatched != 0 {
		p.poll.dropSocket(s.FD)
	}
	fd := int(s.FD)
	p.hangUpCall(i)
	p.unkeep(i)
	delete(p.guests, s.ID)
	p.table.FreeSocket(i) // first, so that nobody takes it over
	unix.Shutdown(fd, unix.SHUT_RDWR)
	unix.Close(fd)
	p.hands[i] = hand{next: none, prev: none}
	p.live--
	p.finishIfEmpty()
}

// setEvents tells the poller what the socket waits for now.
func (p *Puddle) setEvents(i uint32) {
	if s := &p.table.Sockets[i]; s.Flags&table.FlagWatched != 0 {
		p.poll.changeSocket(s.FD, i, uint64(s.ID), p.events(i))
	}
}

func (p *Puddle) events(i uint32) (events uint32) {
	if p.table.Sockets[i].Moves != 0 {
		return 0 // it is another's, or about to be
	}
	flags := p.table.Sockets[i].Flags
	if flags&(table.FlagPaused|table.FlagBusy) == 0 {
		events |= unix.EPOLLIN
	}
	if flags&table.FlagWaiting != 0 {
		events |= unix.EPOLLOUT
	}
	return events
}

// read takes what the kernel has and does what it says. It returns whether
// there may be more.
func (p *Puddle) read(i uint32) bool {
	s := &p.table.Sockets[i]
	if s.Moves != 0 {
		return false // it is another's, or about to be
	}
	if s.Flags&(table.FlagPaused|table.FlagBusy) != 0 {
		p.happen(i, ended) // it is not watched for input: this is a reset
		return false
	}
	held, from := p.table.SpanBytes(s.Part)
	at := s.In
	if len(held) > 0 {
		at = from + uint64(len(held))
	}
	buffer := p.table.BeginRead(i, at)
	n, errno := receive(s.FD, buffer)
	switch {
	case errno == unix.EAGAIN:
		return false
	case n == 0 && errno == 0 && s.State == schema.Closing && s.Flags&table.FlagWaiting != 0:
		p.busy(i) // it says no more, but it is still owed our close frame
		return false
	case errno != 0 || n == 0:
		p.happen(i, ended)
		return false
	}
	s.Heard = p.now
	s.Flags &^= table.FlagPinged
	if s.State == schema.Closing {
		s.In = at + uint64(n)
		return true
	}
	data := buffer[:n]
	if len(held) > 0 {
		if !p.table.Grow(&s.Part, int(s.In-from), s.In, data) {
			p.happen(i, violated(schema.CloseLater, "the house is full"))
			return true
		}
		data = p.part0(s)
	}
	p.take(i, data)
	return true
}

// part0 are the unsettled bytes that the socket's Part holds.
func (p *Puddle) part0(s *table.Socket) []byte {
	held, from := p.table.SpanBytes(s.Part)
	if len(held) == 0 {
		return nil
	}
	return held[s.In-from:]
}

// take does what the bytes behind In say, as far as they are whole, and keeps
// the rest.
func (p *Puddle) take(i uint32, data []byte) {
	s := &p.table.Sockets[i]
	id, base := s.ID, s.In
	if s.State == schema.Handshake {
		p.request(i, data)
	}
	if s.ID == id && speaking(s.State) {
		p.frames(i, data[s.In-base:])
	}
	if s.ID != id {
		return // gone meanwhile
	}
	rest := data[s.In-base:]
	switch {
	case s.State == schema.Closing:
		s.In += uint64(len(rest))
		p.table.Drop(&s.Part)
		delete(p.scans, i)
	case len(rest) == 0:
		p.table.Drop(&s.Part)
	case s.Part.Empty():
		if !p.table.Grow(&s.Part, 0, s.In, rest) {
			p.happen(i, violated(schema.CloseLater, "the house is full"))
		}
	}
}

// frames takes data, which begins at In, frame by frame.
func (p *Puddle) frames(i uint32, data []byte) {
	s := &p.table.Sockets[i]
	id, base := s.ID, s.In
	sc := p.scans[i]
	most := p.messageMost(i)
	for s.ID == id && speaking(s.State) && s.Flags&(table.FlagPaused|table.FlagBusy) == 0 {
		b := data[s.In-base:]
		if sc.looked >= len(b) {
			break
		}
		h, size, fault := parseHeader(b[sc.looked:])
		if fault == 0 && h.Rsv != 0 && s.Agreed&table.Inflates == 0 {
			fault = schema.CloseProtocol
		}
		if fault == 0 && size > 0 {
			fault = p.misplaced(&sc, h, most)
		}
		if fault != 0 {
			p.happen(i, violated(fault, faultReason(fault)))
			break
		}
		end := sc.looked + size + int(h.Length)
		if size == 0 || end > len(b) {
			if size > 0 && !p.goodSoFar(&sc, h, b[sc.looked+size:]) {
				p.happen(i, violated(schema.CloseUTF8, faultReason(schema.CloseUTF8)))
			}
			break
		}
		if h.OpCode.IsControl() {
			p.control(i, h, b[sc.looked+size:end], &sc, end)
			continue
		}
		if sc.frames == 0 {
			sc.op, sc.deflated = h.OpCode, h.Rsv != 0
		}
		if !(h.Fin && !sc.text.begun) && !p.goodSoFar(&sc, h, b[sc.looked+size:end]) || h.Fin && !sc.text.check.done() {
			p.happen(i, violated(schema.CloseUTF8, faultReason(schema.CloseUTF8)))
			break
		}
		sc.looked, sc.size, sc.frames = end, sc.size+int(h.Length), sc.frames+1
		if !h.Fin {
			continue
		}
		p.heard = message{op: sc.op, frames: b[:end], size: sc.size, text: sc.text.begun}
		if sc.deflated {
			if fault := p.inflate(&p.heard, most); fault != 0 {
				p.happen(i, violated(fault, faultReason(fault)))
				break
			}
		}
		p.happen(i, heard)
		sc = scan{}
		switch p.verdict {
		case notText:
			p.happen(i, violated(schema.CloseUTF8, faultReason(schema.CloseUTF8)))
		case tooLarge:
			p.happen(i, violated(schema.CloseTooLarge, faultReason(schema.CloseTooLarge)))
		case overRate:
			p.happen(i, violated(schema.CloseRate, "over rate for 10 seconds"))
		case notYet:
			p.pause(i)
		}
		most = p.messageMost(i)
	}
	if s.ID != id {
		return
	}
	if sc.frames > 0 || sc.text.begun {
		p.scans[i] = sc
	} else if len(p.scans) > 0 {
		delete(p.scans, i)
	}
}

// goodSoFar checks what has come of a data frame that does not end its message
// or has not ended itself. It need not be looked at otherwise.
func (p *Puddle) goodSoFar(sc *scan, h ws.Header, masked []byte) bool {
	op, deflated := sc.op, sc.deflated
	if sc.frames == 0 {
		op, deflated = h.OpCode, h.Rsv != 0
	}
	return op != ws.OpText || deflated || h.OpCode.IsControl() || sc.text.goOn(&p.unmasked, h, masked)
}

// misplaced judges a frame by what came before it in its message, and by the
// limits.
func (p *Puddle) misplaced(sc *scan, h ws.Header, most int) schema.CloseCode {
	switch {
	case h.OpCode.IsControl() && sc.frames > 0 && sc.controls >= max(p.settings.Fragments, controlsLeast):
		return schema.ClosePolicy
	case h.OpCode.IsControl():
		return 0
	case (h.OpCode == ws.OpContinuation) != (sc.frames > 0):
		return schema.CloseProtocol
	case h.Length > int64(wireMost(most, sc.deflated || h.Rsv != 0)-sc.size):
		return schema.CloseTooLarge
	case sc.frames >= p.settings.Fragments:
		return schema.ClosePolicy
	}
	return 0
}

// wireMost is how long a message may be on the wire: compressed, what cannot be
// made shorter is a little longer (RFC 1951 section 3.2.4).
func wireMost(most int, deflated bool) int {
	if deflated {
		return most + most>>8 + 64
	}
	return most
}

// inflate puts a compressed message's payload in the place of its frames'.
func (p *Puddle) inflate(m *message, most int) (fault schema.CloseCode) {
	plain, fault := p.deflate.inflate(m, most)
	if fault == 0 {
		m.plain, m.size = plain, len(plain)
		if plain == nil {
			m.plain = []byte{}
		}
	}
	return fault
}

// controlsLeast is how many control frames may stand within a message, however
// few fragments are taken: they are held until it ends, so there is a bound.
const controlsLeast = 64

func faultReason(code schema.CloseCode) string {
	switch code {
	case schema.CloseTooLarge:
		return "the message is larger than this room takes"
	case schema.ClosePolicy:
		return "the message has too many frames"
	case schema.CloseUTF8:
		return "text must be UTF-8"
	}
	return "a frame that RFC 6455 forbids"
}

// control takes a control frame, which may stand within a message. end is
// its end in the bytes behind In.
func (p *Puddle) control(i uint32, h ws.Header, masked []byte, sc *scan, end int) {
	s := &p.table.Sockets[i]
	after := s.In + uint64(end)
	within := sc.frames > 0
	if within {
		sc.looked = end
		sc.controls++
	}
	if after > s.Ctl { // else it was answered before the message was held up
		var payload [controlMost]byte
		text := payload[:copy(payload[:], masked)]
		ws.Cipher(text, h.Mask, 0)
		in := input{payload: text, after: after}
		switch h.OpCode {
		case ws.OpPing:
			in.event = sequence.Pinged
			p.happen(i, in)
		case ws.OpClose:
			in.event, in.code = sequence.Asked, closeOf(text)
			p.happen(i, in)
		}
		if s.State == schema.Free {
			return
		}
		s.Ctl = after
	}
	if !within {
		s.In = after
	}
}

// speaking tells whether what a socket says in a state is messages.
func speaking(state schema.State) bool {
	switch state {
	case schema.Lobby, schema.Entering, schema.Space, schema.InRoom:
		return true
	}
	return false
}

func validText(b []byte) bool { return utf8.Valid(b) }
