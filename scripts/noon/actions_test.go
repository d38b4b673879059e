package main

import (
	"slices"
	"testing"
)

func TestActionsAreRead(t *testing.T) {
	for text, want := range map[string][]action{
		"":                 nil,
		"reload":           {{kind: doReload}},
		"kill*3":           {{kind: doKill}, {kind: doKill}, {kind: doKill}},
		"scale:1-4":        {{doScale, 1}, {doScale, 4}},
		"scale:1-2*2":      {{doScale, 1}, {doScale, 2}, {doScale, 1}, {doScale, 2}},
		"upgrade, killall": {{kind: doUpgrade}, {kind: doKillAll}},
		"kill-adopting":    {{kind: doKillAdopting}},
	} {
		if got, err := parseActions(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestActionsThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"relaod", "kill*", "kill*0", "kill*x", "scale", "scale:", "scale:0", "scale:1-x", "reload:2", "kill*2*2"} {
		if got, err := parseActions(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
