package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// pairsMost is how many key=value a command takes.
const pairsMost = 64

func (m *Main) clientCommand() *cli.Command {
	remove := toggleFlag("client", "remove", "take it away")
	return m.nounCommand("client", "add, list and change clients, their passwords and second factors", "porthouse client add alice --owner",
		verb{
			name: "add", usage: "add a client", args: "NAME [--owner] [--primary] [--admin] [--json]",
			examples: `   porthouse client add alice --owner
   porthouse client add sensor-7 --json

It has no way to prove who it is yet: porthouse client passwd gives it a
password, porthouse token add a token.`,
			takes: "a client", least: 1, values: clientFlags,
			flags: []cli.Flag{
				toggleFlag("client", "owner", "it may keep rooms and endpoints of its own"),
				toggleFlag("client", "primary", "it may make transient rooms"),
				toggleFlag("client", "admin", "the whole house is its"),
			},
			print: m.says("client %s added"),
		},
		verb{name: "list", usage: "list the clients", args: "[--json]",
			examples: "   porthouse client list --json | jq -r '.[].client'", print: m.printClients},
		verb{name: "show", usage: "show a client", args: "NAME [--json]",
			examples: "   porthouse client show alice", takes: "a client", least: 1, print: m.shows},
		verb{
			name: "set", usage: "change a client", args: "NAME key=value… [--json]",
			examples: `   porthouse client set alice owner=true primary=false
   porthouse client set alice direct=authenticated
   porthouse client set alice 'admits=["bob"]'

Keys: owner, primary, admin; direct (rooms, authenticated, nobody: who may send
to it); admits (who is let in at its address: a list of clients, authenticated,
anyone, or null for nobody). A value is JSON, or else a text as it stands.`,
			takes: "a client and key=value…", least: 2, most: pairsMost, values: m.pairs, print: m.shows,
		},
		verb{
			name: "passwd", usage: "give a client a password", args: "NAME [--remove] [--json]",
			examples: `Reads the password from the terminal, unseen, or one line of standard input.

   porthouse client passwd alice
   porthouse client passwd alice < password.txt
   porthouse client passwd alice --remove`,
			takes: "a client", least: 1, flags: []cli.Flag{remove}, values: m.password, print: m.printPassword,
		},
		verb{
			name: "totp", usage: "give a client a second factor (RFC 6238)", args: "NAME [--remove] [--json]",
			examples: `Shows the secret, this once, for an authenticator app.

   porthouse client totp alice
   porthouse client totp alice --json | jq -r .url | qrencode -t ansiutf8
   porthouse client totp alice --remove`,
			takes: "a client", least: 1, flags: []cli.Flag{remove}, values: removeFlag, print: m.shows,
		},
		verb{
			name: "remove", usage: "remove a client with its tokens, rooms and endpoints", args: "NAME [--json]",
			examples: `Its sockets are closed with 4401.

   porthouse client remove alice`,
			takes: "a client", least: 1, print: m.says("client %s removed"),
		},
	)
}

func clientFlags(c *cli.Context) (map[string]any, error) {
	values := make(map[string]any)
	for _, flag := range []string{"owner", "primary", "admin"} {
		if c.Bool(flag) {
			values[flag] = true
		}
	}
	return values, nil
}

func removeFlag(c *cli.Context) (map[string]any, error) {
	if !c.Bool("remove") {
		return nil, nil
	}
	return map[string]any{"remove": true}, nil
}

func (m *Main) password(c *cli.Context) (map[string]any, error) {
	if c.Bool("remove") {
		return map[string]any{"password": nil}, nil
	}
	password, err := m.readSecret("password for " + c.Args().First())
	return map[string]any{"password": password}, err
}

func (m *Main) printPassword(c *cli.Context, result json.RawMessage) error {
	if c.Bool("remove") {
		return m.says("client %s has no password any more")(c, result)
	}
	return m.says("client %s has a new password")(c, result)
}

func (m *Main) printClients(_ *cli.Context, result json.RawMessage) error {
	type row struct {
		Client                          string
		Owner, Primary, Admin, Password bool
		TOTP                            bool
		Tokens                          int
		Rooms                           []string
	}
	return printTable(m.Stdout, result, "no clients", "client\tmay\tpassword\ttotp\ttokens\trooms", func(r row) []string {
		var may []string
		for _, flag := range []struct {
			word string
			is   bool
		}{{"owner", r.Owner}, {"primary", r.Primary}, {"admin", r.Admin}} {
			if flag.is {
				may = append(may, flag.word)
			}
		}
		return []string{r.Client, orDash(strings.Join(may, ",")), yes(r.Password, "yes"), yes(r.TOTP, "yes"),
			fmt.Sprint(r.Tokens), orDash(strings.Join(r.Rooms, " "))}
	})
}
