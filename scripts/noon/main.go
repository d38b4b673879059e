// Noon checks on your own machine that a house never drops a socket: a crowd
// of numbered senders and receivers talks while the house reloads, upgrades,
// scales and is killed, and every message is accounted for.
//
//	make build
//	go run ./scripts/noon --binary bin/porthouse --sockets 2000 --rate 1000 --fanout 5 \
//	    --puddles 2 --do "reload*20,upgrade*3,scale:1-4-2,kill*100" --seed 1
//
// It starts a house of its own in a folder of its own, or takes one that is up:
// --house ws://127.0.0.1:8080 --data DIR. Each socket stands in a room with
// --fanout others, sends, and must hear each message of each of them exactly
// once and in order. A tenth of the frames are written in two parts with a pause
// between, anywhere; one socket in fifty reads slowly.
//
// What --do may hold, with *N for how often:
//
//	reload, upgrade, scale:1-4-2   the commands of porthouse; an upgrade first
//	                               replaces the binary (by --upgrade-to FILE)
//	kill                           SIGKILL to a random puddle
//	kill-adopting                  and to its successor, within its first 40 ms
//	killall                        SIGKILL to supervisor and puddles, then porthouse up
//	quiet                          nothing, for the time of --quiet
//
// What the lines say:
//
//	closed     sockets that came to their end, though nobody closed them
//	lost       deliveries that never came; doubled: came again; reordered: came
//	           after a later one of that sender; garbled: not as they were sent
//	latency    of each delivery, from the second part of a cut frame; slow readers
//	           are left out. What is sent or heard in an action, or within --tail
//	           of it, is the action's
//	gap        the longest latency of any socket in one action: of all actions of
//	           that kind the median, and the worst
//	storm      connections that came, shook hands and left (--storm N a second)
//	own        what noon itself took, and the most that it sent too late: where a
//	           gap is not much longer, it may be noon's or the machine's
//	leaked     processes of the house that live after porthouse stop
//
// Exits 0 only where every count of what must not happen is 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A command is the command line.
type command struct {
	plan
	binary, newer, up string
	house, data       string
	puddles           int
	do                string
	actions           []action
	quiet, tail       time.Duration
	pause, settle     time.Duration
	storm             float64
	json              string
	keep              bool
}

func parseCommand(args []string) (*command, error) {
	c := &command{}
	f := flag.NewFlagSet("noon", flag.ContinueOnError)
	f.StringVar(&c.binary, "binary", "bin/porthouse", "the porthouse to test")
	f.StringVar(&c.newer, "upgrade-to", "", "`file` that an upgrade upgrades to (default: a fresh copy of --binary)")
	f.StringVar(&c.up, "up", "", "more `flags` for porthouse up, with spaces between")
	f.StringVar(&c.house, "house", "", "a house that is up, `ws://127.0.0.1:PORT`, instead of one of noon's own")
	f.StringVar(&c.data, "data", "", "its data `folder`, for the commands")
	f.IntVar(&c.puddles, "puddles", 2, "of the house")
	f.IntVar(&c.Sockets, "sockets", 2000, "in the crowd, rounded up to whole rooms")
	f.IntVar(&c.Members, "fanout", 5, "who hear each message")
	f.Float64Var(&c.Rate, "rate", 1000, "messages/s of all senders together")
	f.IntVar(&c.Bytes, "bytes", 64, "of a message")
	f.Float64Var(&c.Cut, "cut", 0.1, "share of messages that are written in two parts")
	f.Float64Var(&c.Fragmented, "fragmented", 0, "share of messages that are sent as 2 to 4 frames")
	f.IntVar(&c.Slow, "slow", 50, "one socket in so many reads slowly; 0: none")
	f.StringVar(&c.do, "do", "", "actions, such as reload*20,scale:1-4-2,kill*100")
	f.DurationVar(&c.quiet, "quiet", 5*time.Second, "before the actions, as what to compare them with")
	f.DurationVar(&c.pause, "pause", time.Second, "between actions, about")
	f.DurationVar(&c.tail, "tail", time.Second, "after an action that still counts as of it")
	f.DurationVar(&c.settle, "settle", 5*time.Second, "after the last message, until what is not heard is lost")
	f.Float64Var(&c.storm, "storm", 0, "connections/s that come and go meanwhile")
	f.Uint64Var(&c.Seed, "seed", 0, "of all that is random (default: a random one)")
	f.StringVar(&c.json, "json", "", "`file` for all figures")
	f.BoolVar(&c.keep, "keep", false, "keep the house's folder, with its log")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? noon takes flags only; see noon -h", f.Arg(0))
	}
	return c, c.complete()
}

// complete fills in what follows from the flags, and says what makes no sense.
func (c *command) complete() (err error) {
	c.Members++
	c.Settle = int64(c.settle)
	c.Sockets = (c.Sockets + c.Members - 1) / c.Members * c.Members
	if c.Seed == 0 {
		c.Seed = rand.Uint64N(1e6) + 1
	}
	if c.newer == "" {
		c.newer = c.binary
	}
	if c.actions, err = parseActions(c.do); err != nil {
		return fmt.Errorf("--do: %v", err)
	}
	c.actions = append([]action{{kind: doQuiet}}, c.actions...)
	switch {
	case c.Members < 2 || c.Members > socketsMost:
		return fmt.Errorf("--fanout %d: give 1 to %d", c.Members-1, socketsMost-1)
	case c.Sockets < 1:
		return errors.New("--sockets: give at least one")
	case c.Bytes < messageLeast || c.Bytes > 65_000:
		return fmt.Errorf("--bytes %d: give %d to 65000", c.Bytes, messageLeast)
	case c.Rate < 0 || c.storm < 0:
		return errors.New("--rate and --storm: give how many a second, or 0")
	case c.house != "" && c.data == "" && len(c.actions) > 1:
		return errors.New("--house with --do needs --data, the house's data folder")
	}
	return nil
}

// open makes the house, or finds it.
func (c *command) open(ctx context.Context) (*house, error) {
	if c.house == "" {
		return openHouse(ctx, c.binary, c.newer, c.puddles, strings.Fields(c.up))
	}
	u, err := url.Parse(c.house)
	if err != nil {
		return nil, err
	}
	address, err := netip.ParseAddrPort(strings.Replace(u.Host, "localhost", "127.0.0.1", 1))
	if err != nil || u.Scheme != "ws" || !address.Addr().Is4() || !address.Addr().IsLoopback() {
		return nil, fmt.Errorf("--house %s: noon tests houses of this machine; give ws://127.0.0.1:PORT", c.house)
	}
	return &house{binary: c.binary, data: c.data, address: address, puddles: c.puddles}, nil
}

func main() {
	p, client, err := readPlan()
	switch {
	case client && err == nil:
		err = runClient(p)
		fallthrough
	case client:
		if err != nil {
			say(word{Failed: err.Error()})
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread() // client processes die with the thread that started them
	c, err := parseCommand(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends noon at once
	kept := false
	if err == nil {
		kept, err = c.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "noon:", err)
	}
	if err != nil || !kept {
		os.Exit(1)
	}
}
