package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

func (m *Main) tokenCommand() *cli.Command {
	return m.nounCommand("token", "add, list and revoke tokens, by which clients prove who they are", "porthouse token add alice --expires 30d",
		verb{
			name: "add", usage: "add a token, which is shown this once", args: "CLIENT [--expires TIME] [--rooms LIST] [--json]",
			examples: `Standard output has the token and nothing else.

   porthouse token add alice --expires 30d > alice.token
   porthouse token add sensor-7 --rooms feed=send,alerts=hear
   porthouse token add bob --rooms 'lab.*,chat' --json`,
			takes: "a client", least: 1, values: tokenFlags, print: m.printNewToken,
			flags: []cli.Flag{
				textFlag("expires", "`TIME` that it lasts, such as 720h or 30d; for ever where it is not said"),
				textFlag("rooms", "`LIST` of rooms that it is limited to: names, with * at the end for all that begin so, and =hear or =send; or JSON"),
			},
		},
		verb{name: "list", usage: "list the tokens, of all clients or of one", args: "[CLIENT] [--json]",
			examples: "   porthouse token list alice", takes: "at most one client", most: 1, print: m.printTokens},
		verb{
			name: "revoke", usage: "revoke a token", args: "ID [--json]",
			examples: `Sockets that came by it are closed with 4401.

   porthouse token revoke 4f1c0b9d8a7e6f52`,
			takes: "a token's id, as porthouse token list shows it", least: 1, print: m.says("token %s revoked"),
		},
	)
}

func tokenFlags(c *cli.Context) (map[string]any, error) {
	values := make(map[string]any)
	if c.IsSet("expires") {
		values["expires"] = c.String("expires")
	}
	if c.IsSet("rooms") {
		rooms, err := roomsJSON(c.String("rooms"))
		if err != nil {
			return nil, usage(fmt.Errorf("--rooms: %w", err))
		}
		values["rooms"] = rooms
	}
	return values, nil
}

// roomsJSON is a list of rooms as a token's "rooms": JSON as it stands, or
// a,b=hear,c=send in that order.
func roomsJSON(text string) (json.RawMessage, error) {
	if text = strings.TrimSpace(text); strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("%q is no JSON", text)
		}
		return json.RawMessage(text), nil
	}
	var rooms [][]byte
	for entry := range strings.SplitSeq(text, ",") {
		name, may, said := strings.Cut(strings.TrimSpace(entry), "=")
		if !said {
			may = "all"
		}
		if name == "" {
			return nil, fmt.Errorf("a name is empty in %q", text)
		}
		key, _ := json.Marshal(name) // strings always marshal
		value, _ := json.Marshal(may)
		rooms = append(rooms, append(append(key, ':'), value...))
	}
	return append(append([]byte{'{'}, bytes.Join(rooms, []byte{','})...), '}'), nil
}

func (m *Main) printNewToken(_ *cli.Context, result json.RawMessage) error {
	var token struct {
		ID, Client, Token string
		Expires           *time.Time
	}
	if err := json.Unmarshal(result, &token); err != nil {
		return fmt.Errorf("the house's answer: %w", err)
	}
	fmt.Fprintf(m.Stderr, "token %s of %s, expires %s; it is not shown again\n", token.ID, token.Client, expiry(token.Expires))
	_, err := fmt.Fprintln(m.Stdout, token.Token)
	return err
}

func expiry(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.Local().Format(time.DateTime)
}

func (m *Main) printTokens(_ *cli.Context, result json.RawMessage) error {
	type row struct {
		ID, Client string
		Expires    *time.Time
		Rooms      json.RawMessage
	}
	return printTable(m.Stdout, result, "no tokens", "id\tclient\texpires\trooms", func(r row) []string {
		rooms := "all"
		if string(r.Rooms) != "null" {
			rooms = plain(r.Rooms)
		}
		return []string{r.ID, r.Client, expiry(r.Expires), rooms}
	})
}
