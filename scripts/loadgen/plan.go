package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The modes.
const (
	modeBroadcast  = "broadcast"
	modeChat       = "chat"
	modeHandshakes = "handshakes"
	modeIdle       = "idle"
)

// How a socket of a handshake storm leaves.
const (
	leaveClose = "close" // a close frame, then the server's end of stream is awaited
	leaveEnd   = "end"   // end of stream, no close frame
	leaveReset = "reset" // RST
)

const (
	// socketsMost is how many sockets one client process holds at most.
	socketsMost = 15_000
	// descriptorsSpare are a client process's other descriptors.
	descriptorsSpare = 64
	// sourcesMost is how many addresses one process connects from at most.
	sourcesMost = 250
	// recordMost bounds the memory of what each receiver heard of each sender, in bytes.
	recordMost = 1 << 30
)

// A plan is one run, as every client process is told it.
type plan struct {
	Mode       string
	Server     netip.AddrPort
	Host       string // the Host header
	Path       string // what stands before a room's name
	Room       string // a room's name without its number
	Rooms      int
	Members    int      // sockets of a room
	Senders    int      // of a room's members, the first ones
	Burst      int      // messages in one write
	Size       int      // a message, bytes
	Rate       float64  // messages/s of a sender; 0 is a closed loop
	Flight     int      // handshakes under way at once, all processes together
	Speak      []string // what a room's members speak, in turn
	Echoes     bool     // a sender hears itself
	Value      bool     // messages are JSON values
	Turns      bool     // closed loop: the senders of a room speak one after another
	Logins     []string // what handshakes offer, in turn: base64 of CLIENT:PASSWORD
	Handshakes int      // storm: how many, 0 until its end; all processes together
	Refusals   bool     // storm: other answers than 101 are counted, and no failure
	Sources    int      // addresses that a process connects from
	Noon       bool     // sockets may be lost
	Leave      string
	Spin       bool
	Processes  int
	Tag        uint32 // in every message: whose it is
}

// target fills in where the plan's sockets go.
func (p *plan) target(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("-url %s: %v", address, err)
	}
	host, port := u.Hostname(), u.Port()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "80"
	}
	p.Server, err = netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil || u.Scheme != "ws" || !p.Server.Addr().Is4() || !p.Server.Addr().IsLoopback() {
		return fmt.Errorf("-url %s: load goes to this machine only; give ws://127.0.0.1:PORT", address)
	}
	p.Host = u.Host
	p.Path = strings.TrimSuffix(u.Path, "/") + "/"
	return nil
}

// check says what in the plan cannot be run.
func (p *plan) check() error {
	switch {
	case p.Mode != modeBroadcast && p.Mode != modeChat && p.Mode != modeHandshakes && p.Mode != modeIdle:
		return fmt.Errorf("-mode %s: give %s, %s, %s or %s", p.Mode, modeBroadcast, modeChat, modeHandshakes, modeIdle)
	case p.Rooms < 1 || p.Members < 1:
		return fmt.Errorf("-rooms %d -members %d: give at least one of each", p.Rooms, p.Members)
	case p.sends() && p.Members < 2:
		return fmt.Errorf("-members %d: a sender needs somebody who hears it; give 2 or more", p.Members)
	case p.Senders < 1 || p.Senders > p.Members:
		return fmt.Errorf("-senders %d: of a room's %d members, 1 to all can send", p.Senders, p.Members)
	case p.Burst < 1 || p.Burst > 1<<16:
		return fmt.Errorf("-burst %d: give 1 to 65536", p.Burst)
	case p.Size < p.sizeLeast() || p.Size > 1<<24:
		return fmt.Errorf("-size %d: a message carries its time and number; give %d to %d bytes", p.Size, p.sizeLeast(), 1<<24)
	case p.Rate < 0 || p.Rate > 1e6:
		return fmt.Errorf("-rate %g: give messages/s of a member, up to 1000000", p.Rate)
	case p.Rate > 0 && p.Turns:
		return fmt.Errorf("-rate %g -turns: at a fixed rate nobody waits for another's turn; leave one of them out", p.Rate)
	case p.Handshakes < 0:
		return fmt.Errorf("-handshakes %d: give how many, or 0 for as many as there is time for", p.Handshakes)
	case p.Sources < 1 || p.Sources > sourcesMost:
		return fmt.Errorf("-sources %d: give 1 to %d addresses", p.Sources, sourcesMost)
	case p.Rate > 0 && p.Burst > 1:
		return fmt.Errorf("-rate %g -burst %d: a fixed rate sends one at a time; leave one of them out", p.Rate, p.Burst)
	case p.Flight < 1:
		return fmt.Errorf("-flight %d: give at least one handshake at a time", p.Flight)
	case p.Leave != leaveClose && p.Leave != leaveEnd && p.Leave != leaveReset:
		return fmt.Errorf("-leave %s: give %s, %s or %s", p.Leave, leaveClose, leaveEnd, leaveReset)
	case 4*p.Rooms*p.Members*p.Senders > recordMost:
		return fmt.Errorf("%d rooms x %d members x %d senders: what each heard of each does not fit in 1 GiB; give fewer -senders", p.Rooms, p.Members, p.Senders)
	}
	if err := p.divide(); err != nil {
		return err
	}
	if p.Turns && p.Rooms < p.Processes {
		return fmt.Errorf("-turns: with %d rooms in %d processes a room's senders do not see each other; give fewer -processes", p.Rooms, p.Processes)
	}
	return nil
}

