package keeper

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Link is the puddle's end. Nothing in it blocks; the event loop watches
// Descriptor, level-triggered.
type Link struct {
	fd  int
	out outgoing
	in  *incoming
}

// NewLink takes over the puddle's end of a Pair.
func NewLink(fd int) *Link { return &Link{fd: fd, in: newIncoming()} }

// Descriptor is what to watch.
func (l *Link) Descriptor() int { return l.fd }

// Keep sends duplicates of the sockets named, in order, and returns how many
// were sent. Fewer than all, and no error: the kernel takes no more now, try
// again later. An error that is io.EOF: the keeper is gone.
func (l *Link) Keep(held []Held, fds []int32) (n int, err error) {
	if len(held) != len(fds) {
		return 0, fmt.Errorf("keep: %d descriptors of %d sockets", len(fds), len(held))
	}
	for n < len(held) {
		most := min(len(held), n+descriptorsMost)
		l.out.begin(opKeep)
		for i := n; i < most; i++ {
			l.out.held(held[i])
			l.out.descriptor(fds[i])
		}
		if err := l.out.send(l.fd); err != nil {
			return n, later("keep", err)
		}
		n = most
	}
	return n, nil
}

// Drop says that the sockets named are closed, and returns of how many it was
// said; the rest, and the error, as of Keep.
func (l *Link) Drop(held []Held) (n int, err error) {
	for n < len(held) {
		most := min(len(held), n+dropsMost)
		l.out.begin(opDrop)
		for _, h := range held[n:most] {
			l.out.held(h)
		}
		if err := l.out.send(l.fd); err != nil {
			return n, later("drop", err)
		}
		n = most
	}
	return n, nil
}

// End says that the puddle sends no more: everything before it is what a
// successor gets. unix.EAGAIN: not said, call again.
func (l *Link) End() error {
	l.out.begin(opEnd)
	err := l.out.send(l.fd)
	if stuckBy(err) != free {
		return unix.EAGAIN
	}
	return err
}

// later is what is wrong where a send failed: nothing, where it can be tried
// again.
func later(what string, err error) error {
	if stuckBy(err) != free {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// hearMost is how many messages are read before the loop has a turn.
const hearMost = 16

// Hear hands out each word of the keeper's with its descriptor, which is the
// receiver's. io.EOF: the keeper is gone.
func (l *Link) Hear(f func(w Word, fd int)) error {
	for range hearMost {
		switch err := l.in.receive(l.fd); {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return fmt.Errorf("hear the keeper: %w", err)
		}
		if l.in.what != opWord || len(l.in.body) != 1 {
			l.in.close()
			return fmt.Errorf("hear the keeper: message %d is no word", l.in.what)
		}
		fd, err := l.in.take()
		if err != nil {
			return fmt.Errorf("hear the keeper: %w", err)
		}
		f(Word(l.in.body[0]), fd)
	}
	return nil
}

// Close ends the link: what was sent before still counts.
func (l *Link) Close() error { return unix.Close(l.fd) }
