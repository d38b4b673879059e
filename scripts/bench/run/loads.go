package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A load beside another begins so long before it, and lasts so much longer
// than what is measured of the other: until that is done.
const (
	besideLead = time.Second
	besideMore = 4 * time.Second
)

// loads does a side's work with a server that is up: what comes before, then
// what is measured, with what goes on beside it.
func (b *bench) loads(ctx context.Context, common []string, s side) (load, error) {
	if s.before != nil {
		if _, err := b.loadgen(ctx, slices.Concat(common, s.before), b.duration); err != nil {
			return load{}, err
		}
	}
	measured := slices.Concat(common, []string{"-duration", b.duration.String()}, s.flags)
	if s.beside == nil {
		return b.loadgen(ctx, measured, b.duration)
	}
	lasts := b.duration + besideMore
	beside, err := b.startLoadgen(ctx, slices.Concat(common, s.beside, []string{"-duration", lasts.String()}), lasts)
	if err != nil {
		return load{}, err
	}
	defer beside.stop()
	time.Sleep(besideLead)
	result, err := b.loadgen(ctx, measured, b.duration)
	if err != nil {
		return load{}, err
	}
	meanwhile, err := beside.result()
	result.beside = &meanwhile
	return result, err
}

// loadgenMost is how long a load may take beside its duration.
const loadgenMost = time.Minute

// generator is a load generator at work.
type generator struct {
	command   *exec.Cmd
	out, said bytes.Buffer
	stop      context.CancelFunc
}

// startLoadgen starts the load generator, for a load of a duration. stop must
// follow.
func (b *bench) startLoadgen(ctx context.Context, flags []string, duration time.Duration) (*generator, error) {
	ctx, stop := context.WithTimeout(ctx, duration+loadgenMost)
	g := &generator{command: exec.CommandContext(ctx, b.path("loadgen"), flags...), stop: stop}
	g.command.Dir = b.built // flags name files in it
	g.command.Stdout, g.command.Stderr = &g.out, &g.said
	g.command.Cancel = func() error { return g.command.Process.Signal(syscall.SIGTERM) }
	g.command.WaitDelay = endMost
	g.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setsid: true}
	if err := b.start(g.command, clientCPU); err != nil {
		stop()
		return nil, err
	}
	return g, nil
}

// result waits for the load generator's end and reads what it says.
func (g *generator) result() (result load, err error) {
	if err := g.command.Wait(); err != nil {
		return result, fmt.Errorf("%s: %w\n%s", strings.Join(g.command.Args, " "), err, g.said.Bytes())
	}
	if err := json.Unmarshal(g.out.Bytes(), &result); err != nil {
		return result, fmt.Errorf("the load generator said %q: %w", g.out.Bytes(), err)
	}
	return result, nil
}

// loadgen runs the load generator to its end.
func (b *bench) loadgen(ctx context.Context, flags []string, duration time.Duration) (load, error) {
	g, err := b.startLoadgen(ctx, flags, duration)
	if err != nil {
		return load{}, err
	}
	defer g.stop()
	return g.result()
}
