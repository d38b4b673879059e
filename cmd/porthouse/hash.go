package main

import (
	"errors"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/supervisor/credential"
)

// hashCommand is what a house hashes passwords with: they come in by standard
// input, and only their keys go out.
func (m *Main) hashCommand() *cli.Command {
	return &cli.Command{
		Name:   credential.HashCommand,
		Hidden: true,
		Usage:  "hash passwords for a house, which starts this itself",
		Action: func(*cli.Context) error {
			if !isKind(unix.Stdin, unix.S_IFIFO) || !isKind(unix.Stdout, unix.S_IFIFO) {
				return usage(errors.New("a process that hashes is started by porthouse up, not by hand"))
			}
			return credential.Burn(m.Stdin, m.Stdout)
		},
	}
}
