package ipc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// ControlSocket is what the socket is called, in the data folder, at which a
// house answers the command line.
const ControlSocket = "control.sock"

// Ask is what the command line asks of a house, one on a connection: exactly
// one field is set.
type Ask struct {
	Status    *AskStatus    `msgpack:",omitempty"`
	Stop      *AskStop      `msgpack:",omitempty"`
	Sequences *AskSequences `msgpack:",omitempty"`
	Close     *AskClose     `msgpack:",omitempty"`
	Do        *AskDo        `msgpack:",omitempty"`
	Send      *AskSend      `msgpack:",omitempty"`
	Pass      *AskPass      `msgpack:",omitempty"`
	Backup    *AskBackup    `msgpack:",omitempty"`
	Reload    *AskReload    `msgpack:",omitempty"`
	Scale     *AskScale     `msgpack:",omitempty"`
	Move      *AskMove      `msgpack:",omitempty"`
	Console   *AskConsole   `msgpack:",omitempty"`
}

// AskStatus is answered with Status.
type AskStatus struct{}

// AskStop is answered with Stopping at once; the connection ends with the house.
type AskStop struct {
	Drain *time.Duration // nil: the house's own
}

// AskSequences is answered with batches of Sequences, then Done.
type AskSequences struct {
	Room   string // only who is in it; "" for all
	Client string // only those of this client; "" for all
}

// AskClose closes sequences; it is answered with Closed.
type AskClose struct {
	Sequences []schema.SequenceID
	Client    string // and all of this client's; "" for none
}

// AskDo has an operation done by the operator, whatever its By says; it is
// answered with JSON, what became of it.
type AskDo struct {
	Operation schema.Operation
}

// AskSend sends a message as the operator, whatever its Identity says; it is
// answered with JSON, as a POST is answered.
type AskSend struct {
	Hit Hit
}

// AskPass asks for what lets the command line into the house as the operator;
// it is answered with Pass.
type AskPass struct{}

// AskBackup copies the database into a file that must not exist yet, which
// the house writes; it is answered with Done.
type AskBackup struct {
	File string // an absolute path
}

// AskReload hands puddles over to fresh processes; it is answered with
// Progress, step by step, then Done, or Refused with what went wrong.
type AskReload struct {
	Slot    int  // -1: all, one after the other
	Upgrade bool // and then the supervisor becomes the binary that is on disk
}

// AskScale changes the number of puddles that take new connections; it is
// answered with Done.
type AskScale struct{ Puddles int }

// AskMove has a sequence served by another puddle; it is answered with Done.
type AskMove struct {
	Sequence schema.SequenceID
	Slot     int
}

// AskConsole asks for what lets a browser into the console; it is answered
// with Invitation.
type AskConsole struct{}

// Invitation lets one browser into the console as the operator.
type Invitation struct {
	Admin string // the admin address
	Code  string // good once, for a minute
}

// Format keeps the code out of what is printed by accident.
func (i Invitation) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "invitation to %s", i.Admin) }

// Progress is a step of a hand-over.
type Progress struct {
	Slot    int
	Step    string // start, fetch, serve
	Sockets int
	Stall   time.Duration // of serve: from the old one's stop to the new one's start
	Lost    []string      // of serve
}

// Answer is one word of a house to the command line: exactly one field is set.
type Answer struct {
	Status     *Status         `msgpack:",omitempty"`
	Stopping   *Stopping       `msgpack:",omitempty"`
	Sequences  []Sequence      `msgpack:",omitempty"`
	Closed     *ClosedAnswer   `msgpack:",omitempty"`
	JSON       []byte          `msgpack:",omitempty"`
	Pass       *Pass           `msgpack:",omitempty"`
	Invitation *Invitation     `msgpack:",omitempty"`
	Progress   *Progress       `msgpack:",omitempty"`
	Refused    *schema.Refusal `msgpack:",omitempty"`
	Done       bool            `msgpack:",omitempty"`
}

// Stopping says that the house has begun to stop.
type Stopping struct {
	PID   int
	Drain time.Duration // how long it waits for its puddles
}