// sizeLeast is the shortest message, in bytes.
func (p *plan) sizeLeast() int {
	if p.Value {
		return valueLeast
	}
	return bodyLeast
}

// speaks settles what members speak, from a list with commas. Envelopes carry
// JSON values.
func (p *plan) speaks(list string) error {
	p.Speak = nil
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case speakRaw:
		case speakJSON, speakMsgpack:
			p.Value = true
		case speakCentrifuge, speakNATS, speakNchan:
			if list != name {
				return fmt.Errorf("%s is another server's; all members speak it or none", name)
			}
			p.Value, p.Echoes = true, dialects[name].echoes
		default:
			return fmt.Errorf("%q is none of %s, %s and %s, and none of other servers' %s, %s and %s",
				name, speakRaw, speakJSON, speakMsgpack, speakCentrifuge, speakNATS, speakNchan)
		}
		p.Speak = append(p.Speak, name)
	}
	return nil
}

// hearers is how many deliveries a message makes.
func (p *plan) hearers() int {
	if p.Echoes {
		return p.Members
	}
	return p.Members - 1
}

// roomName is what room number i is called.
func (p *plan) roomName(i int) string { return p.Room + strconv.Itoa(i) }

// sends tells whether messages are part of the run.
func (p *plan) sends() bool { return p.Mode == modeBroadcast || p.Mode == modeChat }

// sockets is how many are open at once in all processes together.
func (p *plan) sockets() int {
	if p.Mode == modeHandshakes {
		return p.Flight
	}
	return p.Rooms * p.Members
}

// divide settles the number of processes.
func (p *plan) divide() error {
	given := p.Processes
	p.Processes = max(given, 1)
	for p.largestShare() > socketsMost {
		if given > 0 {
			return fmt.Errorf("-processes %d: one would hold %d sockets, %d are the most; give more processes", given, p.largestShare(), socketsMost)
		}
		p.Processes++
	}
	if p.Processes > p.sockets() {
		return fmt.Errorf("-processes %d: there are only %d sockets", p.Processes, p.sockets())
	}
	return nil
}

func (p *plan) largestShare() int {
	most := 0
	for i := range p.Processes {
		low, high := p.share(i)
		most = max(most, high-low)
	}
	return most
}

// share is the range of sockets [low, high) of process i: whole rooms where
// there are enough of them. Sockets are numbered room by room.
func (p *plan) share(i int) (low, high int) {
	unit := 1
	if p.Mode != modeHandshakes && p.Rooms >= p.Processes {
		unit = p.Members
	}
	units := p.sockets() / unit
	return units * i / p.Processes * unit, units * (i + 1) / p.Processes * unit
}

// owner is the process that has a socket.
func (p *plan) owner(socket int) int {
	for i := range p.Processes {
		if _, high := p.share(i); socket < high {
			return i
		}
	}
	return -1
}

// An order is a line from the coordinator to a client process.
type order struct {
	Do    string // open, go, stop, report
	Start int64  // go: when senders begin, CLOCK_MONOTONIC ns
	Begin int64  // go: what is meant to be sent from then on is measured
	End   int64  // go: nothing is meant to be sent from then on
	Room  int    // go: only in this room; -1 is all
	Limit int    // go: so many messages of each sender; 0 is until End
}

// everyRoom is an order's Room when all are meant.
const everyRoom = -1

// A word is a line from a client process to the coordinator: open, stopped,
// report or failed.
type word struct {
	Said   string
	Error  string  `json:",omitempty"`
	Report *report `json:",omitempty"`
}

// A report is what one client process counted.
type report struct {
	Missing  uint64      // frames that a receiver should have had and had not
	Repeated uint64      // frames that a receiver had before, or after a later one
	Echoed   uint64      // frames that their own sender heard
	Foreign  uint64      // messages that are none of ours, or not in their room
	Stray    string      // the first of them
	Loss     string      // how the first socket was lost that may be
	Latency  tally       // from the intended time of sending to each receiver
	Round    tally       // from the time of sending until all receivers had it
	Late     tally       // from the intended to the real time of sending
	Upgrade  tally       // from connect to 101
	Refused  int         // handshakes: ECONNREFUSED
	Reset    int         // handshakes: reset or ended before the 101
	Failed   int         // handshakes: answered otherwise than with 101
	Answers  map[int]int // handshakes: answers in the whole run, by status; of others than 101 those that the plan expects
	Hung     int         // handshakes: still unanswered at the end
	Failure  string      // the first failure's reason
}

// patience is how long anything may go without progress before it is given up.
const patience = 10 * time.Second
