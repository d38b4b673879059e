package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/supervisor"
)

const watchEvery = time.Second

func (m *Main) statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show the puddles of the house that is up, and totals",
		UsageText: "porthouse status [--json] [--watch]",
		Description: `   porthouse status
   porthouse status --json | jq .sequences`,
		Flags: append(folderFlags(), jsonFlag(),
			&cli.BoolFlag{Name: "watch", Usage: "again every second, until interrupted", DisableDefaultText: true, EnvVars: []string{environmentName("watch")}}),
		Action: m.status,
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "as JSON", DisableDefaultText: true, EnvVars: []string{environmentName("json")}}
}

// textFlag is a flag of one command, with a value.
func textFlag(name, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Usage: usage, EnvVars: []string{environmentName(name)}}
}

func (m *Main) status(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	if !c.Bool("watch") {
		return m.showStatus(c)
	}
	ctx, cancel := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	for {
		if isTerminal(m.Stdout) && !c.Bool("json") {
			io.WriteString(m.Stdout, "\x1b[H\x1b[2J") // home, clear
		}
		if err := m.showStatus(c); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

func (m *Main) showStatus(c *cli.Context) error {
	answer, err := m.askOnce(c, ipc.Ask{Status: &ipc.AskStatus{}})
	if err != nil {
		return err
	}
	if answer.Status == nil {
		return errors.New("the house answered something else")
	}
	if c.Bool("json") {
		return m.printJSON(answer.Status)
	}
	return printStatus(m.Stdout, answer.Status)
}

func (m *Main) printJSON(value any) error {
	return json.NewEncoder(m.Stdout).Encode(value)
}

func printStatus(w io.Writer, s *ipc.Status) error {
	admin := s.Admin
	if admin == "" {
		admin = supervisor.AdminOff
	}
	fmt.Fprintf(w, "%s for %s, process %d, version %s\nlisten  %s\nadmin   %s\ndata    %s\n\n",
		s.State, seconds(s.Uptime), s.PID, s.Version, strings.Join(s.Listen, " "), admin, s.Data)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "puddle\tpid\tgeneration\tstate\tfor\tsequences\trooms\treceived\tdeliveries\toutbox\t")
	for _, p := range s.Puddles {
		pid := "-"
		if p.PID != 0 {
			pid = fmt.Sprint(p.PID)
		}
		fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t\n", p.Slot, pid, p.Generation, p.State, seconds(p.Since),
			p.Sequences, p.Rooms, p.Received, p.Deliveries, supervisor.Bytes(p.OutboxBytes))
	}
	fmt.Fprintf(t, "all\t\t\t\t\t%d\t%d\t%d\t%d\t%s\t\n", s.Sequences, s.Rooms, s.Received, s.Deliveries, supervisor.Bytes(s.OutboxBytes))
	if err := t.Flush(); err != nil {
		return err
	}
	if s.RegistryLag >= 1 {
		fmt.Fprintf(w, "\nthe registry is %s behind: see the log\n", seconds(s.RegistryLag))
	}
	return nil
}

// seconds shows a time as a person would say it.
func seconds(n float64) string {
	d := time.Duration(n * float64(time.Second))
	switch {
	case d < time.Minute:
		return d.Truncate(100 * time.Millisecond).String()
	case d < 24*time.Hour:
		return d.Truncate(time.Second).String()
	}
	return fmt.Sprintf("%dd%s", d/(24*time.Hour), (d % (24 * time.Hour)).Truncate(time.Minute))
}
