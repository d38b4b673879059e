package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/schema"
)

// verb is one command of a noun whose things the house keeps.
type verb struct {
	name     string // client, token, room, endpoint and what is done
	usage    string
	args     string // as help shows them
	examples string
	flags    []cli.Flag
	takes    string // what its names are; "": none
	most     int    // names; 0: one, or none where takes is ""
	least    int    // names; where it is 0 and takes is said, the name may be left away

	values func(c *cli.Context) (map[string]any, error) // nil: none
	print  func(c *cli.Context, result json.RawMessage) error
}

// nounCommand is a noun with its verbs.
func (m *Main) nounCommand(noun, usage, example string, verbs ...verb) *cli.Command {
	command := &cli.Command{Name: noun, Usage: usage, Description: "   " + example}
	for _, v := range verbs {
		command.Subcommands = append(command.Subcommands, m.verbCommand(noun, v))
	}
	return command
}

func (m *Main) verbCommand(noun string, v verb) *cli.Command {
	return &cli.Command{
		Name:        v.name,
		Usage:       v.usage,
		UsageText:   fmt.Sprintf("porthouse %s %s %s", noun, v.name, v.args),
		Description: v.examples,
		Flags:       append(append(folderFlags(), jsonFlag()), v.flags...),
		Action: func(c *cli.Context) error {
			if err := takesNames(c, v.takes, v.least, max(v.most, v.least)); err != nil {
				return err
			}
			return m.doVerb(c, noun, v)
		},
	}
}

// doVerb has the house do what a command says, and shows the result.
func (m *Main) doVerb(c *cli.Context, noun string, v verb) error {
	op := schema.Operation{Noun: noun, Verb: v.name, Name: c.Args().First()}
	if v.values != nil {
		values, err := v.values(c)
		if err != nil {
			return err
		}
		if len(values) > 0 {
			op.Values = valuesOf(values)
		}
	}
	result, err := m.operate(c, op)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return m.printRaw(result)
	}
	return v.print(c, result)
}

// says prints a line of what was done to the name.
func (m *Main) says(format string) func(*cli.Context, json.RawMessage) error {
	return func(c *cli.Context, _ json.RawMessage) error {
		_, err := fmt.Fprintf(m.Stdout, format+"\n", c.Args().First())
		return err
	}
}

// shows prints the whole result.
func (m *Main) shows(_ *cli.Context, result json.RawMessage) error {
	return printObject(m.Stdout, result)
}

// toggleFlag is a flag of one noun's command that takes no value. Its variable
// names the noun, for up has flags of the same name.
func toggleFlag(noun, name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true, EnvVars: []string{environmentName(noun + "-" + name)}}
}

// pairs are the key=value behind the first name.
func (m *Main) pairs(c *cli.Context) (map[string]any, error) {
	return m.readPairs(c.Args().Tail())
}
