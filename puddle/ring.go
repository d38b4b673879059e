package puddle

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// One message to many members is many sends of the same bytes. A ring
// (io_uring(7)) does up to ringSends of them with one call into the kernel.
// Where it cannot be had (an old kernel, a container that forbids it), or is
// switched off, each send is a call, and nothing else differs.
//
// Sends do not wait (MSG_DONTWAIT), so all are done when the call returns:
// nothing is under way when a tick ends, or when the process dies.

const (
	ringSends = 256 // of one call
	ringLeast = 32  // fewer are not worth it
)

// Of the kernel's include/uapi/linux/io_uring.h.
const (
	ringOpSend       = 26
	ringSubmitAll    = 1 << 7 // IORING_SETUP_SUBMIT_ALL: one that fails does not hold the others up; Linux 5.18
	ringGetEvents    = 1
	ringOffsetSQ     = 0
	ringOffsetSQEs   = 0x10000000
	ringFeatureOneMM = 1 // IORING_FEAT_SINGLE_MMAP
)

// submission is an io_uring_sqe.
type submission struct {
	op, flags    uint8
	priority     uint16
	fd           int32
	offset       uint64
	address      uint64
	length       uint32
	messageFlags uint32
	number       uint64
	_            [3]uint64
}

// completion is an io_uring_cqe.
type completion struct {
	number uint64
	result int32
	flags  uint32
}

type ringParams struct {
	submissions, completions, flags, cpu, idle, features, workers uint32
	_                                                             [3]uint32
	sq                                                            struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, entriesAt, flags, _ uint32
		_                                                        uint64
	}
}

// ring is the kernel's, shared with us. nil: there is none.
type ring struct {
	fd       int
	tail     *uint32 // of the submissions; ours
	mask     uint32
	entries  []submission
	heads    *uint32 // of the completions; ours
	tails    *uint32 // the kernel's
	doneMask uint32
	done     []completion

	queued  int
	members [ringSends]uint32
	results [ringSends]int32 // bytes taken, or an errno below zero
	late    []uint32         // members who cannot be sent the same as the others
}

// newRing asks the kernel for a ring, and tries it.
func newRing() (*ring, error) {
	params := ringParams{flags: ringSubmitAll}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, ringSends, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &ring{fd: int(fd)}
	if err := r.share(&params); err != nil {
		unix.Close(r.fd)
		return nil, err
	}
	if err := r.try(); err != nil {
		unix.Close(r.fd)
		return nil, err
	}
	return r, nil
}

// share maps what the kernel and we have in common.
func (r *ring) share(params *ringParams) error {
	if params.features&ringFeatureOneMM == 0 {
		return errors.New("io_uring: an old kernel's")
	}
	submissions := int(params.sq.array) + 4*int(params.submissions)
	completions := int(params.cq.entriesAt) + int(unsafe.Sizeof(completion{}))*int(params.completions)
	both, err := unix.Mmap(r.fd, ringOffsetSQ, max(submissions, completions), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("io_uring: mmap: %w", err)
	}
	entries, err := unix.Mmap(r.fd, ringOffsetSQEs, int(unsafe.Sizeof(submission{}))*int(params.submissions), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("io_uring: mmap: %w", err)
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&both[at])) }
	r.tail, r.mask = word(params.sq.tail), *word(params.sq.mask)
	r.heads, r.tails, r.doneMask = word(params.cq.head), word(params.cq.tail), *word(params.cq.mask)
	r.entries = unsafe.Slice((*submission)(unsafe.Pointer(&entries[0])), params.submissions)
	r.done = unsafe.Slice((*completion)(unsafe.Pointer(&both[params.cq.entriesAt])), params.completions)
	for n := range params.submissions {
		*word(params.sq.array + 4*n) = n // an entry's place is its number, for good
	}
	return nil
}

// try sends a byte, since some sandboxes give out rings that do nothing.
func (r *ring) try() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	r.add(0, int32(pair[0]), []byte{1})
	if r.submit() == 1 && r.results[0] == 1 {
		return nil
	}
	return fmt.Errorf("io_uring: a send came back as %d", r.results[0])
}

// add queues a send; b must stay as it is until submit.
func (r *ring) add(member uint32, fd int32, b []byte) {
	e := &r.entries[(*r.tail+uint32(r.queued))&r.mask]
	*e = submission{
		op: ringOpSend, fd: fd, address: uint64(uintptr(unsafe.Pointer(&b[0]))), length: uint32(len(b)),
		messageFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, number: uint64(r.queued),
	}
	r.members[r.queued], r.results[r.queued] = member, -int32(unix.ECANCELED)
	r.queued++
}

func (r *ring) full() bool { return r.queued == ringSends }

// submit does what is queued. It returns how many that were; their results
// stand in results. One that the ring did not do is ECANCELED.
func (r *ring) submit() (n int) {
	n, r.queued = r.queued, 0
	atomic.StoreUint32(r.tail, *r.tail+uint32(n))
	for left, done := n, 0; done < n; {
		taken, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(left), uintptr(n-done), ringGetEvents, 0, 0)
		if errno == 0 {
			left -= int(taken)
		}
		done += r.reap()
		if errno != 0 && errno != unix.EINTR || errno == 0 && taken == 0 && left > 0 {
			break // the ring is broken
		}
	}
	point()
	return n
}

// reap takes the results that are there.
func (r *ring) reap() (n int) {
	head, tail := *r.heads, atomic.LoadUint32(r.tails)
	for ; head != tail; head++ {
		c := &r.done[head&r.doneMask]
		r.results[c.number] = c.result
		n++
	}
	atomic.StoreUint32(r.heads, head)
	return n
}

// result is what became of a send, as send would tell.
func (r *ring) result(n int) (taken int, errno syscall.Errno) {
	if result := r.results[n]; result < 0 {
		return -1, syscall.Errno(-result)
	}
	return int(r.results[n]), 0
}
