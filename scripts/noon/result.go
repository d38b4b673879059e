package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

const examplesMost = 20

// A result is all figures of a run; times are in ns.
type result struct {
	Seed    uint64
	Sockets int
	Rooms   int
	Fanout  int
	Rate    float64
	Bytes   int
	Do      string
	Stopped string // why the actions ended early

	Deeds    []deed
	Kinds    []*kind
	Sent     uint64
	Heard    uint64
	Unsent   uint64 // senders were closed
	Bad      counts
	Storm    *stormResult
	Leaked   int
	Examples []string
	Own      bool // the house was noon's own, and its end was watched
	StormCPU int64
	CPU      int64 // of the crowd
	Span     int64

	report *report
}

// counts are of what must not happen.
type counts struct{ Closed, Lost, Doubled, Reordered, Garbled, Failed uint64 }

type stormResult struct {
	Ok, Refused, Reset, Other, TimedOut, Closed, Garbled uint64
	P50, P99, Most                                       int64
	Example                                              string
}

// A kind is what all actions of a kind were like.
type kind struct {
	Kind               string
	Times              int
	Heard              uint64
	P50, P90, P99, Max int64 // latency
	GapMedian, Gap     int64 // the longest of any socket in one action
	CommandMedian      int64
	Command            int64
	Late               int64 // that noon itself sent too late
	all                histogram
	gaps, commands     []int64
}

const kindBetween = "between"

// sum makes figures of the report.
func (r *result) sum() {
	p := r.report
	r.Sent, r.Heard, r.Unsent, r.CPU, r.Span = p.Sent, p.Heard, p.Unsent, p.CPU, p.Span
	r.Bad = counts{p.Closed, p.Lost, p.Doubled, p.Reordered, p.Garbled, 0}
	for i, d := range r.Deeds {
		k := r.kind(d.Kind)
		k.Times++
		k.commands = append(k.commands, d.Took)
		k.add(p.Actions[uint32(i+1)])
		if d.Failed != "" {
			r.Bad.Failed++
		}
	}
	r.kind(kindBetween).add(p.Actions[0])
	for _, k := range r.Kinds {
		k.sum()
	}
	r.sumStorm()
	for _, t := range examples(p.Troubles) {
		r.Examples = append(r.Examples, fmt.Sprintf("%-9s receiver %d: %s %s", t.Kind, t.Receiver, t.Text, r.when(t.At)))
	}
}

// examples are some troubles, the first of each kind.
func examples(troubles []trouble) []trouble {
	slices.SortStableFunc(troubles, func(a, b trouble) int { return int(a.At - b.At) })
	kinds := map[string]int{}
	for _, t := range troubles {
		kinds[t.Kind] = 0
	}
	return slices.DeleteFunc(troubles, func(t trouble) bool {
		kinds[t.Kind]++
		return kinds[t.Kind] > examplesMost/len(kinds)
	})
}

func (r *result) kind(name string) *kind {
	for _, k := range r.Kinds {
		if k.Kind == name {
			return k
		}
	}
	k := &kind{Kind: name}
	r.Kinds = append(r.Kinds, k)
	return k
}

func (k *kind) add(d *during) {
	if d == nil {
		return
	}
	k.all.merge(&d.Latency)
	k.gaps = append(k.gaps, d.Latency.Most)
	k.Late = max(k.Late, d.Late)
}

func (k *kind) sum() {
	k.Heard = k.all.Total
	k.P50, k.P90, k.P99, k.Max = k.all.quantile(0.5), k.all.quantile(0.9), k.all.quantile(0.99), k.all.Most
	k.GapMedian, k.Gap = middle(k.gaps)
	k.CommandMedian, k.Command = middle(k.commands)
}

// middle is the median, and the most.
func middle(values []int64) (median, most int64) {
	if len(values) == 0 {
		return 0, 0
	}
	slices.Sort(values)
	return values[len(values)/2], values[len(values)-1]
}

func (r *result) sumStorm() {
	if s := r.report.Storm; s.Ok+s.failed() > 0 {
		r.Storm = &stormResult{s.Ok, s.Refused, s.Reset, s.Other, s.TimedOut, s.Closed, s.Garbled,
			s.Handshake.quantile(0.5), s.Handshake.quantile(0.99), s.Handshake.Most, s.Example}
	}
}

// when is a time, as seen from the last action before.
func (r *result) when(at int64) string {
	for i, d := range slices.Backward(r.Deeds) {
		if d.Begin <= at {
			return fmt.Sprintf("%v after action %d (%s) began", short(at-d.Begin), i, d.Name)
		}
	}
	return "before the first action"
}

func (r *result) leaks(left []process, stop error) {
	r.Own, r.Leaked = true, len(left)
	for _, p := range left {
		r.Examples = append(r.Examples, fmt.Sprintf("leaked    process %d, child of %d: %q", p.pid, p.parent, p.args))
	}
	if stop != nil {
		r.Examples = append(r.Examples, stop.Error())
	}
}

// kept tells whether nothing happened that must not.
func (r *result) kept() bool {
	return r.Bad == counts{} && r.Leaked == 0 && r.Stopped == "" && r.report.Storm.failed() == 0
}

// late is the most that noon itself sent too late.
func (r *result) late() (most int64) {
	for _, k := range r.Kinds {
		most = max(most, k.Late)
	}
	return most
}

func (r *result) begin(h *house, keep bool) {
	fmt.Printf("noon      %d sockets in %d rooms, %g messages/s of %d bytes, each heard by %d; seed %d; %v",
		r.Sockets, r.Rooms, r.Rate, r.Bytes, r.Fanout, r.Seed, h.address)
	if keep {
		fmt.Printf(", log in %s", h.folder)
	}
	fmt.Println()
}

// tell shows where a run is, on a terminal or in a log.
func (r *result) tell(d deed) {
	if d.Failed != "" {
		fmt.Printf("failed    %s: %s\n", d.Name, d.Failed)
	} else if d.Kind != doQuiet {
		fmt.Fprintf(os.Stderr, "          %s, %v\n", d.Name, short(d.Took))
	}
}

// short is a time with three digits or so.
func short(ns int64) time.Duration {
	unit := time.Duration(1)
	for t := ns; t >= 1000; t /= 10 {
		unit *= 10
	}
	return time.Duration(ns).Round(unit)
}
