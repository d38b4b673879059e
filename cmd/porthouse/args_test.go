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
		"client add alice --admin --primary":    "client add --admin --primary -- alice",
		"client --admin add alice":              "client add --admin -- alice",
		"up --admin off --primary host":         "up --admin off --primary host",
		"room set r password=- -- -x=1":         "room set -- r password=- -x=1",
		"send chat - --to a":                    "send --to a -- chat -",
		"--room a endpoint add h":               "endpoint add --room a -- h",
	} {
		got, err := arrange(NewMain().app(), strings.Fields(given))
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s → %s, %v; want %s", given, strings.Join(got, " "), err, want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for given, says := range map[string]string{
		"--admin client add alice": "different things",
		"client list --admin":      "client list has no flag --admin",
		"client set a b=c --owner": "client set has no flag --owner",
		"client --listen x add a":  "client has no flag --listen",
		"client add a --colour":    "unknown flag --colour",
	} {
		if got, err := arrange(NewMain().app(), strings.Fields(given)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s → %q, %v; want …%s", given, got, err, says)
		}
	}
}
