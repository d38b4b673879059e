// Porthouse: WebSocket rooms on one port, served by as many processes as the
// machine has cores, operated from one command. `porthouse help` lists what
// it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(NewMain().Run(context.Background(), os.Args[1:]))
}

// How the command ends.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitNoHouse = 3
)

// Main is the command as a value, so that a test can run it in its own
// process.
type Main struct {
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	LookupEnv func(name string) (value string, set bool)
	Signals   <-chan os.Signal // instead of the process' own; nil: those
}

// NewMain is the command as the shell runs it.
func NewMain() *Main {
	return &Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
}

// Run does what the arguments, without the program's name, say and returns
// the exit code.
func (m *Main) Run(ctx context.Context, args []string) int {
	app := m.app()
	ordered, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, ordered...))
	}
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(m.Stderr, "porthouse: %s\n", oneLine(err))
	if coded := new(codedError); errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// oneLine is an error's text, without the breaks that joined errors have.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

func (m *Main) app() *cli.App {
	app := &cli.App{
		Name:      "porthouse",
		Usage:     "WebSocket rooms on one port, served by a house of processes",
		UsageText: "porthouse COMMAND [flags] [names]",
		Description: `Begin with

   porthouse up --open

and connect two WebSocket clients to ws://127.0.0.1:8080/chat: what one says,
the other hears. Every other command speaks to the house that is up, over the
control socket in its data folder; client, token, room, endpoint and backup
also work on a house that is down. Flags may stand before or after names.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no house is up.`,
		Commands: []*cli.Command{
			m.upCommand(), m.statusCommand(), m.stopCommand(), m.sequenceCommand(),
			m.clientCommand(), m.tokenCommand(), m.roomCommand(), m.endpointCommand(),
			m.sendCommand(), m.joinCommand(), m.consoleCommand(), m.backupCommand(),
			m.checkCommand(), m.versionCommand(), m.reloadCommand(), m.scaleCommand(), m.upgradeCommand(), m.puddleCommand(), m.keeperCommand(), m.hashCommand(),
		},
		Action: func(c *cli.Context) error {
			cli.ShowAppHelp(c)
			return usage(errors.New("no command"))
		},
		Writer: m.Stdout, ErrWriter: m.Stderr,
		HideVersion:     true,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usage(err) },
		HideHelpCommand: true, // arrange knows the word
	}
	hideHelp(app.Commands)
	return app
}

// hideHelp lets "help" and "h" be names: of a client, a room, a message.
func hideHelp(commands []*cli.Command) {
	for _, command := range commands {
		command.HideHelpCommand = true
		hideHelp(command.Subcommands)
	}
}

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// usage says that what was asked for makes no sense.
func usage(err error) error { return &codedError{exitUsage, err} }

// takesNames makes a command refuse names that it has no use for.
func takesNames(c *cli.Context, what string, least, most int) error {
	switch n := c.NArg(); {
	case n < least:
		return usage(fmt.Errorf("%s: name %s; see %s --help", c.Command.HelpName, what, c.Command.HelpName))
	case n > most && most == 0:
		return usage(fmt.Errorf("%s takes no names, and %q is one; see %s --help", c.Command.HelpName, c.Args().First(), c.Command.HelpName))
	case n > most:
		return usage(fmt.Errorf("%s takes %s, and there are %d names; see %s --help", c.Command.HelpName, what, n, c.Command.HelpName))
	}
	return nil
}
