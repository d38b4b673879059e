package puddle

import (
	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
)

// keeping is what the keeper is to be told: it has a duplicate of each socket,
// from before the socket is answered until it is closed.
type keeping struct {
	link *keeper.Link // nil: the keeper is gone
	come []keeper.Held
	fds  []int32 // beside come
	gone []keeper.Held
	full bool // the link takes no more just now
}

func (p *Puddle) keep(i uint32) {
	s, k := &p.table.Sockets[i], &p.keeping
	k.come, k.fds = append(k.come, keeper.Held{Index: i, ID: s.ID}), append(k.fds, s.FD)
}

func (p *Puddle) unkeep(i uint32) {
	p.keeping.gone = append(p.keeping.gone, keeper.Held{Index: i, ID: p.table.Sockets[i].ID})
}

// tellKeeper tells what came and went since it was last told.
func (p *Puddle) tellKeeper() {
	k := &p.keeping
	if len(k.come) == 0 && len(k.gone) == 0 {
		return
	}
	if k.link == nil {
		k.come, k.fds, k.gone = k.come[:0], k.fds[:0], k.gone[:0] // the next one is told everything
		return
	}
	p.forgetGone()
	n, err := k.link.Keep(k.come, k.fds)
	k.come, k.fds = k.come[:copy(k.come, k.come[n:])], k.fds[:copy(k.fds, k.fds[n:])]
	if err == nil && len(k.come) == 0 {
		n, err = k.link.Drop(k.gone)
		k.gone = k.gone[:copy(k.gone, k.gone[n:])]
	}
	if err != nil {
		p.unkept(err)
		return
	}
	if full := len(k.come)+len(k.gone) > 0; full != k.full {
		k.full = full
		events := netpoll.EpollEvent(readable)
		if full {
			events |= writable
		}
		p.poll.change(k.link.Descriptor(), events)
	}
}

// forgetGone leaves out what was closed before the keeper could have it: its
// descriptor may be another's by now.
func (p *Puddle) forgetGone() {
	k := &p.keeping
	n := 0
	for at, held := range k.come {
		if p.table.Sockets[held.Index].ID == held.ID {
			k.come[n], k.fds[n] = held, k.fds[at]
			n++
		}
	}
	k.come, k.fds = k.come[:n], k.fds[:n]
}

// onKeeper hears the keeper: a new supervisor comes by it.
func (p *Puddle) onKeeper() {
	if p.keeping.link == nil || p.frozen {
		return
	}
	if err := p.keeping.link.Hear(func(_ keeper.Word, fd int) { p.newSupervisor(fd) }); err != nil {
		p.unkept(err)
	}
	p.endTick()
}

// unkept goes on without a keeper, until another comes.
func (p *Puddle) unkept(err error) {
	k := &p.keeping
	if k.link == nil {
		return
	}
	p.log.Warn("the keeper is gone: asking for another", "error", err)
	p.poll.forget(k.link.Descriptor())
	k.link.Close()
	k.link, k.full = nil, false
	p.say(ipc.FromPuddle{Unkept: &ipc.Unkept{}})
}

// onNewKeeper gives everything to a fresh keeper.
func (p *Puddle) onNewKeeper(fd int) {
	k := &p.keeping
	if k.link != nil {
		p.poll.forget(k.link.Descriptor())
		k.link.Close()
	}
	*k = keeping{link: keeper.NewLink(fd)}
	if err := p.poll.watch(fd, readable, func(netpoll.EpollEvent) { p.onKeeper() }); err != nil {
		p.log.Error("cannot watch the keeper", "error", err)
	}
	for i := range p.hands {
		if p.table.Sockets[i].ID != 0 {
			p.keep(uint32(i))
		}
	}
	p.tellKeeper()
}

// newSupervisor goes on with another supervisor than the one that is gone.
func (p *Puddle) newSupervisor(fd int) {
	if !p.orphaned {
		p.poll.forget(p.supervisor.Descriptor())
	}
	conn, err := ipc.ConnOf(fd, "link")
	if err == nil {
		p.supervisor, err = ipc.LineOf(conn)
	}
	if err == nil {
		err = p.poll.watch(p.supervisor.Descriptor(), readable, func(netpoll.EpollEvent) { p.onSupervisor() })
	}
	if err != nil {
		p.log.Error("cannot speak with the new supervisor", "error", err)
		return
	}
	p.orphaned, p.flushing = false, false
	p.table.LeaveFollower() // what the one before has heard is not known any more
	p.tellHeld()
	for _, asked := range p.questions.pending {
		p.questions.asks = append(p.questions.asks, asked.question)
	}
	p.log.Info("another supervisor has come")
}

// monotonic is the clock that all processes of the machine share, ms.
func monotonic() int64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Sec*1000 + t.Nsec/1e6
}

// isKept tells whether all that is here is with the keeper.
func (k *keeping) isKept() bool { return k.link == nil || len(k.come)+len(k.gone) == 0 }
