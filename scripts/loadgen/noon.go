package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// At noon something is done to the server while the sockets rest, and those
// that it costs are counted.

// lose counts an open socket that the server ended. At noon it stays away;
// else it ends the run.
func (p *process) lose(s *socket, why error) {
	p.mine.lost.Add(1)
	if !p.plan.Noon {
		p.fail(why)
		return
	}
	if p.report.Loss == "" {
		p.report.Loss = why.Error()
	}
	closeSocket(s.fd)
	s.fd, s.state = -1, vacant
	s.generation++
}

// noon runs the schedule's command and listens for as long as it holds.
func (r *run) noon(ctx context.Context) error {
	if r.schedule.noon == "" {
		return r.crowd.sleepUntil(ctx, now()+int64(r.schedule.hold))
	}
	began := now()
	said, err := exec.CommandContext(ctx, "sh", "-c", r.schedule.noon).CombinedOutput()
	if err != nil {
		return fmt.Errorf("-noon %q: %w\n%s", r.schedule.noon, err, said)
	}
	r.result.NoonSeconds = float64(now()-began) / 1e9
	if err := r.crowd.sleepUntil(ctx, now()+int64(r.schedule.hold)); err != nil {
		return err
	}
	r.result.Lost = r.crowd.shared.totals().lost
	return nil
}

// heard tells whether messages are said afterwards: to a room that lost nobody.
func (r *run) heard() bool { return r.schedule.say > 0 && r.result.Lost == 0 }

// checkNoon says what at noon cannot be run.
func (c *command) checkNoon() error {
	if c.run.plan.Noon = c.run.schedule.noon != ""; !c.run.plan.Noon {
		return nil
	}
	if c.run.plan.Mode != modeIdle {
		return errors.New("-noon: it is for sockets that rest; give -mode idle")
	}
	if c.run.schedule.hold <= 0 {
		return errors.New("-noon: sockets are lost some time after; give -hold 5s or so to wait for it")
	}
	return nil
}
