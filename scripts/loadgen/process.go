package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Descriptors that a client process is started with, after the standard ones.
const (
	sharedDescriptor = 3
	wakeDescriptors  = 4 // one eventfd for each process
)

// Tokens of what is watched beside the sockets, whose token is their index.
const (
	tokenOrders = -1 - iota
	tokenWake
	tokenClock
)

// A process is one client process: a share of the run's sockets on one epoll
// set, served by one goroutine.
type process struct {
	plan    plan
	index   int
	low     int // number of its first socket
	shared  *shared
	mine    *counter
	epoll   int
	clock   int // a timerfd
	events  []unix.EpollEvent
	partial []byte // of an order that came in part
	done    bool
	failed  error

	sockets  []socket
	vacant   []int32 // sockets to be dialed
	underway int     // handshakes
	flight   int     // most handshakes under way
	upgrade  upgrade
	server   unix.RawSockaddrInet4
	sources  []unix.RawSockaddrInet4
	dialed   int
	begun    int    // handshakes since the order to go
	buffer   []byte // what is read, by all sockets in turn
	scratch  []byte // a request or a pong

	start, begin, end int64 // of the order to go, CLOCK_MONOTONIC ns
	storm             bool
	traffic           *traffic
	report            report
	latency           histogram
	round             histogram
	late              histogram
	upgraded          histogram
}

// runProcess is the whole life of client process number index.
func runProcess(index int) error {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("client process %d: read its plan: %v", index, err)
	}
	var p plan
	if err := json.Unmarshal(line, &p); err != nil {
		return fmt.Errorf("client process %d: its plan %q: %v", index, line, err)
	}
	c, err := newProcess(p, index)
	if err == nil {
		c.partial, _ = in.Peek(in.Buffered())
		err = c.loop()
	}
	if err != nil {
		say(word{Said: "failed", Error: err.Error()})
	}
	return err
}

func newProcess(p plan, index int) (*process, error) {
	low, high := p.share(index)
	c := &process{
		plan: p, index: index, low: low,
		events:  make([]unix.EpollEvent, 512),
		sockets: make([]socket, high-low),
		flight:  max(p.Flight/p.Processes, 1),
		upgrade: newUpgrade(p),
		server:  rawAddress(p.Server),
		buffer:  make([]byte, max(256<<10, 4*(p.Size+headMost))),
		storm:   p.Mode == modeHandshakes,
		report:  report{Answers: map[int]int{}},
	}
	if err := c.checkLimit(); err != nil {
		return nil, err
	}
	for i := range p.Sources {
		last := 2 + (index*p.Sources+i)%sourcesMost
		from := netip.AddrFrom4([4]byte{127, 0, 0, byte(last)})
		c.sources = append(c.sources, rawAddress(netip.AddrPortFrom(from, 0)))
	}
	c.dialed = rand.IntN(p.Sources)
	for i := range c.sockets {
		s := &c.sockets[i]
		s.index, s.fd = int32(i), -1
		s.room, s.member = int32((low+i)/p.Members), int32((low+i)%p.Members)
	}
	var err error
	if c.shared, err = mapShared(p, os.NewFile(sharedDescriptor, "counters")); err != nil {
		return nil, err
	}
	c.mine = &c.shared.counters[index]
	if !c.storm {
		c.traffic = newTraffic(c)
	}
	return c, c.openEpoll()
}

// checkLimit says when the process may not open as many files as it must.
func (p *process) checkLimit() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %v", err)
	}
	if need := uint64(len(p.sockets) + descriptorsSpare); limit.Cur < need {
		return fmt.Errorf("a client process needs %d open files and may have %d; raise ulimit -n or give more -processes", need, limit.Cur)
	}
	return nil
}

func (p *process) openEpoll() error {
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %v", err)
	}
	if p.clock, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("timerfd_create: %v", err)
	}
	if err := unix.SetNonblock(0, true); err != nil {
		return fmt.Errorf("make the pipe of orders non-blocking: %v", err)
	}
	for fd, token := range map[int]int32{0: tokenOrders, p.clock: tokenClock, wakeDescriptors + p.index: tokenWake} {
		if errno := watch(p.epoll, int32(fd), unix.EPOLLIN, token, 0); errno != 0 {
			return fmt.Errorf("epoll_ctl: watch descriptor %d: %v", fd, errno)
		}
	}
	return nil
}

// loop serves until the coordinator closes the pipe or something fails.
func (p *process) loop() error {
	p.takeOrders(nil) // one may have come with the plan
	p.dialVacant()
	for !p.done && p.failed == nil {
		n, errno := waitEvents(p.epoll, p.events, p.wait())
		if errno != 0 && errno != unix.EINTR {
			return fmt.Errorf("epoll_pwait: %v", errno)
		}
		for i := range max(n, 0) {
			p.event(&p.events[i])
		}
		p.dialVacant()
		p.mine.underway.Store(uint64(p.underway))
		if p.traffic != nil {
			p.traffic.settle()
		}
	}
	return p.failed
}

// wait is how long to wait for events, in ms.
func (p *process) wait() int {
	switch {
	case p.plan.Spin && p.start != 0 && now() < p.end:
		return 0
	case p.storm && len(p.vacant) > 0 && p.going() && p.plan.Rate == 0:
		return 1
	default:
		return -1
	}
}

// going tells whether new work may be begun.
func (p *process) going() bool {
	t := now()
	return p.start <= t && t < p.end
}

func (p *process) event(e *unix.EpollEvent) {
	switch e.Fd {
	case tokenOrders:
		p.readOrders()
	case tokenWake:
		p.traffic.woken()
	case tokenClock:
		if p.traffic != nil {
			p.traffic.tick()
		} // a storm dials when the events are through
	default:
		s := &p.sockets[e.Fd]
		if s.generation == e.Pad {
			p.socketEvent(s, e.Events)
		}
	}
}

// fail ends the process with its first failure.
func (p *process) fail(err error) {
	if p.failed == nil {
		p.failed = err
	}
}

// setClock arms the clock for t, CLOCK_MONOTONIC ns.
func (p *process) setClock(t int64) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(t, 1))}
	if err := unix.TimerfdSettime(p.clock, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		p.fail(fmt.Errorf("timerfd_settime %s: %v", strconv.FormatInt(t, 10), err))
	}
}

// say sends one line to the coordinator.
func say(w word) {
	line, _ := json.Marshal(w)
	os.Stdout.Write(append(line, '\n'))
}
