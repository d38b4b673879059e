// Run is the bench: the same work for Porthouse and for a plain gorilla
// server, in turns, and what came out of it as ratios in one table.
//
//	go run ./run [-rounds 3] [-duration 3s] [-only NAME] [-json FILE]
//
// It is run from scripts/bench. Everything it starts listens on loopback and
// is ended with it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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
	flag.StringVar(&only, "only", "", "scenarios to run, with commas: "+names())
	flag.StringVar(&out, "json", "", "`file` for the table as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, only, out); err != nil {
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
	rounds   int
	duration time.Duration
	puddles  int
	built    string // folder of the binaries
}

func (b *bench) run(ctx context.Context, only, out string) error {
	var err error
	if b.built, err = os.MkdirTemp("", "porthouse-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.built)
	if err := b.build(ctx); err != nil {
		return err
	}
	wanted := strings.Split(only, ",")
	var rows []row
	fmt.Printf("%-18s %-32s %14s %14s %8s\n", "scenario", "figure", "porthouse", "gorilla", "ratio")
	for _, s := range scenarios {
		if only == "" && s.asked || only != "" && !slices.Contains(wanted, s.name) {
			continue
		}
		done, err := b.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range done {
			r.print()
		}
		rows = append(rows, done...)
	}
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
	Porthouse float64   `json:"porthouse"`
	Gorilla   float64   `json:"gorilla,omitempty"`
	Ratio     float64   `json:"ratio,omitempty"`
	Rounds    []float64 `json:"porthouse_rounds"`
	Others    []float64 `json:"gorilla_rounds,omitempty"`
}

func (r row) print() {
	gorilla, ratio := "-", "-"
	if r.Gorilla != 0 {
		gorilla, ratio = fmt.Sprintf("%.2f", r.Gorilla), fmt.Sprintf("%.3f", r.Ratio)
	}
	fmt.Printf("%-18s %-32s %14.2f %14s %8s\n", r.Scenario, r.Figure, r.Porthouse, gorilla, ratio)
}

// measure does a scenario's work with both servers, in turns.
func (b *bench) measure(ctx context.Context, s scenario) ([]row, error) {
	var ours, theirs []load
	for range b.rounds {
		l, err := b.load(ctx, s, b.porthouse(s))
		if err != nil {
			return nil, fmt.Errorf("porthouse: %w", err)
		}
		ours = append(ours, l)
		if s.alone {
			continue
		}
		if l, err = b.load(ctx, s, b.gorilla()); err != nil {
			return nil, fmt.Errorf("gorilla: %w", err)
		}
		theirs = append(theirs, l)
	}
	var rows []row
	for _, f := range s.figures {
		r := row{Scenario: s.name, Figure: f.name}
		r.Rounds, r.Porthouse = median(ours, f)
		if r.Others, r.Gorilla = median(theirs, f); r.Gorilla != 0 {
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
