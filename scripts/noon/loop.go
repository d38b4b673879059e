package main

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// never is later than anything.
const never = math.MaxInt64

// Tokens of what is watched beside the sockets.
const (
	tokenOrders = -1 - iota
	tokenClock
)

// A worker is what a client process does, on one goroutine.
type worker interface {
	obey(order byte)
	event(token, generation int32, events uint32)
	tick(at int64) (next int64) // does what is due; says when something is again
	failure() error
}

// A loop waits for events and times. Times are in CLOCK_MONOTONIC ns.
type loop struct {
	epoll, clock int
	armed        int64
}

func newLoop() (*loop, error) {
	l := &loop{armed: never}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create1: %v", err)
	}
	if l.clock, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("timerfd_create: %v", err)
	}
	if err := unix.SetNonblock(0, true); err != nil {
		return nil, fmt.Errorf("make the pipe of orders non-blocking: %v", err)
	}
	if err := l.watch(0, unix.EPOLLIN, tokenOrders, 0); err != nil {
		return nil, err
	}
	return l, l.watch(l.clock, unix.EPOLLIN, tokenClock, 0)
}

// watch reports events of fd once each (edge-triggered), with token and
// generation.
func (l *loop) watch(fd int, events uint32, token, generation int32) error {
	e := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: token, Pad: generation}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("epoll_ctl: %v", err)
	}
	return nil
}

// run works until there are no more orders or something fails.
func (l *loop) run(w worker) error {
	events := make([]unix.EpollEvent, 256)
	for w.failure() == nil {
		l.arm(w.tick(now()))
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %v", err)
		}
		for _, e := range events[:max(n, 0)] {
			switch e.Fd {
			case tokenClock:
				l.armed = never // and no more; tick comes next
			case tokenOrders:
				if end := readOrders(w); end {
					return nil
				}
			default:
				w.event(e.Fd, e.Pad, e.Events)
			}
		}
	}
	return w.failure()
}

func readOrders(w worker) (end bool) {
	var b [16]byte
	for {
		n, err := unix.Read(0, b[:])
		switch {
		case n > 0:
			for _, order := range b[:n] {
				w.obey(order)
			}
		case err != unix.EINTR:
			return err != unix.EAGAIN
		}
	}
}

func (l *loop) arm(next int64) {
	if next == l.armed {
		return
	}
	l.armed = next
	spec := unix.ItimerSpec{}
	if next != never {
		spec.Value = unix.NsecToTimespec(max(next, 1))
	}
	unix.TimerfdSettime(l.clock, unix.TFD_TIMER_ABSTIME, &spec, nil)
}
