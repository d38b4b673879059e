package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const (
	openPatience  = 2 * time.Minute // until all sockets are in their rooms
	warmUp        = time.Second     // of the talk, before it counts as quiet
	stormPerChild = 1500            // connections/s of one client process
)

// run is the whole test; kept is whether the house kept its promise.
func (c *command) run(ctx context.Context) (kept bool, err error) {
	h, err := c.open(ctx)
	if h != nil {
		defer func() { h.clear(c.keep) }()
	}
	if err != nil {
		return false, err
	}
	r := &result{Seed: c.Seed, Rooms: c.Sockets / c.Members, Sockets: c.Sockets, Fanout: c.Members - 1, Rate: c.Rate, Bytes: c.Bytes, Do: c.do}
	r.begin(h, c.keep)
	r.report = &report{}
	err = c.noon(ctx, h, r)
	if h.folder != "" {
		leaked, stop := h.stop(context.WithoutCancel(ctx))
		r.leaks(leaked, stop)
	}
	if err != nil {
		return false, err
	}
	r.sum()
	r.print()
	if c.json != "" {
		b, _ := json.MarshalIndent(r, "", "\t")
		err = os.WriteFile(c.json, append(b, '\n'), 0o644)
	}
	return r.kept(), err
}

// noon lets the crowd talk while the actions are done.
func (c *command) noon(ctx context.Context, h *house, r *result) error {
	w, page, err := newWindow()
	if err != nil {
		return err
	}
	c.House = h.address
	told := context.WithoutCancel(ctx) // an interrupt ends the actions, and what was counted is told
	crowd, err := startClients(told, shares(c.plan), page)
	if err != nil {
		return err
	}
	defer crowd.dismiss()
	if _, err := crowd.await(ctx, openPatience); err != nil {
		return fmt.Errorf("open %d sockets: %w", c.Sockets, err)
	}
	storm, err := startClients(told, c.stormPlans(), page)
	if err != nil {
		return err
	}
	defer storm.dismiss()
	crowd.tell(orderGo)
	storm.tell(orderGo)
	d := &doer{house: h, window: w, pause: c.pause, tail: c.tail, quiet: c.quiet, random: rand.New(rand.NewPCG(c.Seed, 1<<33))}
	sleep(ctx, warmUp)
	stopped := d.doAll(ctx, c.actions, r.tell)
	r.Deeds = d.deeds
	if stopped != nil {
		r.Stopped = stopped.Error()
	}
	whirled, err := storm.reports(told, 2*time.Duration(stormPatience))
	if err != nil {
		return fmt.Errorf("the storm: %w", err)
	}
	if r.report, err = crowd.reports(told, c.settle+10*time.Second); err == nil {
		r.report.Storm, r.StormCPU = whirled.Storm, whirled.CPU
	}
	return err
}

// stormPlans are those of the client processes of the storm, if there is one.
func (c *command) stormPlans() []plan {
	var plans []plan
	for left := c.storm; left > 0; left -= stormPerChild {
		p := c.plan
		p.Storm, p.Index, p.Rate = true, len(plans), min(left, stormPerChild)
		plans = append(plans, p)
	}
	return plans
}
