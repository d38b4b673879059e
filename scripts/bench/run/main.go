// Run is the bench: the same work for Porthouse and for a plain gorilla
// server, or for Porthouse in two ways, in turns, and what came out of it as
// ratios in one table.
//
//	go run ./run [-rounds 3] [-duration 3s] [-only NAME,…] [-pin] [-peers NAME,…] [-json FILE]
//
// It is run from scripts/bench. Everything it starts listens on loopback and
// is ended with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	var b bench
	var only, out, others string
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, of which the median counts")
	flag.DurationVar(&b.duration, "duration", 3*time.Second, "of each load")
	flag.IntVar(&b.puddles, "puddles", 1, "puddles of the house, where a scenario does not say")
	flag.StringVar(&only, "only", "", "`names` with commas, of scenarios: "+names()+"; and of a server: "+porthouse+" or "+gorilla)
	flag.BoolVar(&b.pin, "pin", false, "servers on CPU 0, clients on CPU 1")
	flag.StringVar(&out, "json", "", "`file` for the table as JSON, with all rounds and what was measured where")
	flag.StringVar(&others, "peers", "", "`names` with commas, of other servers to hold it against: nchan, nats, centrifuge; or all")
	flag.Parse()
	runtime.LockOSThread() // what we start ends with the thread that started it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := b.choose(only, others)
	if err == nil {
		err = b.run(ctx, out)
	}
	endOrphans()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return strings.Join(all, " ")
}

// bench is one run of it.
type bench struct {
	rounds    int
	duration  time.Duration
	puddles   int
	pin       bool
	scenarios []scenario
	servers   []string
	built     string // folder of the binaries
	loaded    string // the machine's load before
}

// The servers.
const (
	porthouse = "porthouse"
	gorilla   = "gorilla"
)

// choose settles what is run: with no names, both servers and the scenarios
// that need not be asked for; with peers, those of them that all can do.
func (b *bench) choose(only, others string) error {
	if b.rounds < 1 || b.puddles < 1 {
		return fmt.Errorf("-rounds %d -puddles %d: give 1 or more", b.rounds, b.puddles)
	}
	if err := b.invite(others); err != nil {
		return err
	}
	guests := len(b.servers)
	for name := range strings.FieldsFuncSeq(only, func(r rune) bool { return r == ',' }) {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		switch {
		case name == porthouse || name == gorilla:
			b.servers = append(b.servers, name)
		case i >= 0:
			b.scenarios = append(b.scenarios, scenarios[i])
		default:
			return fmt.Errorf("-only %s: there are %s; and %s and %s", name, names(), porthouse, gorilla)
		}
	}
	if len(b.servers) == guests {
		b.servers = append(b.servers, porthouse, gorilla)
	}
	if len(b.scenarios) == 0 {
		b.scenarios = slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return s.asked || guests > 0 && !s.peers })
	}
	for i := range b.scenarios {
		s := &b.scenarios[i]
		s.sides = slices.DeleteFunc(slices.Clone(s.sides), func(one side) bool {
			return !slices.Contains(b.servers, one.server) || !b.possible(*s, one.server)
		})
	}
	b.scenarios = slices.DeleteFunc(b.scenarios, func(s scenario) bool { return len(s.sides) == 0 })
	return nil
}

// run does all scenarios; one that fails does not keep the others from being
// measured.
func (b *bench) run(ctx context.Context, out string) error {
	b.loaded = loadAverage()
	err := adopt()
	if err != nil {
		return err
	}
	if b.built, err = os.MkdirTemp("", "porthouse-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.built)
	if err := b.build(ctx); err != nil {
		return err
	}
	var rows []row
	var failed error
	var t table
	for _, s := range b.scenarios {
		done, err := b.measure(ctx, s)
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		if err != nil {
			fmt.Printf("%-18s failed, see below\n", s.name)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		for _, r := range done {
			t.print(r)
		}
		rows = append(rows, done...)
	}
	return errors.Join(failed, b.write(rows, out))
}

// measure does a scenario's work on its sides, in turns.
func (b *bench) measure(ctx context.Context, s scenario) ([]row, error) {
	loads := make([][]load, len(s.sides))
	for range b.rounds {
		for i, side := range s.sides {
			l, err := b.load(ctx, s, side)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", side.name, err)
			}
			loads[i] = append(loads[i], l)
		}
	}
	return rowsOf(s, loads), nil
}

func (b *bench) path(name string) string { return filepath.Join(b.built, name) }
