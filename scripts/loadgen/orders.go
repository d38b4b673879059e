package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"
)

// readOrders reads what the coordinator wrote; the end of the pipe ends the
// process.
func (p *process) readOrders() {
	var b [4096]byte
	for !p.done {
		n, err := unix.Read(0, b[:])
		switch {
		case n > 0:
			p.takeOrders(b[:n])
		case err == unix.EAGAIN:
			return
		case err != unix.EINTR:
			p.done = true
		}
	}
}

// takeOrders obeys each whole line and keeps the rest.
func (p *process) takeOrders(b []byte) {
	p.partial = append(p.partial, b...)
	for {
		line, rest, whole := bytes.Cut(p.partial, []byte("\n"))
		if !whole {
			return
		}
		p.partial = rest
		var o order
		if err := json.Unmarshal(line, &o); err != nil {
			p.fail(fmt.Errorf("the order %q: %v", line, err))
			return
		}
		p.obey(o)
	}
}

func (p *process) obey(o order) {
	switch o.Do {
	case "open":
		for i := len(p.sockets) - 1; i >= 0; i-- {
			p.vacant = append(p.vacant, int32(i))
		}
	case "go":
		p.start, p.begin, p.end, p.begun = o.Start, o.Begin, o.End, 0
		if p.traffic != nil {
			p.traffic.prepare(o)
		}
		p.setClock(o.Start)
	case "stop":
		p.end = 0
		say(word{Said: "stopped"})
	case "report":
		p.finish()
		say(word{Said: "report", Report: &p.report})
	}
}

// finish sums up.
func (p *process) finish() {
	if p.traffic != nil {
		p.report.Missing += p.traffic.missing()
	}
	for i := range p.sockets {
		if s := &p.sockets[i]; s.state == dialing || s.state == asking || s.state == leaving {
			p.report.Hung++
		}
	}
	p.report.Latency = p.latency.tally()
	p.report.Round = p.round.tally()
	p.report.Late = p.late.tally()
	p.report.Upgrade = p.upgraded.tally()
}
