package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"
)

const (
	killPause    = 500 * time.Millisecond // a kill comes at a random moment within
	adoptingMost = 40 * time.Millisecond  // after a successor appeared, it is killed
)

// A deed is an action that was done, or failed.
type deed struct {
	Kind   string
	Name   string
	Begin  int64 // CLOCK_MONOTONIC ns
	Took   int64 // ns, until the command had ended
	Failed string
}

// A doer does actions to a house, while the window shows which.
type doer struct {
	house  *house
	window window
	random *rand.Rand
	pause  time.Duration // between actions, about
	tail   time.Duration // that still counts as of the action
	quiet  time.Duration // of the action that is none
	deeds  []deed
}

// do does one action; number is what the window shows meanwhile. The error is
// that the run cannot go on.
func (d *doer) do(ctx context.Context, number uint32, a action) error {
	act, err := d.prepare(ctx, a)
	if err != nil {
		return err
	}
	d.window.open(number)
	done := deed{Kind: a.kind, Name: a.String(), Begin: now()}
	if err := act(); err != nil {
		done.Failed = err.Error()
	}
	if a.kind != doQuiet {
		done.Took = now() - done.Begin
	}
	d.deeds = append(d.deeds, done)
	err = sleep(ctx, d.tail)
	d.window.close()
	return err
}

// prepare finds out what an action needs, before its window opens.
func (d *doer) prepare(ctx context.Context, a action) (act func() error, err error) {
	command := func(args ...string) func() error {
		return func() error { _, err := d.house.command(ctx, args...); return err }
	}
	switch a.kind {
	case doQuiet:
		return func() error { return sleep(ctx, d.quiet) }, nil
	case doReload:
		return command("reload"), nil
	case doUpgrade:
		return command("upgrade"), d.house.replaceBinary()
	case doScale:
		return command("scale", strconv.Itoa(a.puddles)), d.house.rescale(a.puddles)
	}
	s, err := d.house.serving(ctx)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, time.Duration(d.random.Int64N(int64(killPause)))); err != nil {
		return nil, err
	}
	victim := s.Puddles[d.random.IntN(len(s.Puddles))]
	switch a.kind {
	case doKill:
		return func() error { return kill(victim.PID) }, nil
	case doKillAdopting:
		return func() error { return d.killAdopting(ctx, s.PID, victim.PID, victim.Slot) }, nil
	default:
		return func() error { return d.killAll(ctx, s) }, nil
	}
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %d: %v", pid, err)
	}
	return nil
}

// killAdopting kills a puddle, and its successor within its first 40 ms.
func (d *doer) killAdopting(ctx context.Context, supervisor, pid, slot int) error {
	if err := kill(pid); err != nil {
		return err
	}
	for limit := time.Now().Add(readyTime); time.Now().Before(limit) && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		for _, p := range childrenOf(supervisor) {
			if p.pid != pid && p.is("puddle", slot) {
				time.Sleep(time.Duration(d.random.Int64N(int64(adoptingMost))))
				return kill(p.pid)
			}
		}
	}
	return fmt.Errorf("puddle %d had no successor within %v", slot, readyTime)
}

// killAll kills supervisor and puddles at once, and starts the house again.
func (d *doer) killAll(ctx context.Context, s *status) error {
	if d.house.folder == "" {
		return fmt.Errorf("killall is for a house of noon's own: it has to start it again")
	}
	kill(s.PID)
	for _, p := range s.Puddles {
		kill(p.PID)
	}
	for alive := true; alive && ctx.Err() == nil; time.Sleep(time.Millisecond) { // it has the folder's lock
		_, alive = parentOf(fmt.Sprintf("/proc/%d", s.PID))
	}
	return d.house.up(ctx)
}

// rescale remembers the number of puddles, for when the house starts again.
func (h *house) rescale(puddles int) error {
	h.puddles = puddles
	return nil
}

// doAll does the actions one after another, with pauses of random lengths.
func (d *doer) doAll(ctx context.Context, actions []action, tell func(deed)) error {
	for i, a := range actions {
		if err := d.do(ctx, uint32(i+1), a); err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
		tell(d.deeds[len(d.deeds)-1])
		if err := sleep(ctx, d.pause/2+time.Duration(d.random.Int64N(int64(d.pause)+1))); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, t time.Duration) error {
	select {
	case <-time.After(t):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
