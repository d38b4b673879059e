package main

import (
	"encoding/json"
	"strings"

	"github.com/urfave/cli/v2"
)

func (m *Main) roomCommand() *cli.Command {
	return m.nounCommand("room", "add, list and change persistent rooms", "porthouse room add chat --rules '{\"access\":\"authenticated\"}'",
		verb{
			name: "add", usage: "add a persistent room", args: "NAME [--owner CLIENT] [--rules FILE|JSON|-] [--json]",
			examples: `A transient room of that name is kept, with who is in it, under the new rules.

   porthouse room add chat
   porthouse room add alice/notes --rules '{"access":"owner"}'
   porthouse room add club --owner alice --rules club.json`,
			takes: "a room", least: 1, values: m.roomFlags, print: m.says("room %s added"),
			flags: []cli.Flag{
				textFlag("owner", "`CLIENT` that rules it; a room with a prefix is its client's"),
				textFlag("rules", "`FILE` with rules, or JSON, or - for standard input; others are the house's defaults"),
			},
		},
		verb{name: "list", usage: "list the persistent rooms", args: "[--json]",
			examples: "   porthouse room list --json | jq -r '.[].room'", print: m.printRooms},
		verb{name: "show", usage: "show a room and its rules", args: "NAME [--json]",
			examples: "   porthouse room show chat", takes: "a room", least: 1, print: m.shows},
		verb{
			name: "set", usage: "change a room's rules or owner", args: "NAME key=value… [--json]",
			examples: `   porthouse room set chat access=authenticated size=1024
   porthouse room set chat rate=20/s burst=null 'allow=["alice","bob"]'
   porthouse room set club password=-

A value is JSON, or else a text as it stands; null resets the key. password=-
reads the password from the terminal, unseen, or one line of standard input:
password=secret works too, and others on this machine can see it.`,
			takes: "a room and key=value…", least: 2, most: pairsMost, values: m.pairs, print: m.shows,
		},
		verb{
			name: "remove", usage: "remove a room, and the endpoints that lead to it", args: "NAME [--json]",
			examples: `Sockets that are in no other room are closed with 4410.

   porthouse room remove chat`,
			takes: "a room", least: 1, print: m.says("room %s removed"),
		},
	)
}

func (m *Main) roomFlags(c *cli.Context) (map[string]any, error) {
	values := make(map[string]any)
	if c.IsSet("owner") {
		values["owner"] = c.String("owner")
	}
	if c.IsSet("rules") {
		rules, err := m.rulesFlag(c, "rules")
		if err != nil {
			return nil, err
		}
		values["rules"] = rules
	}
	return values, nil
}

func (m *Main) printRooms(_ *cli.Context, result json.RawMessage) error {
	type row struct {
		Room  string
		Owner string
		Rules struct {
			Access   string
			Send     string
			Password any
			OTP      any
			Members  json.RawMessage
		}
	}
	return printTable(m.Stdout, result, "no persistent rooms", "room\towner\taccess\tsend\tasks\tmembers", func(r row) []string {
		var asks []string
		if r.Rules.Password == true {
			asks = append(asks, "password")
		}
		if r.Rules.OTP == true {
			asks = append(asks, "otp")
		}
		return []string{r.Room, orDash(r.Owner), r.Rules.Access, r.Rules.Send, orDash(strings.Join(asks, " ")), plain(r.Rules.Members)}
	})
}
