package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"
)

const (
	// FrameMost is the longest message between two processes, bytes.
	FrameMost = 16 << 20
	// DescriptorsMost is how many descriptors the kernel passes in one
	// message (SCM_MAX_FD); more is EINVAL.
	DescriptorsMost = 253

	lengthBytes = 4
)

// Conn carries messages, msgpack behind a four-byte length, between two
// processes of one house, and descriptors with them. Send may be called from
// several goroutines; Receive from one.
type Conn struct {
	unix *net.UnixConn

	sending sync.Mutex

	length [lengthBytes]byte
	oob    []byte

	mu          sync.Mutex // protects descriptors
	descriptors []int      // came with bytes already read, not yet handed out
}

// NewConn takes over a connected Unix-domain stream socket.
func NewConn(c *net.UnixConn) *Conn {
	return &Conn{unix: c, oob: make([]byte, unix.CmsgSpace(4*DescriptorsMost))}
}

// ConnOf takes over the descriptor of a connected Unix-domain stream socket;
// it closes fd whether it succeeds or not.
func ConnOf(fd int, name string) (*Conn, error) {
	file := os.NewFile(uintptr(fd), name)
	if file == nil {
		return nil, fmt.Errorf("descriptor %d (%s) is not open", fd, name)
	}
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d (%s): %w", fd, name, err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("descriptor %d (%s) is no Unix-domain socket", fd, name)
	}
	return NewConn(u), nil
}

// SocketPair makes two connected Unix-domain stream sockets, close-on-exec.
func SocketPair() (ours, theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("socketpair: %w", err)
	}
	return pair[0], pair[1], nil
}

// Send writes one message, and with it copies of the descriptors, which the
// caller keeps and may close.
func (c *Conn) Send(message any, descriptors ...int) error {
	body, err := msgpack.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode %T: %w", message, err)
	}
	switch {
	case len(body) > FrameMost:
		return fmt.Errorf("encode %T: %d bytes, %d are the most", message, len(body), FrameMost)
	case len(descriptors) > DescriptorsMost:
		return fmt.Errorf("send %T: %d descriptors, %d are the most", message, len(descriptors), DescriptorsMost)
	}
	frame := make([]byte, lengthBytes, lengthBytes+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	frame = append(frame, body...)
	var oob []byte
	if len(descriptors) > 0 {
		oob = unix.UnixRights(descriptors...)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	n, _, err := c.unix.WriteMsgUnix(frame, oob, nil)
	if err == nil && n < len(frame) {
		_, err = c.unix.Write(frame[n:])
	}
	if err != nil {
		return fmt.Errorf("send %T: %w", message, err)
	}
	return nil
}

// Receive reads one message into message and returns the descriptors that
// came with it, close-on-exec, which are the caller's. io.EOF means that the
// other side is gone.
func (c *Conn) Receive(message any) ([]int, error) {
	if err := c.read(c.length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(c.length[:])
	if size > FrameMost {
		return nil, fmt.Errorf("receive %T: a frame of %d bytes, %d are the most", message, size, FrameMost)
	}
	body := make([]byte, size)
	if err := c.read(body); err != nil {
		return nil, fmt.Errorf("receive %T: %w", message, err)
	}
	descriptors := c.takeDescriptors()
	if err := msgpack.Unmarshal(body, message); err != nil {
		closeAll(descriptors)
		return nil, fmt.Errorf("receive %T: %w", message, err)
	}
	return descriptors, nil
}

// read fills b and keeps the descriptors that come on the way.
func (c *Conn) read(b []byte) error {
	for done := 0; done < len(b); {
		n, oobn, flags, _, err := c.unix.ReadMsgUnix(b[done:], c.oob)
		if oobn > 0 {
			if err := c.keep(c.oob[:oobn]); err != nil {
				return err
			}
		}
		switch {
		case flags&unix.MSG_CTRUNC != 0:
			return errors.New("descriptors were lost on the way: this process is at its limit of open files")
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case (n == 0 || err != nil) && done == 0:
			return io.EOF
		case n == 0 || err != nil:
			return io.ErrUnexpectedEOF
		}
		done += n
	}
	return nil
}

func (c *Conn) keep(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("control message: %w", err)
	}
	for i := range messages {
		descriptors, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // not descriptors
		}
		for _, fd := range descriptors {
			unix.CloseOnExec(fd)
		}
		c.mu.Lock()
		c.descriptors = append(c.descriptors, descriptors...)
		c.mu.Unlock()
	}
	return nil
}

func (c *Conn) takeDescriptors() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.descriptors
	c.descriptors = nil
	return taken
}

// Close ends the connection; the other side reads io.EOF.
func (c *Conn) Close() error {
	closeAll(c.takeDescriptors())
	return c.unix.Close()
}

// Unix is the socket itself, for deadlines and credentials.
func (c *Conn) Unix() *net.UnixConn { return c.unix }

func closeAll(descriptors []int) {
	for _, fd := range descriptors {
		unix.Close(fd)
	}
}
