package puddle

import (
	"fmt"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"
)

// poller is the loop: easygo's wait goroutine, which calls back for the few
// descriptors of the puddle itself, and in it, as one descriptor more, the
// set of all sockets. One batch of that set is one tick. Everything that the
// puddle owns is touched by that goroutine alone.
type poller struct {
	epoll  *netpoll.Epoll
	set    int // the sockets' own epoll set
	again  int // an eventfd: work is left, come back after the next look
	events []unix.EpollEvent
}

const (
	readable = netpoll.EPOLLIN
	writable = netpoll.EPOLLOUT

	batchEvents = 512 // sockets looked at in one tick
)

func newPoller(failed func(error)) (*poller, error) {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	again, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	epoll, err := netpoll.EpollCreate(&netpoll.EpollConfig{OnWaitError: failed})
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	return &poller{epoll: epoll, set: set, again: again, events: make([]unix.EpollEvent, batchEvents)}, nil
}

// watch calls back, level-triggered, until forget.
func (l *poller) watch(fd int, events netpoll.EpollEvent, call func(netpoll.EpollEvent)) error {
	if err := l.epoll.Add(fd, events, call); err != nil {
		l.epoll.Del(fd) // easygo keeps its entry when epoll_ctl fails
		return fmt.Errorf("epoll_ctl add %d: %w", fd, err)
	}
	return nil
}

func (l *poller) change(fd int, events netpoll.EpollEvent) { l.epoll.Mod(fd, events) }

func (l *poller) forget(fd int) { l.epoll.Del(fd) }

// The set knows a socket by its entry and the upper half of its id, so that
// an event of a former holder of the entry is not taken for its successor's.

func (l *poller) addSocket(fd int32, entry uint32, id uint64, events uint32) error {
	return unix.EpollCtl(l.set, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: events, Fd: int32(entry), Pad: int32(uint32(id >> 32))})
}

func (l *poller) changeSocket(fd int32, entry uint32, id uint64, events uint32) {
	unix.EpollCtl(l.set, unix.EPOLL_CTL_MOD, int(fd), &unix.EpollEvent{Events: events, Fd: int32(entry), Pad: int32(uint32(id >> 32))})
}

func (l *poller) dropSocket(fd int32) {
	unix.EpollCtl(l.set, unix.EPOLL_CTL_DEL, int(fd), nil)
}

var one = []byte{1, 0, 0, 0, 0, 0, 0, 0}

// comeBack makes the loop turn again without waiting.
func (l *poller) comeBack() { unix.Write(l.again, one) }

func (l *poller) cameBack() {
	var b [8]byte
	unix.Read(l.again, b[:])
}
