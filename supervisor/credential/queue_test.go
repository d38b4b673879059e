package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueue(t *testing.T) {
	alike := func(string) int { return 0 }
	for name, test := range map[string]struct {
		pushed string // addresses; in capitals: refused
		rank   func(string) int
		popped string
	}{
		"in order":                  {"aaa", alike, "aaa"},
		"addresses in turn":         {"aaabbc", alike, "abcaba"},
		"share":                     {"aaaaAAb", alike, "abaaa"},
		"the longest makes room":    {"aaaabbbbc", alike, "abcababb"},
		"three lines make room":     {"aaabbbccd", alike, "abcdabcb"},
		"the lowest rank first":     {"aabbc", func(from string) int { return -int(from[0]) }, "cbbaa"},
		"alone in a full queue":     {"abcdefghI", alike, "abcdefgh"},
		"a longer one makes no way": {"aabcdefgA", alike, "abcdefga"},
	} {
		q := queue{most: 8, share: 4}
		for _, from := range test.pushed {
			_, _, err := q.push(strings.ToLower(string(from)))
			if refused := from < 'a'; refused != (err != nil) {
				t.Errorf("%s: push %c: %v", name, from, err)
			}
		}
		var popped strings.Builder
		for w := q.pop(test.rank); w != nil; w = q.pop(test.rank) {
			popped.WriteString(w.from)
		}
		if popped.String() != test.popped || q.length != 0 || len(q.lines) != 0 {
			t.Errorf("%s: popped %q, want %q; %d left", name, popped.String(), test.popped, q.length)
		}
	}
}

func TestPoolBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, 4)
		if err := p.enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		told := make(chan error, 8)
		ctx, stop := context.WithCancel(t.Context())
		wait := func(from string) {
			go func() { told <- p.enter(ctx, from) }()
			synctest.Wait()
		}
		wait("a")
		if err := p.enter(ctx, "a"); !errors.Is(err, errCrowded) {
			t.Errorf("beyond a quarter: %v", err)
		}
		wait("b")
		wait("c")
		wait("d")
		if err := p.enter(ctx, "e"); !errors.Is(err, errFull) {
			t.Errorf("beyond all: %v", err)
		}
		p.leave()
		if err := <-told; err != nil {
			t.Errorf("the first of them: %v", err)
		}
		p.resize(2, 4)
		if err := <-told; err != nil {
			t.Errorf("with one worker more: %v", err)
		}
		stop()
		for range 2 {
			if err := <-told; !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
		}
		p.leave()
		p.leave()
		if p.busy != 0 || p.waiting.length != 0 {
			t.Errorf("%d busy, %d waiting", p.busy, p.waiting.length)
		}
	})
}

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(func(string) int { return 0 })
		for i, want := range []string{"0s", "0s", "250ms", "500ms", "1s", "2s", "4s", "5s", "5s"} {
			began := time.Now()
			if err := turns.take(t.Context(), "alice", here); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(began).String(); waited != want {
				t.Errorf("try %d waited %s, want %s", i, waited, want)
			}
			turns.done("alice", wrong)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := turns.take(ctx, "alice", here); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up: %v", err)
		}
		time.Sleep(turnsForgotten)
		for range 2 {
			began := time.Now()
			if err := turns.take(t.Context(), "alice", here); err != nil || time.Since(began) > 0 {
				t.Errorf("long after: %v, %s", err, time.Since(began))
			}
			turns.done("alice", right)
		}
		if len(turns.names) != 0 {
			t.Errorf("after a right one %d names are kept", len(turns.names))
		}
	})
}

func TestTablesAreBounded(t *testing.T) {
	tries := newAddresses()
	for i := range addressMost + 10 {
		tries.wrong(fmt.Sprint(i))
	}
	turns := newTurns(tries.count)
	for i := range turnsMost + 10 {
		name := fmt.Sprint(i)
		if err := turns.take(t.Context(), name, here); err != nil {
			t.Fatal(err)
		}
		turns.done(name, wrong)
	}
	pairs := newPairs()
	for i := range pairsMost + 10 {
		pairs.add(pairs.ofRoom("r", "h", fmt.Sprint(i)), "")
	}
	if len(tries.tries) != addressMost || len(turns.names) != turnsMost || len(pairs.known) != pairsMost {
		t.Errorf("%d addresses, %d names, %d pairs", len(tries.tries), len(turns.names), len(pairs.known))
	}
}

func TestOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1",
		"::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3::": "2001:db8:1:2::/64",
		"fe80::1%eth0":     "fe80::/64",
		"::1":              "::/64",
		"":                 "unknown",
		"somewhere":        "unknown",
	} {
		if got := origin(address); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

// Who came last from the address with the most is told that it waits no more.
func TestPoolDisplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, 8)
		ctx, stop := context.WithCancel(t.Context())
		if err := p.enter(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		told := make(chan error, 9)
		for _, from := range "aabbccdde" {
			go func() { told <- p.enter(ctx, string(from)) }()
			synctest.Wait()
		}
		if len(told) != 1 || !errors.Is(<-told, errCrowded) {
			t.Error("nobody made room")
		}
		stop()
		for range 8 {
			if err := <-told; !errors.Is(err, context.Canceled) {
				t.Errorf("one of those who wait: %v", err)
			}
		}
	})
}

// Who gives up in the moment in which its turn comes passes it on.
func TestGivenUpWhenGranted(t *testing.T) {
	p := newPool(1, 4)
	p.busy = 1
	w, _, err := p.waiting.push("a")
	if err != nil {
		t.Fatal(err)
	}
	p.leave()
	p.giveUp(w)
	if p.busy != 0 {
		t.Errorf("%d workers are busy for nobody", p.busy)
	}
	turns := newTurns(func(string) int { return 0 })
	if err := turns.take(t.Context(), "alice", here); err != nil {
		t.Fatal(err)
	}
	n := turns.names["alice"]
	if w, err = turns.push(n, here); err != nil {
		t.Fatal(err)
	}
	turns.done("alice", wrong)
	turns.giveUp(n, w)
	if n.busy || turns.waiting != 0 || len(turns.held) != 0 {
		t.Errorf("busy %v for nobody, %d waiting", n.busy, turns.waiting)
	}
}
