package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

const (
	patience = 5 * time.Second      // of a supervisor with its keeper
	retry    = 5 * time.Millisecond // where nothing tells when to try again
)

// Master is the supervisor's end. Its calls wait for the keeper's answer, 5
// seconds at most, and are for one goroutine at a time. Descriptors given to
// them stay the caller's, who closes them; those of a Pair without delay.
type Master struct {
	fd     int
	number uint32 // of the last request
	out    outgoing
	in     *incoming
}

// Inventory is what a keeper tells of itself.
type Inventory struct {
	Slot         int
	Generation   uint64
	PuddlePid    int // the last puddle's, also when it is gone; 0: there was none
	KeeperPid    int
	PuddleLinked bool
	Executable   string
	Sockets      int
}

// NewMaster takes over the supervisor's end of a Pair whose other end the
// keeper was started with.
func NewMaster(fd int) *Master { return &Master{fd: fd, in: newIncoming()} }

// Dial takes over a keeper that listens at path. It fails while the keeper has
// a supervisor.
func Dial(path string) (*Master, error) {
	deadline := time.Now().Add(patience)
	fd, err := connect(path, deadline)
	if err != nil {
		return nil, fmt.Errorf("keeper at %s: %w", path, err)
	}
	m := NewMaster(fd)
	if err := m.answer(deadline); err != nil {
		m.Close()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("keeper at %s has a supervisor, or is another user's", path)
		}
		return nil, fmt.Errorf("keeper at %s: %w", path, err)
	}
	return m, nil
}

// Hold gives the keeper what every successor and supervisor needs beside
// sockets. It replaces what was held.
func (m *Master) Hold(slot int, generation uint64, executable string, descriptors ...int) error {
	if len(descriptors) > descriptorsMost || len(executable) > messageMost/2 {
		return fmt.Errorf("hold: %d descriptors, executable of %d bytes: too much", len(descriptors), len(executable))
	}
	body := binary.LittleEndian.AppendUint64(nil, uint64(slot))
	body = binary.LittleEndian.AppendUint64(body, generation)
	return m.ask("hold", opHold, append(body, executable...), descriptors...)
}

// Serve tells which puddle serves now, by the keeper's end of its Link, and
// forgets the sockets of those before. A former link is read until its end, and
// then closed.
func (m *Master) Serve(fd int, pid int) error {
	return m.ask("serve", opServe, binary.LittleEndian.AppendUint64(nil, uint64(pid)), fd)
}

// Feed feeds a successor, by the keeper's end of its Feed: all sockets kept,
// and then what the puddle keeps and drops. It replaces a former feed.
func (m *Master) Feed(fd int) error { return m.ask("feed", opFeed, nil, fd) }

// Promote is Serve for the successor that was fed: nothing is forgotten. It
// closes the feed.
func (m *Master) Promote(fd int, pid int) error {
	return m.ask("promote", opPromote, binary.LittleEndian.AppendUint64(nil, uint64(pid)), fd)
}

// StopFeed closes the feed: the puddle serves on. That it said End is
// forgotten, if it said so before this call.
func (m *Master) StopFeed() error { return m.ask("stop the feed", opStopFeed, nil) }

// Inventory is what the keeper has, and duplicates of what Hold gave it.
func (m *Master) Inventory() (Inventory, []int, error) {
	if err := m.request(opInventory, nil); err != nil {
		return Inventory{}, nil, fmt.Errorf("inventory: %w", err)
	}
	inventory, err := decodeInventory(m.in.body)
	if err == nil && m.in.lost {
		err = errors.New("descriptors were lost on the way: this process is at its limit of open files")
	}
	if err != nil {
		m.in.close()
		return Inventory{}, nil, fmt.Errorf("inventory: %w", err)
	}
	var descriptors []int
	for _, fd := range m.in.fds {
		descriptors = append(descriptors, int(fd))
	}
	return inventory, descriptors, nil
}

// PassSupervisor gives the puddle its end of a link to a new supervisor.
func (m *Master) PassSupervisor(fd int) error {
	return m.ask("pass the supervisor on", opPassSupervisor, nil, fd)
}

// Sockets is how many sockets are kept.
func (m *Master) Sockets() (int, error) {
	if err := m.request(opSockets, nil); err != nil {
		return 0, fmt.Errorf("sockets: %w", err)
	}
	m.in.close()
	if len(m.in.body) != 8 {
		return 0, fmt.Errorf("sockets: an answer of %d bytes", len(m.in.body))
	}
	return int(binary.LittleEndian.Uint64(m.in.body)), nil
}

// Dismiss lets go of everything and ends the keeper.
func (m *Master) Dismiss() error {
	if err := m.ask("dismiss", opDismiss, nil); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Descriptor is what to watch: it is readable, outside of calls, once the
// keeper is gone.
func (m *Master) Descriptor() int { return m.fd }

// Close leaves the keeper to itself.
func (m *Master) Close() error { return unix.Close(m.fd) }

func (m *Master) ask(name string, what op, body []byte, fds ...int) error {
	if err := m.request(what, body, fds...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.in.close()
	return nil
}

// request sends a request and reads its answer into m.in.
func (m *Master) request(what op, body []byte, fds ...int) error {
	deadline := time.Now().Add(patience)
	m.number++
	m.out.begin(what)
	m.out.body = binary.LittleEndian.AppendUint32(m.out.body, m.number)
	m.out.body = append(m.out.body, body...)
	for _, fd := range fds {
		m.out.descriptor(int32(fd))
	}
	for {
		err := m.out.send(m.fd)
		if err == nil {
			return m.answer(deadline)
		}
		switch stuckBy(err) {
		case full:
			err = waitFor(m.fd, unix.POLLOUT, deadline)
		case crowded:
			if time.Sleep(retry); time.Now().Before(deadline) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// answer reads the answer to the last request into m.in. One that comes late,
// to a request before, is nobody's.
func (m *Master) answer(deadline time.Time) error {
	for {
		err := m.in.receive(m.fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if err := waitFor(m.fd, unix.POLLIN, deadline); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case len(m.in.body) < 4 || binary.LittleEndian.Uint32(m.in.body) != m.number:
			m.in.close()
			continue
		}
		m.in.body = m.in.body[4:]
		if m.in.what != opDone {
			m.in.close()
			return fmt.Errorf("the keeper refuses: %s", m.in.body)
		}
		return nil
	}
}

// waitFor waits for a descriptor to be readable or writable.
func waitFor(fd int, events int16, deadline time.Time) error {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return errors.New("the keeper does not answer")
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(left.Milliseconds())+1)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
