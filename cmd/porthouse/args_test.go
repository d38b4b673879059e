package main

import (
	"slices"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	for given, want := range map[string]string{
		"status":                                "status",
		"status --json":                         "status --json",
		"--json status":                         "status --json",
		"--data d status --json":                "status --data d --json",
		"--data=d status":                       "status --data=d",
		"-data d status":                        "status -data d",
		"sequence close ~a --json ~b":           "sequence close --json -- ~a ~b",
		"sequence close ~a ~b --data d":         "sequence close --data d -- ~a ~b",
		"--data d sequence --json close ~a":     "sequence close --data d --json -- ~a",
		"sequence close --json -- --data":       "sequence close --json -- --data",
		"sequence close status":                 "sequence close -- status",
		"sequence list --room -x":               "sequence list --room -x",
		"up --listen :1 --open --listen [::]:2": "up --listen :1 --open --listen [::]:2",
		"up --open=false":                       "up --open=false",
		"help":                                  "--help",
		"help up":                               "up --help",
		"sequence help":                         "sequence --help",
		"puddle 3":                              "puddle -- 3",
		"stop -":                                "stop -- -",
	} {
		got, err := arrange(NewMain().app(), strings.Fields(given))
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s → %s, %v; want %s", given, strings.Join(got, " "), err, want)
		}
	}
}
