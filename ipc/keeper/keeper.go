package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is the hidden subcommand by which the binary becomes a keeper.
const Command = "keeper"

// Where a keeper finds its first supervisor, and the socket at which the next
// one finds it.
const (
	MasterDescriptor   = 3
	ListenerDescriptor = 4
)

// Options of a keeper.
type Options struct {
	Master   int           // the keeper's end of a Pair
	Listener int           // of Listen, or -1
	Lease    time.Duration // how long it keeps without supervisor and puddle
}

// keeper is the process's state, all of it the loop's.
type keeper struct {
	poll     int
	master   int // -1: none
	listener int
	lease    time.Duration
	alone    time.Time // since when nobody is there; zero: somebody is

	slot       uint64
	generation uint64
	executable string
	held       []int32

	sheets  []*sheet // beside the table's entries
	count   int
	lost    int // descriptors that did not arrive
	serving *puddle
	former  []*puddle // whose links are not at their ends

	feed    int // -1: none
	due     []uint32
	fedEnd  bool
	crowded bool
	full    bool // the feed is asked when it takes more

	in         *incoming
	out        outgoing
	complaints chan string
	dismissed  bool
}

// ErrLease ends a keeper that nobody has need of.
var ErrLease = errors.New("neither a supervisor nor a puddle is there: letting go")

// Run keeps until it is dismissed, which is nil, or its lease is over. The
// signals that end a service's other processes do not end it.
func Run(o Options) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(20)
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create: %w", err)
	}
	k := &keeper{
		poll: poll, master: -1, listener: o.Listener, lease: o.Lease, feed: -1, in: newIncoming(),
		complaints: make(chan string, 16),
	}
	go writeAll(k.complaints)
	k.setMaster(o.Master)
	if k.listener >= 0 {
		k.watch(k.listener, unix.EPOLLIN)
	}
	return k.loop()
}

func (k *keeper) loop() error {
	var events [16]unix.EpollEvent
	for !k.dismissed {
		n, err := unix.EpollWait(k.poll, events[:], k.patience())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			k.on(int(event.Fd), event.Events)
		}
		k.crowded = false
		k.pump()
		if k.leaseOver() {
			return ErrLease
		}
	}
	return nil
}

// patience is how long to wait for an event, ms; -1: for ever.
func (k *keeper) patience() int {
	switch {
	case k.crowded:
		return int(retry.Milliseconds())
	case !k.alone.IsZero():
		return int(min(time.Second, k.lease/4).Milliseconds()) + 1
	}
	return -1
}

// leaseOver tells whether nobody was there for too long.
func (k *keeper) leaseOver() bool {
	switch {
	case k.master >= 0 || k.serving.linked() || k.feed >= 0:
		k.alone = time.Time{}
	case k.alone.IsZero():
		k.alone = time.Now()
	default:
		return time.Since(k.alone) > k.lease
	}
	return false
}

func (k *keeper) on(fd int, events uint32) {
	switch {
	case fd == k.master:
		k.hearMaster()
	case fd == k.listener:
		k.accept()
	case fd == k.feed:
		if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			k.endFeed()
		}
	case k.serving.linked() && fd == k.serving.fd:
		k.hearPuddle(k.serving)
	default:
		k.hearFormer(fd)
	}
}

// accept lets a new supervisor in where there is none.
func (k *keeper) accept() {
	fd, _, err := unix.Accept4(k.listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err != nil {
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			time.Sleep(retry) // it waits on, and the listener stays readable
		}
		return
	}
	if k.master >= 0 {
		k.hearMaster() // it may have gone this moment
	}
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if k.master >= 0 || err != nil || int(peer.Uid) != unix.Getuid() {
		unix.Close(fd)
		return
	}
	k.setMaster(fd)
	k.answer(opDone, 0, nil)
}

func (k *keeper) setMaster(fd int) {
	k.master = fd
	k.watch(fd, unix.EPOLLIN)
}

// complain writes to stderr, and never waits for who reads that.
func (k *keeper) complain(what string, err error) {
	if errors.Is(err, io.EOF) {
		return
	}
	select {
	case k.complaints <- fmt.Sprintf("keeper %d: %s: %v\n", k.slot, what, err):
	default:
	}
}

func writeAll(lines <-chan string) {
	for line := range lines {
		io.WriteString(os.Stderr, line)
	}
}

func (k *keeper) watch(fd int, events uint32) {
	unix.EpollCtl(k.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (k *keeper) change(fd int, events uint32) {
	unix.EpollCtl(k.poll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// letGo closes a descriptor that was watched.
func (k *keeper) letGo(fd int) {
	unix.EpollCtl(k.poll, unix.EPOLL_CTL_DEL, fd, nil)
	unix.Close(fd)
}
