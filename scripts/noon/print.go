package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

func (r *result) print() {
	if r.Stopped != "" {
		fmt.Printf("stopped   %s\n", r.Stopped)
	}
	fmt.Printf("sent      %d, heard %d", r.Sent, r.Heard)
	if r.Unsent > 0 {
		fmt.Printf(", not sent %d, as their senders were closed", r.Unsent)
	}
	fmt.Println()
	r.printKinds()
	if s := r.Storm; s != nil {
		fmt.Printf("storm     ok %d  refused %d  reset %d  other status %d  timed out %d  closed %d  garbled %d; handshake p50 %v p99 %v max %v\n",
			s.Ok, s.Refused, s.Reset, s.Other, s.TimedOut, s.Closed, s.Garbled, short(s.P50), short(s.P99), short(s.Most))
		if s.Example != "" {
			fmt.Printf("          %s\n", s.Example)
		}
	}
	fmt.Printf("own       %.0f%% of a core", float64(r.CPU)/float64(max(r.Span, 1))*100)
	if r.Storm != nil {
		fmt.Printf(", and %.0f%% for the storm", float64(r.StormCPU)/float64(max(r.Span, 1))*100)
	}
	fmt.Printf("; sent at most %v too late\n", short(r.late()))
	b := r.Bad
	fmt.Printf("failed actions %d\n", b.Failed)
	if r.Own {
		fmt.Printf("leaked processes %d\n", r.Leaked)
	}
	fmt.Printf("closed %d  lost %d  doubled %d  reordered %d  garbled %d\n", b.Closed, b.Lost, b.Doubled, b.Reordered, b.Garbled)
	for _, example := range r.Examples {
		fmt.Println("  " + example)
	}
}

func (r *result) printKinds() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\ttimes\theard\tlatency p50\tp90\tp99\tmax\tgap median\tworst\tcommand median\tworst\town late\t")
	for _, k := range r.Kinds {
		if k.Times == 0 && k.Heard == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t\n", k.Kind, k.Times, k.Heard,
			short(k.P50), short(k.P90), short(k.P99), short(k.Max), short(k.GapMedian), short(k.Gap),
			short(k.CommandMedian), short(k.Command), short(k.Late))
	}
	t.Flush()
}
