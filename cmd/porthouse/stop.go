package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/supervisor"
)

// stopGrace is what a house may need beyond its drain.
const stopGrace = 15 * time.Second

func (m *Main) stopCommand() *cli.Command {
	return &cli.Command{
		Name:      "stop",
		Usage:     "stop the house that is up, and wait until it is down",
		UsageText: "porthouse stop [--drain TIME]",
		Description: `No more sockets are taken, those that live are closed with 1001 once what waits
for them is sent, and what is not done within the drain is cut off.

   porthouse stop --drain 30s`,
		Flags: append(folderFlags(), &cli.StringFlag{
			Name: "drain", Usage: "`TIME` to wait for sockets to end", DefaultText: "the house's own", EnvVars: []string{environmentName("drain")},
		}),
		Action: m.stop,
	}
}

func (m *Main) stop(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	var ask ipc.AskStop
	if c.IsSet("drain") {
		drain, err := time.ParseDuration(c.String("drain"))
		if err != nil || drain < 0 {
			return usage(fmt.Errorf("--drain: %q is no time such as 500ms, 5s or 1m", c.String("drain")))
		}
		ask.Drain = &drain
	}
	conn, folder, err := m.call(c, ipc.Ask{Stop: &ask})
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := hear(conn)
	if err != nil {
		return err
	}
	if answer.Stopping == nil {
		return errors.New("the house answered something else")
	}
	if err := awaitEnd(conn, folder, answer.Stopping); err != nil {
		return err
	}
	_, err = fmt.Fprintf(m.Stdout, "the house on %s is down\n", folder)
	return err
}

// awaitEnd waits until the house has closed the connection and its folder is
// free.
func awaitEnd(conn *ipc.Conn, folder string, stopping *ipc.Stopping) error {
	limit := time.Now().Add(stopping.Drain + stopGrace)
	conn.Unix().SetReadDeadline(limit)
	_, err := conn.Receive(new(ipc.Answer))
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		return fmt.Errorf("the house (process %d) has not stopped within %s: kill -QUIT %d ends it at once",
			stopping.PID, stopping.Drain+stopGrace, stopping.PID)
	}
	if err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("the house did not say that it stopped: %v", err)
	}
	for time.Now().Before(limit) {
		if pid, held := supervisor.Holder(folder); !held || pid != stopping.PID {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("process %d still holds %s", stopping.PID, folder)
}
