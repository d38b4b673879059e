package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coder/websocket"
	"golang.org/x/term"
)

const (
	writeTime  = 30 * time.Second
	settleTime = 5 * time.Second // for what answers the last lines
	settleRef  = "last"
)

// terminal is a conversation in a room. One goroutine hears, one types.
type terminal struct {
	m     *Main
	conn  *websocket.Conn
	raw   bool // envelopes are shown as they come
	tty   bool
	stdin *bufio.Reader

	asks    []string      // what the room asks for
	asked   chan []string // the same, each time
	joined  chan struct{} // closed when in
	inside  bool
	settled chan struct{} // closed when all that was typed is answered
	settle  sync.Once
	over    chan struct{}
	leaving atomic.Bool
}

// envelope is what the house says, as far as it is shown.
type envelope struct {
	OK      string
	Error   string
	Event   string
	Ask     []string
	Do      string
	Ref     string
	Message string
	Room    string
	Client  *string
	Members int
	Data    json.RawMessage
	Bytes   []byte
	From    *struct {
		Client   *string
		Sequence string
	}
	Sequence string
}

// run hears until the socket is closed.
func (t *terminal) run() error {
	defer close(t.over)
	go t.types()
	for {
		_, frame, err := t.conn.Read(context.Background())
		if err != nil {
			return endOf(err, t.leaving.Load())
		}
		if err := t.hear(frame); err != nil {
			return err
		}
	}
}

// leave ends the conversation from here.
func (t *terminal) leave() {
	t.leaving.Store(true)
	t.conn.Close(websocket.StatusNormalClosure, "")
}

func (t *terminal) hear(frame []byte) error {
	var e envelope
	if err := json.Unmarshal(frame, &e); err != nil {
		return fmt.Errorf("the house said what is no envelope: %w", err)
	}
	if e.OK == "join" && !t.inside {
		t.inside = true
		close(t.joined)
	}
	if e.Ask != nil {
		t.asks = e.Ask
	}
	if e.Ask != nil || e.Error != "" && e.Do == "enter" {
		select {
		case t.asked <- t.asks:
		default: // more than anybody can answer
		}
	}
	if e.Ref == settleRef {
		t.settle.Do(func() { close(t.settled) })
		return nil
	}
	if t.raw {
		_, err := fmt.Fprintf(t.m.Stdout, "%s\n", frame)
		return err
	}
	return t.show(&e, frame)
}

// show writes an envelope for a person.
func (t *terminal) show(e *envelope, frame []byte) (err error) {
	switch {
	case e.Error != "":
		_, err = fmt.Fprintln(t.m.Stderr, t.safe(e.Error+": "+e.Message))
	case e.OK == "join":
		err = t.dimmed(fmt.Sprintf("* in %s, %d here", e.Room, e.Members))
	case e.OK != "" || e.Ask != nil:
	case e.Event == "join" || e.Event == "leave":
		err = t.dimmed(fmt.Sprintf("* %s %ss", named(e.Client, e.Sequence), e.Event))
	case e.Event != "":
		err = t.dimmed("* " + string(frame))
	default:
		_, err = fmt.Fprintln(t.m.Stdout, t.safe(e.line()))
	}
	return err
}

// line is a message as one reads it.
func (e *envelope) line() string {
	text := string(e.Data)
	var said string
	switch {
	case e.Data == nil:
		text = fmt.Sprintf("(%d bytes) %x", len(e.Bytes), e.Bytes)
	case e.Data[0] == '"' && json.Unmarshal(e.Data, &said) == nil:
		text = said
	}
	if e.From != nil {
		text = named(e.From.Client, e.From.Sequence) + ": " + text
	}
	if e.Room == "" {
		text = "(direct) " + text
	}
	return text
}

func named(client *string, sequence string) string {
	if client != nil {
		return *client
	}
	return sequence
}

func (t *terminal) dimmed(text string) (err error) {
	if text = t.safe(text); t.tty {
		text = "\x1b[2m" + text + "\x1b[0m"
	}
	_, err = fmt.Fprintln(t.m.Stdout, text)
	return err
}

// safe keeps what others say from commanding the terminal.
func (t *terminal) safe(text string) string {
	if !t.tty {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// types answers what the room asks for, then sends line after line.
func (t *terminal) types() {
	for {
		select {
		case ask := <-t.asked:
			if err := t.enter(ask); err != nil {
				fmt.Fprintf(t.m.Stderr, "porthouse: %s\n", oneLine(err))
				t.leave()
				return
			}
		case <-t.joined:
			t.sendLines()
			return
		case <-t.over:
			return
		}
	}
}

func (t *terminal) enter(ask []string) error {
	command := map[string]string{"do": "enter"}
	for _, what := range ask {
		secret, err := t.secret(what)
		if err != nil {
			return err
		}
		command[what] = secret
	}
	return t.say(command)
}

// secret reads from the terminal unseen, else the next line.
func (t *terminal) secret(what string) (string, error) {
	if file, isFile := t.m.Stdin.(*os.File); isFile && term.IsTerminal(int(file.Fd())) {
		return t.m.readUnseen(file, what+": ")
	}
	line, err := t.stdin.ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("the room asks for its %s, and the input has no line with it", what)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// sendLines ends with the input, once the house has answered all of it.
func (t *terminal) sendLines() {
	for {
		line, err := t.stdin.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && t.say(messageOf(line)) != nil {
			return // who hears tells why
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintf(t.m.Stderr, "porthouse: read the input: %s\n", oneLine(err))
			}
			break
		}
	}
	if t.say(map[string]string{"do": "ping", "ref": settleRef}) == nil {
		select {
		case <-t.settled:
		case <-t.over:
		case <-time.After(settleTime):
		}
	}
	t.leave()
}

func messageOf(line []byte) any {
	if utf8.Valid(line) {
		return map[string]string{"data": string(line)}
	}
	return map[string][]byte{"bytes": line}
}

func (t *terminal) say(what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	return t.conn.Write(ctx, websocket.MessageText, text)
}
