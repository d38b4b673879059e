package main

import "golang.org/x/sys/unix"

// What a socket is at.
type state uint8

const (
	vacant  state = iota // has no descriptor
	dialing              // connect was called
	asking               // its request was written
	open                 // it had its 101
	leaving              // it sent a close frame
)

// A socket is one WebSocket of ours.
type socket struct {
	token      int32
	generation int32 // so that events of a former descriptor are known
	fd         int
	state      state
	dialed     int64  // CLOCK_MONOTONIC ns
	room       string // its path
	narrow     bool   // has a small receive buffer
	deaf       bool   // does not read for now
	held       bool   // the rest of a cut frame waits: nothing else goes before it
	rest       []byte // what came in part
	unsent     []byte
	text       []byte // of a message in several frames
}

// An ending is why a socket came to its end.
type ending struct {
	kind string
	text string
}

// Kinds of endings.
const (
	endRefused  = "refused"           // nobody listened
	endReset    = "reset"             // or end of stream, without a close frame
	endStatus   = "other HTTP status" // than 101
	endClosed   = "closed"            // with a close frame, unasked
	endFarewell = "farewell"          // the answer to our close frame
	endLate     = "timed out"
	endGarbled  = "garbled"
	endOurs     = "no socket" // this machine or process is out of something
)

// An audience is told what sockets do. A socket that ended is vacant already.
type audience interface {
	entered(s *socket, at int64)
	heard(s *socket, body []byte, at int64)
	ended(s *socket, e ending)
}

// dial begins a connection.
func (w *wire) dial(s *socket, from unix.Sockaddr) {
	s.dialed, s.fd = now(), -1
	fd, err := connect(from, w.house, s.narrow)
	if err != nil {
		w.end(s, dialEnding(err))
		return
	}
	s.fd, s.state = fd, dialing
	if err := w.loop.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, s.token, s.generation); err != nil {
		w.end(s, ending{endOurs, err.Error()})
	}
}

func connect(from, to unix.Sockaddr, narrow bool) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // connect chooses it
	if narrow {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}
	if err = unix.Bind(fd, from); err == nil {
		if err = unix.Connect(fd, to); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func dialEnding(err error) ending {
	switch err {
	case unix.ECONNREFUSED:
		return ending{endRefused, err.Error()}
	case unix.EMFILE, unix.ENFILE, unix.EADDRNOTAVAIL, unix.ENOBUFS:
		return ending{endOurs, err.Error() + "; see ulimit -n and net.ipv4.ip_local_port_range"}
	}
	return ending{endReset, err.Error()}
}

// end closes a socket and tells so.
func (w *wire) end(s *socket, e ending) {
	w.vacate(s)
	w.audience.ended(s, e)
}

func (w *wire) vacate(s *socket) {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.fd, s.state, s.held, s.deaf = -1, vacant, false, false
	s.generation++
	s.rest, s.unsent, s.text = s.rest[:0], s.unsent[:0], s.text[:0]
}
