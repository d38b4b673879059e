package puddle

import (
	"errors"
	"net/netip"
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// acceptMost is how many connections one event takes in before the loop looks
// at its sockets again.
const acceptMost = 64

type listener struct {
	fd   int
	open bool
}

func (p *Puddle) openDoors() {
	for n := range p.listeners {
		l := &p.listeners[n]
		if l.open || p.stopping || !p.serving {
			continue
		}
		if err := p.poll.watch(l.fd, readable, func(netpoll.EpollEvent) { p.onListener(l) }); err != nil {
			p.log.Error("cannot watch a listener", "error", err)
			continue
		}
		l.open = true
	}
}

func (p *Puddle) closeDoors() {
	for n := range p.listeners {
		if l := &p.listeners[n]; l.open {
			p.poll.forget(l.fd)
			l.open = false
		}
	}
}

func (p *Puddle) onListener(l *listener) {
	if p.frozen || !l.open {
		return
	}
	var fresh [acceptMost]uint32
	n := 0
	for range acceptMost {
		fd, address, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			from, port := peerAddress(address)
			if i, ok := p.enrol(int32(fd), from, port); ok {
				fresh[n] = i
				n++
			}
			continue
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR), errors.Is(err, unix.EPROTO):
			continue
		case errors.Is(err, unix.EAGAIN):
		default:
			// Out of descriptors or memory: the clock opens the doors again.
			p.table.Add(table.RefusedRow("limit"), 1)
			p.log.Warn("accepting pauses: raise the limit of open files, or add puddles", "error", err)
			p.closeDoors()
		}
		break
	}
	p.tellKeeper() // before anybody is answered
	for _, i := range fresh[:n] {
		p.begin(i, nil)
	}
	p.endTick()
}

// enrol gives a connection its entry.
func (p *Puddle) enrol(fd int32, address [16]byte, port uint16) (i uint32, ok bool) {
	i, ok = p.table.TakeSocket()
	if !ok {
		p.table.Add(table.RefusedRow("limit"), 1)
		p.turnAwayFull(fd)
		return 0, false
	}
	p.makeHand(i)
	s := &p.table.Sockets[i]
	*s = table.Socket{
		FD: fd, State: schema.Handshake, Room: table.NoRoom, Heard: p.now,
		Since: time.Now().UnixMilli(), Addr: address, Port: port,
	}
	s.ID = p.newID(i)
	p.live++
	p.keep(i)
	p.table.Add(table.StateGauge+table.Counter(schema.Handshake), 1)
	p.schedule(i, p.after(p.settings.HeaderTime))
	p.announce(i)
	return i, true
}

// turnAwayFull answers a connection that there is no entry for. What it has
// said is taken first: to close what was not read is a reset, which would
// overtake the answer.
func (p *Puddle) turnAwayFull(fd int32) {
	buffer := p.unmasked[:]
	for range p.settings.HeaderBytes/len(buffer) + 1 {
		if n, _ := receive(fd, buffer); n < len(buffer) {
			break
		}
	}
	full := reject(503, schema.Full, "the house is full: come back later")
	send(fd, full.answer().append(nil))
	unix.Shutdown(int(fd), unix.SHUT_WR)
	unix.Close(int(fd))
}

func (p *Puddle) makeHand(i uint32) {
	for int(i) >= len(p.hands) {
		p.hands = append(p.hands, hand{})
	}
	p.hands[i] = hand{next: none, prev: none}
}

// begin looks at what came with a connection. first is what was read of it
// already.
func (p *Puddle) begin(i uint32, first []byte) {
	s := &p.table.Sockets[i]
	id := s.ID
	if len(first) > 0 {
		p.take(i, first)
	} else {
		p.read(i)
	}
	if s.ID != id {
		return // answered and gone
	}
	if err := p.poll.addSocket(s.FD, i, uint64(id), p.events(i)); err != nil {
		p.log.Warn("a socket cannot be watched", "error", err)
		p.happen(i, ended)
		return
	}
	s.Flags |= table.FlagWatched
}

func peerAddress(address unix.Sockaddr) ([16]byte, uint16) {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr).As16(), uint16(a.Port)
	case *unix.SockaddrInet6:
		return a.Addr, uint16(a.Port)
	}
	return [16]byte{}, 0
}
