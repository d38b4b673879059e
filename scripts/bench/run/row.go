package main

import (
	"fmt"
	"slices"
)

// row is one figure of a scenario's sides.
type row struct {
	Scenario string   `json:"scenario"`
	Figure   string   `json:"figure"`
	Sides    []column `json:"sides"`
	Ratio    float64  `json:"ratio,omitempty"` // of the first side to the second

	counts bool
}

// column is one side's: the median, and all rounds behind it.
type column struct {
	Name   string    `json:"name"`
	Median float64   `json:"median"`
	Rounds []float64 `json:"rounds"`
	Ratio  float64   `json:"ratio,omitempty"` // of the first side to this one
}

// rowsOf are a scenario's figures, of each side's loads.
func rowsOf(s scenario, loads [][]load) []row {
	var rows []row
	for _, f := range s.figures {
		r := row{Scenario: s.name, Figure: f.name, counts: f.counts}
		for i, side := range s.sides {
			c := column{Name: side.name}
			c.Rounds, c.Median = median(loads[i], f)
			if i > 0 && c.Median != 0 {
				c.Ratio = r.Sides[0].Median / c.Median
			}
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
type table struct{ head []string }

// print prints a row; of more than two sides, each has its ratio beside it.
func (t *table) print(r row) {
	var names, medians []string
	many := len(r.Sides) > 2
	for _, c := range r.Sides {
		text := number(c.Median, 2)
		if r.counts {
			text = fmt.Sprintf("%.0f", c.Median)
		}
		if many && c.Ratio != 0 {
			text += fmt.Sprintf(" (%s)", number(c.Ratio, 3))
		}
		names, medians = append(names, c.Name), append(medians, text)
	}
	for len(names) < 2 {
		names, medians = append(names, ""), append(medians, "-")
	}
	last, ratio := "ratio", number(r.Ratio, 3)
	if many {
		last, ratio = "(ratio of "+names[0]+" to it)", ""
	}
	if !slices.Equal(names, t.head) {
		t.head = names
		printLine("scenario", "figure", names, last)
	}
	printLine(r.Scenario, r.Figure, medians, ratio)
}

func printLine(scenario, figure string, sides []string, last string) {
	fmt.Printf("%-18s %-32s", scenario, figure)
	width := 14
	if len(sides) > 2 {
		width = 20
	}
	for _, s := range sides {
		fmt.Printf(" %*s", width, s)
	}
	fmt.Printf(" %8s\n", last)
}

// number is v for people; what is not there is 0.
func number(v float64, digits int) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}