// Pass lets one socket in as the operator.
type Pass struct {
	Token   string   // good once, and soon
	Listen  []string // where the house listens
	Primary string   // what it is called; "": any host will do
}

// Format keeps the token out of what is printed by accident.
func (p Pass) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "pass for %v", p.Listen) }

// ClosedAnswer tells what became of an AskClose.
type ClosedAnswer struct {
	Closed  []schema.SequenceID `json:"closed"`
	Missing []schema.SequenceID `json:"missing"` // no such sequence
}

// Status is a house at one instant.
type Status struct {
	Puddles     []PuddleStatus `json:"puddles"`
	Sequences   uint64         `json:"sequences"`
	Handshakes  uint64         `json:"handshakes"` // connections that are no sequence yet
	Rooms       int            `json:"rooms"`      // each once, however many puddles it is in
	Received    uint64         `json:"received"`
	Deliveries  uint64         `json:"deliveries"`
	OutboxBytes uint64         `json:"outbox_bytes"`
	State       string         `json:"state"` // starting, up, stopping
	Listen      []string       `json:"listen"`
	Admin       string         `json:"admin,omitempty"` // none: off
	Data        string         `json:"data"`
	PID         int            `json:"pid"`
	Version     string         `json:"version"`
	Uptime      float64        `json:"uptime"`       // seconds
	RegistryLag float64        `json:"registry_lag"` // seconds
}

// PuddleStatus is one slot of a house.
type PuddleStatus struct {
	Slot        int     `json:"slot"`
	PID         int     `json:"pid,omitempty"` // none: the slot has no process
	Generation  uint64  `json:"generation"`    // how many processes have served the slot
	State       string  `json:"state"`
	Since       float64 `json:"since"` // seconds in that state
	Sequences   uint64  `json:"sequences"`
	Handshakes  uint64  `json:"handshakes"`
	Rooms       uint64  `json:"rooms"`
	Received    uint64  `json:"received"`
	Deliveries  uint64  `json:"deliveries"`
	OutboxBytes uint64  `json:"outbox_bytes"`
}

// Sequence is one socket of a house.
type Sequence struct {
	ID      schema.SequenceID `json:"sequence"`
	Slot    int               `json:"slot"`
	Client  *string           `json:"client"` // nil: anonymous
	State   string            `json:"state"`
	Rooms   []string          `json:"rooms"`
	Address string            `json:"address"`
	Since   time.Time         `json:"since"`
}

// pathMost is the longest path of a Unix-domain socket, its NUL not counted.
const pathMost = 107

// ListenControl makes the control socket of a data folder, mode 0600, in the
// place of a stale one: the caller holds the folder's lock.
func ListenControl(folder string) (*net.UnixListener, error) {
	if err := RemoveControl(folder); err != nil {
		return nil, err
	}
	var listener *net.UnixListener
	err := atControl(folder, func(path string) (err error) {
		listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		listener.SetUnlinkOnClose(false) // the path may be gone by then
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		if listener != nil {
			listener.Close()
		}
		return nil, fmt.Errorf("control socket %s: %w", filepath.Join(folder, ControlSocket), err)
	}
	return listener, nil
}

// DialControl connects to the house of a data folder.
func DialControl(folder string) (*Conn, error) {
	var socket *net.UnixConn
	err := atControl(folder, func(path string) (err error) {
		socket, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", filepath.Join(folder, ControlSocket), err)
	}
	return NewConn(socket), nil
}

// RemoveControl removes the control socket of a data folder, if there is one.
func RemoveControl(folder string) error {
	path := filepath.Join(folder, ControlSocket)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the control socket's place and is no socket: move it away", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// atControl calls do with a path of the control socket that fits into a
// socket's address, however long the folder's is.
func atControl(folder string, do func(path string) error) error {
	path := filepath.Join(folder, ControlSocket)
	if len(path) <= pathMost {
		return do(path)
	}
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: folder, Err: err}
	}
	defer unix.Close(fd)
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", fd, ControlSocket))
}

// PeerOf tells which process and user connected to a Unix-domain socket.
func PeerOf(socket *net.UnixConn) (*unix.Ucred, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("credentials of a peer: %w", err)
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("credentials of a peer: %w", err)
	}
	return peer, nil
}
