package main

import (
	"context"
	"fmt"
	"time"
)

// linger is how long is listened for doubled deliveries after the last one.
const linger = 100 * time.Millisecond

// A schedule is when things of a run happen.
type schedule struct {
	warmup   time.Duration // load before the measurement
	duration time.Duration // of the measurement
	settle   time.Duration // from the last 101 to the load, or to the memory at rest
	hold     time.Duration // idle: at rest
	noon     string        // idle: a shell command before that
	say      int           // idle: messages to one room, one at a time
	sayRoom  int
}

// A run is one plan carried out and measured.
type run struct {
	plan     plan
	server   server
	schedule schedule
	crowd    *crowd
	result   result
}

// carryOut runs the plan. The result holds what was measured until an error.
func (r *run) carryOut(ctx context.Context) error {
	r.result.describe(r.plan)
	if err := r.weigh(&r.result.Server.PssEmpty); err != nil {
		return err
	}
	var err error
	if r.crowd, err = newCrowd(ctx, r.plan); err != nil {
		return err
	}
	defer r.crowd.dismiss()
	switch r.plan.Mode {
	case modeHandshakes:
		err = r.load(ctx)
	case modeIdle:
		if err = r.rest(ctx); err == nil {
			err = r.sayOnce(ctx)
		}
	default:
		if err = r.rest(ctx); err == nil {
			err = r.load(ctx)
		}
	}
	if err != nil {
		return err
	}
	return r.reports(ctx)
}

// weigh reads the server's memory, in bytes.
func (r *run) weigh(pss *int64) error {
	if !r.server.given() {
		return nil
	}
	var err error
	*pss, r.result.Server.Processes, err = r.server.memory()
	return err
}

// rest opens all sockets and weighs the server.
func (r *run) rest(ctx context.Context) error {
	began := now()
	if err := r.crowd.tell(order{Do: "open"}); err != nil {
		return err
	}
	if _, err := r.crowd.await(ctx, "open"); err != nil {
		return fmt.Errorf("open %d sockets: %w", r.plan.sockets(), err)
	}
	opened := now()
	r.result.OpenSeconds = float64(opened-began) / 1e9
	if err := r.crowd.sleepUntil(ctx, opened+int64(r.schedule.settle)); err != nil {
		return err
	}
	if err := r.weigh(&r.result.Server.PssResting); err != nil {
		return err
	}
	r.result.weighSockets(r.plan.sockets())
	return r.noon(ctx)
}

// A reading is what the counters and clocks show at one time.
type reading struct {
	at      int64 // CLOCK_MONOTONIC ns
	totals  totals
	server  map[int]int64
	clients int64 // CPU, ns
}

func (r *run) read() (reading, error) {
	m := reading{clients: r.crowd.cpu()}
	if r.server.given() {
		var err error
		if m.server, err = r.server.cpu(); err != nil {
			return m, err
		}
	}
	m.totals, m.at = r.crowd.shared.totals(), now()
	return m, nil
}

// load runs handshakes or messages and measures them for the duration.
func (r *run) load(ctx context.Context) error {
	if r.plan.Mode == modeHandshakes {
		if err := r.crowd.tell(order{Do: "open"}); err != nil {
			return err
		}
	}
	start := now() + int64(20*time.Millisecond)
	begin := start + int64(r.schedule.warmup)
	end := begin + int64(r.schedule.duration)
	if err := r.crowd.tell(order{Do: "go", Start: start, Begin: begin, End: end, Room: everyRoom}); err != nil {
		return err
	}
	if err := r.crowd.sleepUntil(ctx, begin); err != nil {
		return err
	}
	before, err := r.read()
	if err != nil {
		return err
	}
	if err := r.sleepThrough(ctx, end); err != nil {
		return err
	}
	after, err := r.read()
	if err != nil {
		return err
	}
	r.result.account(before, after)
	return r.stop(ctx)
}

// sleepThrough waits for the measurement's end, or until as many handshakes
// are done as were asked for.
func (r *run) sleepThrough(ctx context.Context, end int64) error {
	most := uint64(r.plan.Handshakes)
	if most == 0 {
		return r.crowd.sleepUntil(ctx, end)
	}
	for at := now(); at < end && r.crowd.shared.totals().open < most; at = now() {
		if err := r.crowd.sleepUntil(ctx, min(at+int64(2*time.Millisecond), end)); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the load and waits for what is under way, unless it may be
// refused in the end.
func (r *run) stop(ctx context.Context) error {
	if err := r.crowd.tell(order{Do: "stop"}); err != nil {
		return err
	}
	if _, err := r.crowd.await(ctx, "stopped"); err != nil {
		return err
	}
	if r.plan.Refusals {
		return nil
	}
	return r.crowd.drain(ctx)
}

// sayOnce sends the schedule's messages to its room, one at a time.
func (r *run) sayOnce(ctx context.Context) error {
	if !r.heard() {
		return nil
	}
	start := now() + int64(20*time.Millisecond)
	o := order{Do: "go", Start: start, Begin: start, End: start + int64(time.Hour), Room: r.schedule.sayRoom, Limit: r.schedule.say}
	if err := r.crowd.tell(o); err != nil {
		return err
	}
	want := uint64(r.schedule.say)
	last, since := r.crowd.shared.totals(), time.Now()
	for last.messages < want || r.crowd.shared.owed() > 0 {
		if err := r.crowd.sleepUntil(ctx, now()+int64(5*time.Millisecond)); err != nil {
			return err
		}
		if t := r.crowd.shared.totals(); t != last {
			last, since = t, time.Now()
		}
		if time.Since(since) > patience {
			break // the reports name what is missing
		}
	}
	r.result.Messages, r.result.Deliveries = last.messages, r.crowd.shared.totals().deliveries
	return r.stop(ctx)
}

// reports collects what the client processes counted.
func (r *run) reports(ctx context.Context) error {
	if err := r.crowd.sleepUntil(ctx, now()+int64(linger)); err != nil {
		return err
	}
	if err := r.crowd.tell(order{Do: "report"}); err != nil {
		return err
	}
	words, err := r.crowd.await(ctx, "report")
	if err != nil {
		return err
	}
	r.result.sum(words)
	return r.result.check()
}
