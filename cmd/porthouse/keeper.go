package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/keeper"
)

// keeperCommand is what a house keeps its sockets with while puddles come and
// go.
func (m *Main) keeperCommand() *cli.Command {
	return &cli.Command{
		Name:   keeper.Command,
		Hidden: true,
		Usage:  "hold one slot's sockets for a house, which starts this itself",
		Flags:  []cli.Flag{&cli.DurationFlag{Name: "lease", Value: time.Minute}},
		Action: func(c *cli.Context) error {
			if !isKind(keeper.MasterDescriptor, unix.S_IFSOCK) || !isKind(keeper.ListenerDescriptor, unix.S_IFSOCK) {
				return usage(errors.New("a keeper is started by porthouse up, not by hand"))
			}
			unix.CloseOnExec(keeper.MasterDescriptor)
			unix.CloseOnExec(keeper.ListenerDescriptor)
			return keeper.Run(keeper.Options{
				Master: keeper.MasterDescriptor, Listener: keeper.ListenerDescriptor, Lease: c.Duration("lease"),
			})
		},
	}
}
