package main

import (
	"fmt"
	"strconv"
	"strings"
)

// An action is one thing done to the house.
type action struct {
	kind    string
	puddles int // scale
}

func (a action) String() string {
	if a.kind == doScale {
		return fmt.Sprintf("%s %d", a.kind, a.puddles)
	}
	return a.kind
}

// Kinds of actions.
const (
	doQuiet        = "quiet" // nothing
	doReload       = "reload"
	doUpgrade      = "upgrade"
	doScale        = "scale"
	doKill         = "kill"          // of a puddle
	doKillAdopting = "kill-adopting" // of a puddle, and of its successor as it begins
	doKillAll      = "killall"       // of supervisor and puddles
)

// parseActions reads what to do: "reload*20,scale:1-4-2,kill*100".
func parseActions(text string) ([]action, error) {
	var all []action
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		head, times, counted := strings.Cut(item, "*")
		n := 1
		if counted {
			var err error
			if n, err = strconv.Atoi(times); err != nil || n < 1 || n > 1_000_000 {
				return nil, fmt.Errorf("%q: how often? Give a number such as kill*10", item)
			}
		}
		once, err := parseAction(head)
		if err != nil {
			return nil, err
		}
		for range n {
			all = append(all, once...)
		}
	}
	return all, nil
}

func parseAction(text string) ([]action, error) {
	kind, argument, has := strings.Cut(text, ":")
	switch {
	case kind == doScale && has:
		return parseScale(text, argument)
	case kind == doScale:
		return nil, fmt.Errorf("%q: to how many puddles? Give scale:1-4-2", text)
	case has:
		return nil, fmt.Errorf("%q: %s takes no argument", text, kind)
	}
	for _, known := range []string{doQuiet, doReload, doUpgrade, doKill, doKillAdopting, doKillAll} {
		if kind == known {
			return []action{{kind: kind}}, nil
		}
	}
	return nil, fmt.Errorf("%q is none of quiet, reload, upgrade, scale:N-N-…, kill, kill-adopting and killall", text)
}

func parseScale(text, argument string) ([]action, error) {
	var steps []action
	for number := range strings.SplitSeq(argument, "-") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 64 {
			return nil, fmt.Errorf("%q: %q is no number of puddles, 1 to 64", text, number)
		}
		steps = append(steps, action{doScale, n})
	}
	return steps, nil
}
