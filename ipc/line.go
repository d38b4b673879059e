package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"
)

// Line is the end of a Conn that an event loop serves: nothing in it blocks.
// The loop watches Descriptor, calls Hear when it is readable and Flush when it
// is writable and something waits.
type Line struct {
	conn *Conn // keeps fd open
	fd   int

	in          []byte // of words not yet whole
	descriptors []int  // that came with it
	oob         []byte
	out         []packet // what the kernel has not taken
}

// packet is a word on its way, and the descriptors that go with its first byte.
type packet struct {
	bytes       []byte
	descriptors []int // closed once sent
}

// LineOf takes over a Conn that nobody reads from any more.
func LineOf(c *Conn) (*Line, error) {
	raw, err := c.unix.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("descriptor of a link: %w", err)
	}
	l := &Line{conn: c, oob: make([]byte, unix.CmsgSpace(4*DescriptorsMost))}
	if err := raw.Control(func(fd uintptr) { l.fd = int(fd) }); err != nil {
		return nil, fmt.Errorf("descriptor of a link: %w", err)
	}
	return l, nil
}

// Descriptor is what to watch.
func (l *Line) Descriptor() int { return l.fd }

// Waiting tells whether something waits for the kernel to take it.
func (l *Line) Waiting() bool { return len(l.out) > 0 }

// hearMost is how much is read of a line before the loop has a turn, bytes.
const hearMost = 256 << 10

// Hear takes in what has come and hands out each word that is whole, with its
// descriptors, which are the receiver's. io.EOF: the other side is gone.
func (l *Line) Hear(each func(ToPuddle, []int)) error {
	for read := 0; read < hearMost; {
		if cap(l.in)-len(l.in) < 16<<10 {
			grown := make([]byte, len(l.in), max(32<<10, 2*cap(l.in)))
			copy(grown, l.in)
			l.in = grown
		}
		n, oobn, flags, _, err := unix.Recvmsg(l.fd, l.in[len(l.in):cap(l.in)], l.oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return l.handOut(each)
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		case flags&unix.MSG_CTRUNC != 0:
			return errors.New("descriptors were lost on the way: this process is at its limit of open files")
		case n == 0:
			if err := l.handOut(each); err != nil {
				return err
			}
			return io.EOF
		}
		read += n
		l.in = l.in[:len(l.in)+n]
		if err := l.keep(l.oob[:oobn]); err != nil {
			return err
		}
	}
	return l.handOut(each)
}

func (l *Line) keep(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("control message: %w", err)
	}
	for i := range messages {
		if descriptors, err := unix.ParseUnixRights(&messages[i]); err == nil {
			l.descriptors = append(l.descriptors, descriptors...)
		}
	}
	return nil
}

// handOut hands out the words that are whole.
func (l *Line) handOut(each func(ToPuddle, []int)) error {
	rest := l.in
	for len(rest) >= lengthBytes {
		size := int(binary.BigEndian.Uint32(rest))
		if size > FrameMost {
			return fmt.Errorf("receive: a frame of %d bytes, %d are the most", size, FrameMost)
		}
		if len(rest) < lengthBytes+size {
			break
		}
		var word ToPuddle
		if err := msgpack.Unmarshal(rest[lengthBytes:lengthBytes+size], &word); err != nil {
			return fmt.Errorf("receive a word: %w", err)
		}
		each(word, l.take(word.descriptors()))
		rest = rest[lengthBytes+size:]
	}
	l.in = l.in[:copy(l.in, rest)]
	if len(l.in) == 0 && cap(l.in) > hearMost {
		l.in = nil
	}
	return nil
}

// take removes the first n of the descriptors that have come: a word's own.
func (l *Line) take(n int) []int {
	n = min(n, len(l.descriptors))
	taken := append([]int(nil), l.descriptors[:n]...)
	l.descriptors = l.descriptors[:copy(l.descriptors, l.descriptors[n:])]
	return taken
}

// Say sends a word, and with it descriptors, which it closes. What the kernel
// does not take at once waits for Flush.
func (l *Line) Say(word any, descriptors ...int) error {
	body, err := msgpack.Marshal(word)
	if err != nil {
		closeAll(descriptors)
		return fmt.Errorf("encode %T: %w", word, err)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, lengthBytes+len(body)), uint32(len(body)))
	l.out = append(l.out, packet{append(frame, body...), descriptors})
	return l.Flush()
}

// Flush sends what waits, as far as the kernel takes it.
func (l *Line) Flush() error {
	for len(l.out) > 0 {
		first := &l.out[0]
		var oob []byte
		if len(first.descriptors) > 0 {
			oob = unix.UnixRights(first.descriptors...)
		}
		n, err := unix.SendmsgN(l.fd, first.bytes, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("send: %w", err)
		}
		closeAll(first.descriptors)
		first.descriptors = nil
		if first.bytes = first.bytes[n:]; len(first.bytes) == 0 {
			l.out = l.out[:copy(l.out, l.out[1:])]
		}
	}
	return nil
}
