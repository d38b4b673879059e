package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
)

func (m *Main) reloadCommand() *cli.Command {
	return &cli.Command{
		Name:      "reload",
		Usage:     "hand all sockets over to fresh puddles; nobody notices",
		UsageText: "porthouse reload [--slot N]",
		Description: `One puddle after the other is replaced by a fresh process, which takes over its
sockets as they are. SIGHUP to the house does the same. What goes wrong before
the old process has stopped is rolled back, and it serves on.

The exit status is 0 only if no socket was lost.`,
		Flags:  append(folderFlags(), &cli.IntFlag{Name: "slot", Usage: "only puddle `N`", Value: -1, DefaultText: "all"}),
		Action: func(c *cli.Context) error { return m.reload(c, ipc.AskReload{Slot: c.Int("slot")}) },
	}
}

func (m *Main) upgradeCommand() *cli.Command {
	return &cli.Command{
		Name:      "upgrade",
		Usage:     "put the binary that is on disk to work; nobody notices",
		UsageText: "porthouse upgrade",
		Description: `Copy the new binary over the old one (mv, not cp: a file that runs cannot be
written), then say upgrade: puddles are replaced as by reload, and then the
supervisor becomes the new binary in place, with its process id. SIGUSR2 to the
house does the same. If the new binary does not come up, the old one serves on.`,
		Flags:  folderFlags(),
		Action: func(c *cli.Context) error { return m.reload(c, ipc.AskReload{Slot: -1, Upgrade: true}) },
	}
}

// reload asks for a hand-over and shows each step.
func (m *Main) reload(c *cli.Context, ask ipc.AskReload) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	begun := time.Now()
	conn, _, err := m.call(c, ipc.Ask{Reload: &ask})
	if err != nil {
		return err
	}
	defer conn.Close()
	var sum struct {
		sockets, puddles int
		stall            time.Duration
		lost             []string
	}
	for {
		answer, err := hear(conn)
		if err != nil {
			return err
		}
		if answer.Done {
			if ask.Upgrade {
				if err := m.awaitUpgraded(c, conn); err != nil {
					return err
				}
			}
			break
		}
		p := answer.Progress
		if p == nil {
			return errors.New("the house answered something else")
		}
		if m.showStep(p); p.Step == "serve" {
			sum.puddles++
			sum.sockets += p.Sockets
			sum.stall = max(sum.stall, p.Stall)
			sum.lost = append(sum.lost, p.Lost...)
		}
	}
	fmt.Fprintf(m.Stdout, "%d sockets in %d puddles handed over in %s, longest stall %s, %d lost\n", sum.sockets, sum.puddles,
		time.Since(begun).Round(time.Millisecond), sum.stall.Round(10*time.Microsecond), len(sum.lost))
	for _, lost := range sum.lost {
		fmt.Fprintln(m.Stdout, "lost", lost)
	}
	if len(sum.lost) > 0 {
		return fmt.Errorf("%d sockets were lost", len(sum.lost))
	}
	return nil
}

// awaitUpgraded waits for the supervisor that was one binary to answer as
// another: conn is to the former.
func (m *Main) awaitUpgraded(c *cli.Context, conn *ipc.Conn) error {
	for {
		if _, err := hear(conn); err != nil {
			break // it has ended
		}
	}
	for deadline := time.Now().Add(upgradeTime); ; time.Sleep(10 * time.Millisecond) {
		again, _, err := m.call(c, ipc.Ask{Status: &ipc.AskStatus{}})
		if err == nil {
			_, err = hear(again)
			again.Close()
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the puddles are of the new binary; its supervisor does not answer: %w", err)
		}
	}
}

// upgradeTime is how long a supervisor may take to become another binary.
const upgradeTime = 10 * time.Second

// showStep is one line a step; on a terminal the line of a puddle grows.
func (m *Main) showStep(p *ipc.Progress) {
	terminal := isTerminal(m.Stdout)
	switch {
	case terminal && p.Step == "start":
		fmt.Fprintf(m.Stdout, "puddle %d: start", p.Slot)
	case terminal && p.Step == "fetch":
		fmt.Fprintf(m.Stdout, " → %d fetched", p.Sockets)
	case terminal:
		fmt.Fprintf(m.Stdout, " → served after %s\n", p.Stall.Round(10*time.Microsecond))
	case p.Step == "serve":
		fmt.Fprintf(m.Stdout, "puddle %d: %d sockets, stall %s, %d lost\n", p.Slot, p.Sockets, p.Stall.Round(10*time.Microsecond), len(p.Lost))
	}
}
