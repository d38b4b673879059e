package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/supervisor"
)

func (m *Main) upCommand() *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "run the house in the foreground",
		UsageText: "porthouse up [flags]",
		Description: `Listens, starts the puddles, watches them, and stops on TERM, INT (a second one:
at once) or QUIT (at once). Needs no file: database and control socket are made
in the data folder.

   porthouse up --open
   porthouse up --listen :8080 --puddles 4 --data /var/lib/porthouse

Secrets are only in files: --jwt-key and --jwks name them. In the file of
--config, [defaults] and [ceilings] may be tables.

   porthouse up --primary chat.example.com --defaults '{"access":"authenticated"}'
   porthouse up --jwt-key k1=EdDSA:/etc/porthouse/k1.pem --jwt-audience chat

Each flag --some-name is also PORTHOUSE_SOME_NAME in the environment and
some-name in the file of --config; a flag counts for more than the environment,
and that for more than the file.`,
		Flags:  settingFlags(),
		Action: m.up,
	}
}

func (m *Main) up(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	conf, err := m.configure(c)
	if err != nil {
		return err
	}
	house := conf.house
	house.Data = folderToBe(house.Data)
	house.Version = versionNow().Version
	house.LogJSON = !isTerminal(m.Stderr)
	house.Log = m.newLog(house)
	house.Signals = m.signals()
	house.Reread = func() (supervisor.Config, error) {
		now, err := m.configure(c)
		if err != nil {
			return supervisor.Config{}, err
		}
		return now.house, nil
	}
	house.Up = func(front supervisor.Front) {
		daemon.SdNotify(false, daemon.SdNotifyReady) // where systemd waits for it
		invite(house, front)
	}
	return supervisor.Run(c.Context, house)
}

// signals are those that the house acts on.
func (m *Main) signals() <-chan os.Signal {
	if m.Signals != nil {
		return m.Signals
	}
	received := make(chan os.Signal, 8)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT,
		syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	return received
}

func (m *Main) newLog(house supervisor.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: house.LogLevel}
	if house.LogJSON {
		return slog.New(slog.NewJSONHandler(m.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(m.Stderr, options))
}

// invite tells who is at a terminal what to do next.
func invite(house supervisor.Config, front supervisor.Front) {
	if house.LogJSON || len(front.Listen) == 0 {
		return
	}
	host := front.Listen[0]
	if a, err := netip.ParseAddrPort(host); err == nil && house.Primary != "" {
		host = fmt.Sprintf("%s:%d", house.Primary, a.Port())
	} else if err == nil && a.Addr().IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", a.Port())
	}
	house.Log.Info("connect with a WebSocket client", "room", "ws://"+host+"/chat")
}

func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	if !isFile {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
