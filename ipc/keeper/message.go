package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outgoing is one message on its way; the next is built in the same buffers.
type outgoing struct {
	body   []byte
	rights []byte // the control message, room for descriptorsMost
	fds    int    // in rights
}

func (o *outgoing) begin(what op) {
	o.body = append(o.body[:0], byte(what))
	o.fds = 0
}

func (o *outgoing) held(h Held) { o.body = appendHeld(o.body, h) }

func (o *outgoing) descriptor(fd int32) {
	if o.rights == nil {
		o.rights = make([]byte, unix.CmsgSpace(4*descriptorsMost))
	}
	at := unix.CmsgLen(4 * o.fds)
	binary.NativeEndian.PutUint32(o.rights[at:], uint32(fd))
	o.fds++
}

// send hands the message to the kernel, which takes it whole or not at all.
func (o *outgoing) send(fd int) error {
	var rights []byte
	if o.fds > 0 {
		header := (*unix.Cmsghdr)(unsafe.Pointer(&o.rights[0]))
		header.Level, header.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
		header.SetLen(unix.CmsgLen(4 * o.fds))
		rights = o.rights[:unix.CmsgSpace(4*o.fds)]
	}
	for {
		_, err := unix.SendmsgN(fd, o.body, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
			return io.EOF
		}
		return err
	}
}

// stuck tells why a message waits.
type stuck uint8

const (
	free    stuck = iota
	full          // the socket's buffer: it becomes writable
	crowded       // descriptors on their way, or memory: nothing tells when that is over
)

// stuckBy tells whether a send that failed is to be tried again, and when.
func stuckBy(err error) stuck {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return full
	case errors.Is(err, unix.ETOOMANYREFS), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		return crowded
	}
	return free
}

// incoming is the message that came last.
type incoming struct {
	what op
	body []byte  // behind the op; valid until the next
	fds  []int32 // the receiver's; the slice is valid until the next
	lost bool    // more descriptors came than this process may open

	buffer []byte
	rights []byte
}

func newIncoming() *incoming {
	return &incoming{
		buffer: make([]byte, messageMost),
		rights: make([]byte, unix.CmsgSpace(4*descriptorsMost)),
		fds:    make([]int32, 0, descriptorsMost),
	}
}

// receive reads one message. unix.EAGAIN: there is none; io.EOF: none will
// come, the other side is gone.
func (in *incoming) receive(fd int) error {
	for {
		n, oobn, flags, _, err := unix.Recvmsg(fd, in.buffer, in.rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECONNRESET):
			continue // said once where the dead left words unread; what it sent itself follows
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		in.what, in.body = op(in.buffer[0]), in.buffer[1:n]
		in.lost = flags&unix.MSG_CTRUNC != 0
		in.takeRights(in.rights[:oobn])
		if flags&unix.MSG_TRUNC != 0 {
			in.close()
			return fmt.Errorf("receive: a message of more than %d bytes", messageMost)
		}
		return nil
	}
}

func (in *incoming) takeRights(rights []byte) {
	in.fds = in.fds[:0]
	for len(rights) >= unix.CmsgLen(0) {
		header, data, rest, err := unix.ParseOneSocketControlMessage(rights)
		if err != nil {
			return
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_RIGHTS {
			for ; len(data) >= 4; data = data[4:] {
				in.fds = append(in.fds, int32(binary.NativeEndian.Uint32(data)))
			}
		}
		rights = rest
	}
}

// take hands out the one descriptor that a message is about.
func (in *incoming) take() (fd int, err error) {
	if len(in.fds) != 1 || in.lost {
		in.close()
		return -1, errors.New("one descriptor was to come: none did, or this process is at its limit of open files")
	}
	fd = int(in.fds[0])
	in.fds = in.fds[:0]
	return fd, nil
}

// close closes what nobody took.
func (in *incoming) close() {
	closeAll(in.fds)
	in.fds = in.fds[:0]
}

func closeAll(fds []int32) {
	for _, fd := range fds {
		unix.Close(int(fd))
	}
}
