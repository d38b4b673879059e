package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

func (m *Main) sequenceCommand() *cli.Command {
	return &cli.Command{
		Name:        "sequence",
		Usage:       "list, close and move the sockets of the house that is up",
		Description: "   porthouse sequence list --room chat",
		Subcommands: []*cli.Command{
			{
				Name:      "list",
				Usage:     "list sequences: one a socket",
				UsageText: "porthouse sequence list [--room ROOM] [--client CLIENT] [--json]",
				Description: `   porthouse sequence list --room chat
   porthouse sequence list --client alice
   porthouse sequence list --json | jq -r '.[].address'`,
				Flags: append(folderFlags(), jsonFlag(),
					textFlag("room", "only those in `ROOM`"), textFlag("client", "only those of `CLIENT`")),
				Action: m.listSequences,
			},
			{
				Name:        "close",
				Usage:       "close sequences, with 4409",
				UsageText:   "porthouse sequence close ID… | --client CLIENT [--json]",
				Description: "   porthouse sequence close ~0h3k9v2m4x7qd\n   porthouse sequence close --client alice",
				Flags:       append(folderFlags(), jsonFlag(), textFlag("client", "all of `CLIENT`")),
				Action:      m.closeSequences,
			},
			{
				Name:      "move",
				Usage:     "have a sequence served by another puddle; its client notices nothing",
				UsageText: "porthouse sequence move ID --slot N",
				Description: `A socket that is in the middle of something (an entry, a command) stays, and the
command says so. A sibling goes with the socket that it commands: name that one.

   porthouse sequence move ~0h3k9v2m4x7qd --slot 1`,
				Flags:  append(folderFlags(), &cli.IntFlag{Name: "slot", Usage: "the puddle `N` that is to serve it", Value: -1, DefaultText: "none"}),
				Action: m.moveSequence,
			},
		},
	}
}

func (m *Main) listSequences(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	room := c.String("room")
	if refusal := schema.CheckRoom(room); room != "" && refusal != nil {
		return usage(fmt.Errorf("--room: %s", refusal.Message))
	}
	conn, _, err := m.call(c, ipc.Ask{Sequences: &ipc.AskSequences{Room: room, Client: c.String("client")}})
	if err != nil {
		return err
	}
	defer conn.Close()
	all := []ipc.Sequence{}
	for {
		answer, err := hear(conn)
		if err != nil {
			return err
		}
		all = append(all, answer.Sequences...)
		if answer.Done {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b ipc.Sequence) int { return a.Since.Compare(b.Since) })
	if c.Bool("json") {
		return m.printJSON(all)
	}
	return printSequences(m.Stdout, all)
}

func printSequences(w io.Writer, all []ipc.Sequence) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no sequences")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "sequence\tpuddle\tclient\tstate\trooms\taddress\tsince")
	for _, q := range all {
		client := "-"
		if q.Client != nil {
			client = *q.Client
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", q.ID, q.Slot, client, q.State,
			strings.Join(q.Rooms, " "), q.Address, q.Since.Local().Format(time.DateTime))
	}
	return t.Flush()
}

func (m *Main) closeSequences(c *cli.Context) error {
	client, least := c.String("client"), 1
	if client != "" {
		least = 0
	}
	if err := takesNames(c, "one sequence or more, as porthouse sequence list shows them, or --client", least, c.NArg()); err != nil {
		return err
	}
	var ids []schema.SequenceID
	for _, text := range c.Args().Slice() {
		id, err := schema.ParseSequenceID(text)
		if err != nil {
			return usage(err)
		}
		ids = append(ids, id)
	}
	answer, err := m.askOnce(c, ipc.Ask{Close: &ipc.AskClose{Sequences: ids, Client: client}})
	if err != nil {
		return err
	}
	if answer.Closed == nil {
		return errors.New("the house answered something else")
	}
	if c.Bool("json") {
		err = m.printJSON(answer.Closed)
	} else {
		for _, id := range answer.Closed.Closed {
			fmt.Fprintf(m.Stdout, "%s closed\n", id)
		}
		if len(answer.Closed.Closed)+len(answer.Closed.Missing) == 0 {
			fmt.Fprintln(m.Stdout, "no sequences")
		}
	}
	if missing := answer.Closed.Missing; len(missing) > 0 {
		return fmt.Errorf("no such sequence: %s", joinIDs(missing))
	}
	return err
}

func (m *Main) moveSequence(c *cli.Context) error {
	if err := takesNames(c, "one sequence, as porthouse sequence list shows it", 1, 1); err != nil {
		return err
	}
	if c.Int("slot") < 0 {
		return usage(errors.New("--slot N is missing: porthouse status lists the puddles"))
	}
	id, err := schema.ParseSequenceID(c.Args().First())
	if err != nil {
		return usage(err)
	}
	if _, err := m.askOnce(c, ipc.Ask{Move: &ipc.AskMove{Sequence: id, Slot: c.Int("slot")}}); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s moved to puddle %d\n", id, c.Int("slot"))
	return nil
}

func joinIDs(ids []schema.SequenceID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return strings.Join(texts, ", ")
}
