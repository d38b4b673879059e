package main

import (
	"encoding/json"
	"errors"

	"github.com/urfave/cli/v2"
)

func (m *Main) endpointCommand() *cli.Command {
	return m.nounCommand("endpoint", "add, list and remove addresses that lead to a room or a client", "porthouse endpoint add chat.example.com --room chat",
		verb{
			name: "add", usage: "have a host, or a name on it, lead somewhere", args: "HOST[/NAME] --room ROOM | --client CLIENT [--json]",
			examples: `   porthouse endpoint add chat.example.com --room chat
   porthouse endpoint add example.com/notes --room alice/notes
   porthouse endpoint add alice.example.net --client alice`,
			takes: "a host, or host/name", least: 1, values: endpointFlags, print: m.says("endpoint %s added"),
			flags: []cli.Flag{textFlag("room", "it leads to `ROOM`"), textFlag("client", "it leads to the endpoint of `CLIENT`")},
		},
		verb{name: "list", usage: "list the endpoints", args: "[--json]",
			examples: "   porthouse endpoint list", print: m.printEndpoints},
		verb{name: "remove", usage: "remove an endpoint", args: "HOST[/NAME] [--json]",
			examples: "   porthouse endpoint remove chat.example.com", takes: "a host, or host/name", least: 1,
			print: m.says("endpoint %s removed")},
	)
}

func endpointFlags(c *cli.Context) (map[string]any, error) {
	room, client := c.String("room"), c.String("client")
	if (room == "") == (client == "") {
		return nil, usage(errors.New("porthouse endpoint add: say where it leads, --room or --client, one of them"))
	}
	if room != "" {
		return map[string]any{"room": room}, nil
	}
	return map[string]any{"client": client}, nil
}

func (m *Main) printEndpoints(_ *cli.Context, result json.RawMessage) error {
	type row struct{ Endpoint, Room, Client string }
	return printTable(m.Stdout, result, "no endpoints", "endpoint\tleads to", func(r row) []string {
		if r.Room != "" {
			return []string{r.Endpoint, "room " + r.Room}
		}
		return []string{r.Endpoint, "client " + r.Client}
	})
}
