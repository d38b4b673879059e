// Loadgen loads a server of WebSocket rooms on this machine and measures it.
//
// Any server will do whose rooms are entered at ws://HOST/ROOM and where what
// a member sends goes to all the others of its room. Tens of thousands of
// sockets are spread over client processes and source addresses.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `loadgen loads a server of WebSocket rooms on this machine and measures it.

  loadgen -mode broadcast -url ws://127.0.0.1:PORT -pid PID -tree

Modes:
  broadcast   closed loop: one sender in each room; its next burst follows once
              every other member has heard all of the last
  chat        the same with every member a sender, each waiting for its own
              burst only; with -rate an open loop, its latency counted from
              the intended time of sending
  handshakes  connect, upgrade, enter a room, leave, again and again; with
              -rate an open loop
  idle        open all sockets, wait, weigh the server; with -noon, a command
              meanwhile, and who is lost by it; with -say, a message to one
              room afterwards

Exits 1 when the run failed or its counts did not come out: deliveries missing,
doubled, changed or out of order, handshakes refused, reset, failed or hung.

Flags:
`

// A command is the command line.
type command struct {
	run  run
	json bool
}

func parseCommand(args []string) (*command, error) {
	c := &command{}
	p, s, t := &c.run.plan, &c.run.server, &c.run.schedule
	f := flag.NewFlagSet("loadgen", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), usage)
		f.PrintDefaults()
	}
	url := f.String("url", "", "the server, `ws://127.0.0.1:PORT`; a path in it stands before the rooms' names")
	f.StringVar(&p.Mode, "mode", modeBroadcast, "broadcast, chat, handshakes or idle")
	f.StringVar(&p.Room, "room", "bench-", "what rooms are called, before their number")
	f.IntVar(&p.Rooms, "rooms", 0, "rooms (default 1; 100 in chat and handshakes)")
	f.IntVar(&p.Members, "members", 0, "sockets a room (default 1000; 10 in chat)")
	f.IntVar(&p.Senders, "senders", 0, "members of each room that send (default 1; all in chat)")
	f.IntVar(&p.Burst, "burst", 1, "messages in one write, closed loop")
	f.IntVar(&p.Size, "size", 64, "a message, `bytes`")
	f.Float64Var(&p.Rate, "rate", 0, "messages/s of each sender, or handshakes/s of all, at fixed times; 0 is a closed loop")
	speak := f.String("speak", speakRaw, "what the members of a room speak, in turn: `raw,json,msgpack`; envelopes carry -value; or one of centrifuge, nats and nchan, other servers' own, which carry it too")
	f.BoolVar(&p.Value, "value", false, "messages are JSON values")
	f.BoolVar(&p.Turns, "turns", false, "the senders of a room speak one after another, closed loop")
	logins := f.String("logins", "", "`file` of lines CLIENT:PASSWORD that sockets offer in turn")
	f.IntVar(&p.Handshakes, "handshakes", 0, "mode handshakes: `how many`; 0 is as many as there is time for")
	f.BoolVar(&p.Refusals, "refusals", false, "mode handshakes: count answers other than 101 and none at all, and do not fail")
	f.IntVar(&p.Sources, "sources", 16, "`addresses` that each client process connects from, in 127.0.0.0/24")
	f.IntVar(&p.Flight, "flight", 128, "handshakes under way at once, all client processes together")
	f.StringVar(&p.Leave, "leave", leaveClose, "how sockets of a storm leave: close (frame, then await the end), end (of stream) or reset")
	f.BoolVar(&p.Spin, "spin", false, "client processes do not sleep while they load: the server wakes nobody")
	f.IntVar(&p.Processes, "processes", 0, fmt.Sprintf("client processes (default: as few as hold %d sockets each)", socketsMost))
	f.DurationVar(&t.warmup, "warmup", 500*time.Millisecond, "load before the measurement")
	f.DurationVar(&t.duration, "duration", 3*time.Second, "of the measurement")
	f.DurationVar(&t.settle, "settle", 0, "from the last 101 to the load, or to the weighing at rest (default 300ms; 6s in idle)")
	f.DurationVar(&t.hold, "hold", 0, "idle: how long the sockets stay after the weighing")
	f.StringVar(&t.noon, "noon", "", "idle: a shell `command` between the weighing and -hold, which may cost sockets: they are counted")
	f.IntVar(&t.say, "say", 0, "idle: messages to one room after that, one at a time, unless sockets were lost")
	f.IntVar(&t.sayRoom, "say-room", 0, "idle: `number` of that room")
	f.Func("pid", "a process of the server, to be measured; repeatable", s.addPids)
	f.Func("pids", "processes of the server, `pid,pid,…`", s.addPids)
	f.BoolVar(&s.tree, "tree", false, "measure descendants and session of the given processes too")
	f.BoolVar(&c.json, "json", false, "print one JSON object (durations in ns) instead of lines")
	if err := f.Parse(args); err != nil {
		return nil, errUsage{err}
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? loadgen takes flags only; see loadgen -h", f.Arg(0))
	}
	if err := p.target(*url); err != nil {
		return nil, err
	}
	if err := p.speaks(*speak); err != nil {
		return nil, fmt.Errorf("-speak %s: %v", *speak, err)
	}
	if *logins != "" {
		var err error
		if p.Logins, err = readLogins(*logins); err != nil {
			return nil, fmt.Errorf("-logins: %v", err)
		}
	}
	c.setDefaults()
	if t.sayRoom < 0 || t.sayRoom >= p.Rooms {
		return nil, fmt.Errorf("-say-room %d: rooms are numbered 0 to %d", t.sayRoom, p.Rooms-1)
	}
	if err := c.checkNoon(); err != nil {
		return nil, err
	}
	return c, p.check()
}

