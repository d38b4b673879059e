package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// row is one figure of a scenario's sides.
type row struct {
	Scenario string   `json:"scenario"`
	Figure   string   `json:"figure"`
	Sides    []column `json:"sides"`
	Ratio    float64  `json:"ratio,omitempty"` // of the first side to the second
}

// column is one side's: the median, and all rounds behind it.
type column struct {
	Name   string    `json:"name"`
	Median float64   `json:"median"`
	Rounds []float64 `json:"rounds"`
}

// rowsOf are a scenario's figures, of each side's loads.
func rowsOf(s scenario, loads [][]load) []row {
	var rows []row
	for _, f := range s.figures {
		r := row{Scenario: s.name, Figure: f.name}
		for i, side := range s.sides {
			c := column{Name: side.name}
			c.Rounds, c.Median = median(loads[i], f)
			r.Sides = append(r.Sides, c)
		}
		if len(r.Sides) == 2 && r.Sides[1].Median != 0 {
			r.Ratio = r.Sides[0].Median / r.Sides[1].Median
		}
		rows = append(rows, r)
	}
	return rows
}

func median(loads []load, f figure) (all []float64, middle float64) {
	for _, l := range loads {
		all = append(all, f.take(l))
	}
	sorted := slices.Sorted(slices.Values(all))
	return all, sorted[len(sorted)/2]
}

// table prints rows, under a head whenever the sides are others.
type table struct{ head [2]string }

func (t *table) print(r row) {
	var names, medians [2]string
	for i := range names {
		names[i], medians[i] = "", "-"
		if i < len(r.Sides) {
			names[i], medians[i] = r.Sides[i].Name, number(r.Sides[i].Median, 2)
		}
	}
	if names != t.head {
		t.head = names
		printLine("scenario", "figure", names, "ratio")
	}
	printLine(r.Scenario, r.Figure, medians, number(r.Ratio, 3))
}

func printLine(scenario, figure string, sides [2]string, ratio string) {
	fmt.Printf("%-18s %-32s %14s %14s %8s\n", scenario, figure, sides[0], sides[1], ratio)
}

// number is v for people; what is not there is 0.
func number(v float64, digits int) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
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
