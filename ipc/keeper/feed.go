package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Feed is a successor's end: descriptors as they come. Nothing in it blocks;
// the event loop watches Descriptor, level-triggered.
type Feed struct {
	fd int
	in *incoming
}

// NewFeed takes over the successor's end of a Pair.
func NewFeed(fd int) *Feed { return &Feed{fd: fd, in: newIncoming()} }

// Descriptor is what to watch.
func (f *Feed) Descriptor() int { return f.fd }

// Hear calls kept for each socket with a descriptor of it, which is the
// receiver's, dropped for each that is gone again, and ended once, when the
// stream is complete: the former puddle has said End, or is gone, and all that
// it sent before was fed. total is how many sockets there are then; ended may
// close the feed, which is not read any more. io.EOF: the keeper is gone, or has
// closed this feed; any other error: descriptors may be missing.
func (f *Feed) Hear(kept func(h Held, fd int), dropped func(Held), ended func(total int)) error {
	for range hearMost {
		switch err := f.in.receive(f.fd); {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return fmt.Errorf("feed: %w", err)
		}
		if err := f.handOut(kept, dropped, ended); err != nil {
			f.in.close()
			return fmt.Errorf("feed: %w", err)
		}
		if f.in.what == opEnded {
			return nil
		}
	}
	return nil
}

func (f *Feed) handOut(kept func(Held, int), dropped func(Held), ended func(int)) error {
	body, n := f.in.body, len(f.in.body)/heldBytes
	switch {
	case f.in.lost:
		return errors.New("descriptors were lost on the way: this process is at its limit of open files")
	case f.in.what == opEnded && len(body) == 4:
		ended(int(binary.LittleEndian.Uint32(body)))
		return nil
	case len(body) != n*heldBytes:
		return fmt.Errorf("message %d has %d bytes", f.in.what, len(body))
	case f.in.what == opKeep && len(f.in.fds) == n:
		for _, fd := range f.in.fds {
			var h Held
			h, body = takeHeld(body)
			kept(h, int(fd))
		}
		return nil
	case f.in.what == opDrop:
		for len(body) > 0 {
			var h Held
			h, body = takeHeld(body)
			dropped(h)
		}
		return nil
	}
	return fmt.Errorf("message %d, %d bytes, %d descriptors: not of a feed", f.in.what, len(body), len(f.in.fds))
}

// Close ends the feed; the keeper notices.
func (f *Feed) Close() error { return unix.Close(f.fd) }