// errUsage is what package flag has told the user already.
type errUsage struct{ error }

func (e errUsage) Unwrap() error { return e.error }

// setDefaults fills in what depends on the mode.
func (c *command) setDefaults() {
	p := &c.run.plan
	rooms, members, settle := 1, 1000, 300*time.Millisecond
	switch p.Mode {
	case modeChat:
		rooms, members = 100, 10
	case modeHandshakes:
		rooms = 100
	case modeIdle:
		settle = 6 * time.Second
	}
	orDefault(&p.Rooms, rooms)
	orDefault(&p.Members, members)
	orDefault(&c.run.schedule.settle, settle)
	senders := 1
	if p.Mode == modeChat {
		senders = p.Members
	}
	orDefault(&p.Senders, senders)
	if !p.sends() {
		p.Burst = 1
	}
	if p.Mode == modeIdle {
		p.Rate = 0
	}
	p.Tag = rand.Uint32()
}

func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (s *server) addPids(list string) error {
	for field := range strings.SplitSeq(list, ",") {
		pid, err := strconv.Atoi(field)
		if err != nil || pid < 1 {
			return fmt.Errorf("%q is no process id", field)
		}
		s.pids = append(s.pids, pid)
	}
	return nil
}

// carryOut runs the command and prints its result.
func (c *command) carryOut(ctx context.Context) error {
	err := c.run.carryOut(ctx)
	r := &c.run.result
	if err != nil {
		r.Error = err.Error()
	}
	if c.json {
		json.NewEncoder(os.Stdout).Encode(r)
	} else {
		r.print(func(format string, a ...any) { fmt.Printf(format+"\n", a...) })
	}
	return err
}

func main() {
	if index, is := os.LookupEnv(processVariable); is {
		i, _ := strconv.Atoi(index)
		if runProcess(i) != nil {
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread() // client processes die with the thread that started them
	c, err := parseCommand(os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		err = c.carryOut(ctx)
		stop()
	}
	var told errUsage
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &told):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}
