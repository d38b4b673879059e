package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts arguments in the order that the library reads: command, flags,
// names. By itself it takes nothing for a flag that stands after a name. What
// it does not know it refuses, in one line.
func arrange(app *cli.App, args []string) ([]string, error) {
	a := arrangement{name: app.Name, commands: app.Commands, app: app}
	if err := a.read(args); err != nil {
		return nil, usage(err)
	}
	return a.ordered()
}

// arrangement is a command line, sorted.
type arrangement struct {
	name     string         // of the command so far, with its parents
	commands []*cli.Command // that may come next
	app      *cli.App

	path     []string
	command  *cli.Command // nil: none named yet
	flags    []argument
	names    []string
	help     bool
	literals bool // "--" was passed: no flags any more
}

// argument is a flag as it was written, and its value where it takes one.
type argument struct {
	name  string
	words []string
}

func (a *arrangement) read(args []string) error {
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case a.literals || word == "-" || !strings.HasPrefix(word, "-"):
			if err := a.word(word); err != nil {
				return err
			}
		case word == "--":
			a.literals = true
		default:
			taken, err := a.flag(args[i:])
			if err != nil {
				return err
			}
			i += taken - 1
		}
	}
	return nil
}

// word takes a command or a name.
func (a *arrangement) word(word string) error {
	if len(a.names) == 0 && !a.literals && len(a.commands) > 0 {
		if word == "help" {
			a.help = true
			return nil
		}
		next := slices.IndexFunc(a.commands, func(c *cli.Command) bool { return c.HasName(word) })
		if next < 0 {
			return fmt.Errorf("%s has no command %q: it has %s", a.name, word, a.visible())
		}
		a.command = a.commands[next]
		a.path = append(a.path, word)
		a.name += " " + word
		a.commands = a.command.Subcommands
		return nil
	}
	a.names = append(a.names, word)
	return nil
}

func (a *arrangement) visible() string {
	var all []string
	for _, c := range a.commands {
		if !c.Hidden {
			all = append(all, c.Name)
		}
	}
	return strings.Join(all, ", ")
}

// flag takes a flag and, where it needs one, the word behind it as its value.
func (a *arrangement) flag(args []string) (taken int, err error) {
	name, _, joined := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	if name == "help" || name == "h" {
		a.help = true
		return 1, nil
	}
	takesValue, err := a.takesValue(name)
	if err != nil {
		return 0, err
	}
	taken = 1
	if takesValue && !joined {
		if taken = 2; len(args) < 2 {
			return 0, fmt.Errorf("--%s needs a value; see %s --help", name, a.name)
		}
	}
	a.flags = append(a.flags, argument{name, args[:taken]})
	return taken, nil
}

// ordered is the whole in the order that the library reads.
func (a *arrangement) ordered() ([]string, error) {
	ordered := slices.Clone(a.path)
	if a.help {
		return append(ordered, "--help"), nil
	}
	if a.command != nil && len(a.commands) > 0 {
		return nil, usage(fmt.Errorf("%s needs a command: %s", a.name, a.visible()))
	}
	for _, f := range a.flags {
		if a.command == nil || !takesFlag(a.command, f.name) {
			return nil, usage(fmt.Errorf("%s has no flag --%s; see %s --help", a.name, f.name, a.name))
		}
		ordered = append(ordered, f.words...)
	}
	if len(a.names) > 0 {
		ordered = append(append(ordered, "--"), a.names...)
	}
	return ordered, nil
}

func takesFlag(command *cli.Command, name string) bool {
	return slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// takesValue tells whether a flag takes the word behind it: as the command has
// it, or where the command is still to come, as those have it that may come.
func (a *arrangement) takesValue(name string) (bool, error) {
	reach := a.commands
	if a.command != nil && len(a.commands) == 0 {
		reach = []*cli.Command{a.command}
	}
	meant := flagsNamed(name, reach)
	switch {
	case len(meant) > 0:
	case len(flagsNamed(name, a.app.Commands)) > 0:
		return false, fmt.Errorf("%s has no flag --%s; see %s --help", a.name, name, a.name)
	default:
		return false, fmt.Errorf("unknown flag --%s; see %s --help", name, a.name)
	}
	for _, f := range meant[1:] {
		if f.TakesValue() != meant[0].TakesValue() {
			return false, fmt.Errorf("--%s means different things to different commands: write it behind the command", name)
		}
	}
	return meant[0].TakesValue(), nil
}

// flagsNamed are the flags of a name that commands and those below them have.
func flagsNamed(name string, commands []*cli.Command) (all []cli.DocGenerationFlag) {
	for _, command := range commands {
		for _, f := range command.Flags {
			if slices.Contains(f.Names(), name) {
				all = append(all, f.(cli.DocGenerationFlag))
			}
		}
		all = append(all, flagsNamed(name, command.Subcommands)...)
	}
	return all
}
