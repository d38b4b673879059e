package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A counter is one process's totals so far, on cache lines of its own.
type counter struct {
	deliveries atomic.Uint64
	bytes      atomic.Uint64 // of delivered bodies
	messages   atomic.Uint64
	open       atomic.Uint64 // sockets that came into their room
	lost       atomic.Uint64 // sockets that the server closed
	underway   atomic.Uint64 // handshakes now
	_          [10]uint64
}

// A sender is what all processes know of one sending member.
type sender struct {
	sent   atomic.Uint64 // messages
	target atomic.Uint64 // deliveries owed for them
	heard  atomic.Uint64 // deliveries that came, each once
}

// shared is the memory that all client processes and the coordinator map.
type shared struct {
	file     *os.File
	counters []counter
	senders  []sender // room by room
}

func sharedSize(p plan) (counters, all int) {
	counters = p.Processes * int(unsafe.Sizeof(counter{}))
	return counters, counters + p.Rooms*p.Senders*int(unsafe.Sizeof(sender{}))
}

// newShared makes the memory, all zero.
func newShared(p plan) (*shared, error) {
	fd, err := unix.MemfdCreate("loadgen", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create for the counters: %v", err)
	}
	file := os.NewFile(uintptr(fd), "counters")
	_, size := sharedSize(p)
	if err := file.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("%d bytes for the counters: %v", size, err)
	}
	return mapShared(p, file)
}

// mapShared maps the memory that another process made.
func mapShared(p plan, file *os.File) (*shared, error) {
	counters, size := sharedSize(p)
	b, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of counters: %v", size, err)
	}
	return &shared{
		file:     file,
		counters: unsafe.Slice((*counter)(unsafe.Pointer(&b[0])), p.Processes),
		senders:  unsafe.Slice((*sender)(unsafe.Pointer(&b[counters])), p.Rooms*p.Senders),
	}, nil
}

// totals are the sums over all processes.
type totals struct {
	deliveries, bytes, messages, open, lost, underway uint64
}

func (s *shared) totals() totals {
	var t totals
	for i := range s.counters {
		c := &s.counters[i]
		t.deliveries += c.deliveries.Load()
		t.bytes += c.bytes.Load()
		t.messages += c.messages.Load()
		t.open += c.open.Load()
		t.lost += c.lost.Load()
		t.underway += c.underway.Load()
	}
	return t
}

// owed is how many deliveries are still to come.
func (s *shared) owed() uint64 {
	owed := uint64(0)
	for i := range s.senders {
		heard := s.senders[i].heard.Load()
		owed += s.senders[i].target.Load() - heard
	}
	return owed
}
