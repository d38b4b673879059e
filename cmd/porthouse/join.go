package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

const (
	protocol = "porthouse.v1.json"
	joinTime = 30 * time.Second // to get a connection
	joinMost = 64 * mib         // bytes of an envelope
)

func (m *Main) joinCommand() *cli.Command {
	return &cli.Command{
		Name:      "join",
		Usage:     "open a terminal in a room",
		UsageText: "porthouse join ROOM|URL [--token-file FILE] [--json]",
		Description: `Each line that is typed is sent, what others send is shown. It ends with the
input (Ctrl-D) or Ctrl-C. A password that the room asks for is read unseen, or
from the first line of an input that is no terminal. In a room by its name one
is the operator, or whom the token belongs to; by a URL without one nobody.

   porthouse join chat
   porthouse join wss://chat.example.com/chat --token-file alice.token
   tail -f /var/log/app.log | porthouse join logs
   porthouse join chat --json | jq -r .data`,
		Flags:  append(folderFlags(), tokenFileFlag(), &cli.BoolFlag{Name: "json", Usage: "show envelopes as they come, one a line", DisableDefaultText: true, EnvVars: []string{environmentName("json")}}),
		Action: m.join,
	}
}

func (m *Main) join(c *cli.Context) error {
	if err := takesNames(c, "a room or a URL", 1, 1); err != nil {
		return err
	}
	to, err := m.destinationOf(c)
	if err != nil {
		return err
	}
	conn, err := dial(c.Context, to)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(joinMost)
	t := &terminal{
		m: m, conn: conn, raw: c.Bool("json"), tty: isTerminal(m.Stdout), stdin: bufio.NewReader(m.input()),
		asked: make(chan []string, 4), joined: make(chan struct{}), settled: make(chan struct{}), over: make(chan struct{}),
	}
	defer m.keepTerminal()()
	ctx, cancel := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, t.leave)
	return t.run()
}

func (m *Main) input() io.Reader {
	if m.Stdin == nil {
		return http.NoBody
	}
	return m.Stdin
}

// dial opens a socket; what refuses it is told as the house said it.
func dial(ctx context.Context, to *destination) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, to.url.String(), &websocket.DialOptions{
		HTTPClient: to.client, HTTPHeader: to.header(), Subprotocols: []string{protocol},
	})
	switch {
	case err != nil && response != nil:
		body, _ := readAtMost(response.Body, mib) // nothing of it: the status says enough
		return nil, to.trouble("join", refusalIn(response.Status, body))
	case err != nil:
		return nil, to.trouble("join", err)
	case conn.Subprotocol() != protocol:
		conn.CloseNow()
		return nil, to.trouble("join", errors.New("it does not speak "+protocol))
	}
	return conn, nil
}

// keepTerminal remembers how the terminal is, so that it is left so also when
// a question for a password is left unanswered.
func (m *Main) keepTerminal() (restore func()) {
	file, isFile := m.Stdin.(*os.File)
	if !isFile {
		return func() {}
	}
	state, err := term.GetState(int(file.Fd()))
	if err != nil { // it is none
		return func() {}
	}
	return func() { term.Restore(int(file.Fd()), state) }
}

// endOf is why a conversation is over: nil if the one here ended it.
func endOf(err error, leaving bool) error {
	var closed websocket.CloseError
	switch {
	case leaving:
		return nil
	case errors.As(err, &closed) && closed.Reason != "":
		return fmt.Errorf("the house closed the socket: %d, %s", closed.Code, closed.Reason)
	case errors.As(err, &closed):
		return fmt.Errorf("the house closed the socket: %d", closed.Code)
	}
	return fmt.Errorf("the connection broke: %w", err)
}
