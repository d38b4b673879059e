package puddle

import (
	"net/netip"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/puddle/sequence"
	"github.com/porthouse/porthouse/schema"
)

// request looks at a connection's first bytes. What it settles is In moved on.
func (p *Puddle) request(i uint32, data []byte) {
	s := &p.table.Sockets[i]
	data, more := p.throughProxy(s, data)
	if more {
		return
	}
	req, v := p.guard.judge(data)
	if v == verdictMore {
		return
	}
	if refused := v.refused(); refused != nil {
		p.answerPlain(i, refused.answer().append(nil), string(refused.Code))
		return
	}
	if p.forwarded(s, &req); p.holdsOn(i) {
		return
	}
	if v == verdictUpgrade {
		p.upgrade(i, &req)
		return
	}
	p.plain(i, &req, data)
}

// plain answers what needs neither body nor question; the rest goes to the
// desk, with its connection.
func (p *Puddle) plain(i uint32, req *request, data []byte) {
	to, refused := p.follow(string(req.host()), req.path)
	get := string(req.method) == "GET" || string(req.method) == "HEAD"
	switch {
	case !get && string(req.method) != "POST" && string(req.method) != "OPTIONS",
		get && to.kind != targetSpaces && to.kind != targetHost && !p.showsPage(req, to),
		to.kind == targetHealth, to.kind == targetReady:
		if refused != nil {
			p.answerPlain(i, rejection{status: 404, Refusal: *refused}.answer().append(nil), string(refused.Code))
			return
		}
		req.sealed = p.table.Sockets[i].Agreed&table.Sealed != 0
		ready := p.table.HouseNow() == table.Up && !p.stopping
		p.answerPlain(i, to.answer(req, ready).append(nil), "")
	default:
		s := &p.table.Sockets[i]
		address := netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), s.Port)
		first := append([]byte(nil), data...)
		clear := p.isClear(i)
		p.toDesk(i, address)
		fd := p.partWith(i)
		if err := p.desk.take(fd, first, address, clear); err != nil {
			p.fromDesk(address)
			p.log.Debug("a request was not taken", "error", err)
		}
	}
}

// answerPlain answers over HTTP and ends the connection.
func (p *Puddle) answerPlain(i uint32, reply []byte, reason string) {
	if reason != "" {
		p.table.Add(table.RefusedRow(reason), 1)
	}
	s := &p.table.Sockets[i]
	held, from := p.table.SpanBytes(s.Part)
	end := max(s.In+1, from+uint64(len(held))) // nothing of it is looked at again
	p.ownAfter(i, reply, schema.Handshake, end, end)
	p.happen(i, input{event: sequence.Answered})
	p.schedule(i, p.after(p.settings.CloseTime))
}

// address is where a socket comes from, as text.
func (p *Puddle) address(i uint32) string {
	return netip.AddrFrom16(p.table.Sockets[i].Addr).Unmap().String()
}
