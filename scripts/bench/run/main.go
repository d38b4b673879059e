// Run is the bench: the same work for Porthouse and for a plain gorilla
// server, in turns, and what came out of it as ratios in one table.
//
//	go run ./run [-rounds 3] [-duration 3s] [-only NAME,…] [-pin] [-json FILE]
//
// It is run from scripts/bench. Everything it starts listens on loopback and
// is ended with it.
package main

import (
	"context"
	"encoding/json"
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

// scenario is one kind of work; figures are what is taken of it.
type scenario struct {
	name    string
	flags   []string
	figures []figure
	puddles int  // 0: as -puddles says
	asked   bool // only run when named
	alone   bool // not for gorilla
}

// figure takes a number out of a load's result.
type figure struct {
	name string
	take func(load) float64
}

// load is what the load generator prints as JSON.
type load struct {
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`
	OpenSeconds         float64 `json:"open_seconds"`
	Latency             tally   `json:"latency"`
	Round               tally   `json:"round"`
	Handshakes          struct {
		PerSecond float64 `json:"per_second"`
	} `json:"handshakes"`
	Server struct {
		PerDelivery  float64 `json:"cpu_ns_per_delivery"`
		PerHandshake float64 `json:"cpu_ns_per_handshake"`
		PerSocket    float64 `json:"pss_bytes_per_socket"`
		MorePer      float64 `json:"pss_increment_bytes_per_socket"`
	} `json:"server"`
}

type tally struct {
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
}

var (
	cpuDelivery = figure{"server CPU, us a delivery", func(l load) float64 { return l.Server.PerDelivery / 1e3 }}
	deliveries  = figure{"deliveries/s", func(l load) float64 { return l.DeliveriesPerSecond }}
	p50         = figure{"latency p50, us", func(l load) float64 { return l.Latency.P50 / 1e3 }}
	p99         = figure{"latency p99, us", func(l load) float64 { return l.Latency.P99 / 1e3 }}
	handshakes  = figure{"handshakes/s", func(l load) float64 { return l.Handshakes.PerSecond }}
	cpuHand     = figure{"server CPU, us a handshake", func(l load) float64 { return l.Server.PerHandshake / 1e3 }}
	bytesSocket = figure{"bytes a socket, all processes", func(l load) float64 { return l.Server.PerSocket }}
	bytesMore   = figure{"bytes a socket, more than empty", func(l load) float64 { return l.Server.MorePer }}
	opened      = figure{"seconds to open all", func(l load) float64 { return l.OpenSeconds }}
	heardAll    = figure{"all heard it after, p50, ms", func(l load) float64 { return l.Round.P50 / 1e6 }}
)

var scenarios = []scenario{
	{name: "broadcast", flags: []string{"-mode", "broadcast"}, figures: []figure{cpuDelivery, deliveries}},
	{name: "burst-16", flags: []string{"-mode", "broadcast", "-burst", "16"}, figures: []figure{cpuDelivery, deliveries}},
	{name: "burst-64", flags: []string{"-mode", "broadcast", "-burst", "64"}, figures: []figure{cpuDelivery, deliveries}},
	{name: "chat", flags: []string{"-mode", "chat"}, figures: []figure{cpuDelivery, deliveries}},
	{name: "chat-4-a-second", flags: []string{"-mode", "chat", "-rate", "4"}, figures: []figure{p50, p99, cpuDelivery}},
	{name: "handshakes", flags: []string{"-mode", "handshakes"}, figures: []figure{handshakes, cpuHand}},
	{name: "resting-10000", flags: []string{"-mode", "idle", "-rooms", "10", "-members", "1000"}, figures: []figure{bytesSocket, bytesMore}},
	{name: "resting-18000", flags: []string{"-mode", "idle", "-rooms", "18", "-members", "1000"}, figures: []figure{bytesSocket, bytesMore}},
	{name: "two-puddles", flags: []string{"-mode", "broadcast"}, figures: []figure{cpuDelivery, deliveries}, puddles: 2, alone: true, asked: true},
	{name: "hundred-thousand", flags: []string{"-mode", "idle", "-rooms", "100", "-members", "1000", "-say", "20"},
		figures: []figure{opened, bytesSocket, bytesMore, heardAll}, puddles: 6, asked: true, alone: true},
}

func main() {
	var b bench
	var only, out string
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, of which the median counts")
	flag.DurationVar(&b.duration, "duration", 3*time.Second, "of each load")
	flag.IntVar(&b.puddles, "puddles", 1, "puddles of the house, where a scenario does not say")
	flag.StringVar(&only, "only", "", "`names` with commas, of scenarios: "+names()+"; and of a server: "+porthouse+" or "+gorilla)
	flag.BoolVar(&b.pin, "pin", false, "servers on CPU 0, clients on CPU 1")
	flag.StringVar(&out, "json", "", "`file` for the table as JSON")
	flag.Parse()
	runtime.LockOSThread() // what we start ends with the thread that started it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := b.choose(only)
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
}

// The servers.
const (
	porthouse = "porthouse"
	gorilla   = "gorilla"
)

// choose settles what is run: with no names, both servers and the scenarios
// that need not be asked for.
func (b *bench) choose(only string) error {
	if b.rounds < 1 || b.puddles < 1 {
		return fmt.Errorf("-rounds %d -puddles %d: give 1 or more", b.rounds, b.puddles)
	}
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
	if len(b.servers) == 0 {
		b.servers = []string{porthouse, gorilla}
	}
	if len(b.scenarios) == 0 {
		b.scenarios = slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool { return s.asked })
	}
	return nil
}

// run does all scenarios; one that fails does not keep the others from being
// measured.
func (b *bench) run(ctx context.Context, out string) error {
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
	fmt.Printf("%-18s %-32s %14s %14s %8s\n", "scenario", "figure", porthouse, gorilla, "ratio")
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
			r.print()
		}
		rows = append(rows, done...)
	}
	return errors.Join(failed, writeRows(rows, out))
}

// writeRows writes the table as JSON, if a file was named.
func writeRows(rows []row, out string) error {
	if out == "" {
		return nil
	}
	text, err := json.MarshalIndent(rows, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// row is one figure of both servers: medians, and all rounds behind them.
type row struct {
	Scenario  string    `json:"scenario"`
	Figure    string    `json:"figure"`
	Porthouse float64   `json:"porthouse,omitempty"`
	Gorilla   float64   `json:"gorilla,omitempty"`
	Ratio     float64   `json:"ratio,omitempty"`
	Rounds    []float64 `json:"porthouse_rounds,omitempty"`
	Others    []float64 `json:"gorilla_rounds,omitempty"`
}

func (r row) print() {
	number := func(v float64, digits int) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.*f", digits, v)
	}
	fmt.Printf("%-18s %-32s %14s %14s %8s\n", r.Scenario, r.Figure, number(r.Porthouse, 2), number(r.Gorilla, 2), number(r.Ratio, 3))
}

// measure does a scenario's work with both servers, in turns.
func (b *bench) measure(ctx context.Context, s scenario) ([]row, error) {
	loads := map[string][]load{}
	for range b.rounds {
		for _, name := range b.servers {
			if s.alone && name != porthouse {
				continue
			}
			l, err := b.load(ctx, s, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			loads[name] = append(loads[name], l)
		}
	}
	var rows []row
	for _, f := range s.figures {
		r := row{Scenario: s.name, Figure: f.name}
		r.Rounds, r.Porthouse = median(loads[porthouse], f)
		if r.Others, r.Gorilla = median(loads[gorilla], f); r.Gorilla != 0 {
			r.Ratio = r.Porthouse / r.Gorilla
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func median(loads []load, f figure) (all []float64, middle float64) {
	for _, l := range loads {
		all = append(all, f.take(l))
	}
	if len(all) == 0 {
		return nil, 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return all, sorted[len(sorted)/2]
}

func (b *bench) path(name string) string { return filepath.Join(b.built, name) }
