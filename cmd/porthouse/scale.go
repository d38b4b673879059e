package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
)

// scaleTime is how long new puddles may take to serve.
const scaleTime = 15 * time.Second

func (m *Main) scaleCommand() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Usage:     "change the number of puddles while the house is up; no socket is dropped",
		UsageText: "porthouse scale N",
		Description: `With more puddles than before, sockets move to the new ones until all have as
many, and new connections spread over all. With fewer, the last ones retire:
they get no new connections, their sockets move to the others, and they end when
the last of these has gone. SIGTTIN to the house is one more, SIGTTOU one fewer.

   porthouse scale 4`,
		Flags: folderFlags(),
		Action: func(c *cli.Context) error {
			if err := takesNames(c, "N", 1, 1); err != nil {
				return err
			}
			puddles, err := strconv.Atoi(c.Args().First())
			if err != nil {
				return usage(fmt.Errorf("%q is no number of puddles", c.Args().First()))
			}
			return m.scale(c, puddles)
		},
	}
}

func (m *Main) scale(c *cli.Context, puddles int) error {
	conn, _, err := m.call(c, ipc.Ask{Scale: &ipc.AskScale{Puddles: puddles}})
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := hear(conn); err != nil {
		return err
	}
	for deadline := time.Now().Add(scaleTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		serving, retiring, err := m.countPuddles(c, puddles)
		if err != nil {
			return err
		}
		if serving >= puddles {
			fmt.Fprintf(m.Stdout, "%d puddles take connections, %d retire\n", puddles, retiring)
			return nil
		}
	}
	return errors.New("not all of the new puddles serve: see the house's log")
}

// countPuddles tells how many of the first so many serve, and how many more
// there are.
func (m *Main) countPuddles(c *cli.Context, puddles int) (serving, more int, err error) {
	conn, _, err := m.call(c, ipc.Ask{Status: &ipc.AskStatus{}})
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	answer, err := hear(conn)
	if err != nil || answer.Status == nil {
		return 0, 0, errors.Join(err, errors.New("the house answered something else"))
	}
	for _, p := range answer.Status.Puddles {
		switch {
		case p.Slot >= puddles:
			more++
		case p.State == "serving":
			serving++
		}
	}
	return serving, more, nil
}
