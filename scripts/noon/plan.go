package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
)

// planVariable hands a copy of this program its plan, and makes it a client
// process.
const planVariable = "NOON_PLAN"

// socketsMost is how many sockets one client process holds at most, so that
// it does with the usual limits of open files and of ports of one address.
const socketsMost = 15_000

// A plan is what one client process does: hold sockets of a crowd, or storm.
type plan struct {
	House      netip.AddrPort
	Seed       uint64
	Index      int // among the client processes
	First      int // number of its first socket
	Sockets    int // whole rooms of them
	Members    int // of a room
	Bytes      int // of a message
	Rate       float64
	Cut        float64 // share of messages whose frame is written in two parts
	Fragmented float64 // share of messages that are sent as several frames
	Slow       int     // one socket in so many reads slowly; 0: none
	Settle     int64   // ns, from the last message until what is not heard is lost
	Storm      bool    // Rate connections a second instead
}

// shares divides a crowd among client processes, whole rooms to each.
func shares(all plan) []plan {
	rooms := (all.Sockets + all.Members - 1) / all.Members
	roomsMost := max(socketsMost/all.Members, 1)
	processes := (rooms + roomsMost - 1) / roomsMost
	var parts []plan
	for i := range processes {
		low, high := rooms*i/processes, rooms*(i+1)/processes
		p := all
		p.Index, p.First, p.Sockets = i, low*all.Members, (high-low)*all.Members
		p.Rate = all.Rate * float64(high-low) / float64(rooms)
		parts = append(parts, p)
	}
	return parts
}

func (p *plan) room(socket int) int { return socket / p.Members }

func (p plan) variable() string {
	b, _ := json.Marshal(p)
	return planVariable + "=" + string(b)
}

// readPlan is the plan of this process; ok is false where it is the one that
// was started by hand.
func readPlan() (p plan, ok bool, err error) {
	text, ok := os.LookupEnv(planVariable)
	if !ok {
		return p, false, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, true, fmt.Errorf("the plan %q: %v", text, err)
	}
	return p, true, nil
}

// Orders that a client process reads, a byte each. The end of them ends it.
const (
	orderGo   = 'g'
	orderStop = 's'
)

// A word is a line that a client process writes: that its sockets are open,
// its report, or why it failed.
type word struct {
	Open   bool    `json:",omitempty"`
	Failed string  `json:",omitempty"`
	Report *report `json:",omitempty"`
}

func say(w word) {
	line, _ := json.Marshal(w)
	os.Stdout.Write(append(line, '\n'))
}

// A report is what one client process counted.
type report struct {
	Sent, Heard, Unsent                       uint64
	Closed, Lost, Doubled, Reordered, Garbled uint64
	Troubles                                  []trouble          // the first of each kind
	Actions                                   map[uint32]*during // 0: between actions
	Storm                                     stormReport
	CPU, Span                                 int64 // ns, from go to stop
}

// during is what happened within one action.
type during struct {
	Latency histogram // from a message's sending to each receipt
	Late    int64     // ns, the most that this process itself sent too late
}

// A trouble is an example of what must not happen.
type trouble struct {
	Kind     string
	At       int64 // CLOCK_MONOTONIC ns
	Receiver int
	Text     string
}
