package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
)

func (m *Main) consoleCommand() *cli.Command {
	return &cli.Command{
		Name:      "console",
		Usage:     "print an address that lets a browser into the console, once",
		UsageText: "porthouse console",
		Description: `The console is on the admin address. What is printed is good for one browser,
once, within a minute; it comes in as the operator. An admin's token is taken
there, too.

   xdg-open "$(porthouse console)"

From another machine, with a tunnel to the admin address:

   ssh -L 8081:127.0.0.1:8081 HOST
   ssh HOST porthouse console`,
		Flags:  folderFlags(),
		Action: m.console,
	}
}

func (m *Main) console(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	conn, _, err := m.call(c, ipc.Ask{Console: &ipc.AskConsole{}})
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := hear(conn)
	if err != nil {
		return err
	}
	if answer.Invitation == nil {
		return errors.New("the house answered something else")
	}
	// Behind the # a browser keeps it to itself: it is in no log and no Referer.
	_, err = fmt.Fprintf(m.Stdout, "http://%s/#%s\n", browsable(answer.Invitation.Admin), answer.Invitation.Code)
	return err
}

// browsable is an address as a browser on this machine can open it.
func browsable(address string) string {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsUnspecified() {
		return address
	}
	return net.JoinHostPort("localhost", fmt.Sprint(a.Port()))
}
