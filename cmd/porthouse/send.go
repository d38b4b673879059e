package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const (
	sendTime = 30 * time.Second
	sendMost = 64 * mib // bytes of a message from standard input
)

// Kinds of messages, as schema/format numbers them; it is a wall away.
const (
	kindText uint8 = iota
	kindBytes
)

func (m *Main) sendCommand() *cli.Command {
	return &cli.Command{
		Name:      "send",
		Usage:     "send a message to a room",
		UsageText: "porthouse send ROOM|URL [TEXT|-] [--to NAMES] [--token-file FILE] [--json]",
		Description: `Without a text, or with -, standard input is the message, as it is: text where
it is UTF-8, bytes otherwise. To a room by its name it goes as the operator, or
as whom the token belongs to; to a URL without one as nobody.

   porthouse send chat 'lunch is ready'
   porthouse send chat --to alice,bob - < notes.txt
   porthouse send wss://chat.example.com/chat hello --token-file alice.token`,
		Flags: append(folderFlags(), jsonFlag(), tokenFileFlag(),
			&cli.StringSliceFlag{Name: "to", Usage: "only to `NAMES` among the members: clients or sequences", EnvVars: []string{environmentName("to")}}),
		Action: m.send,
	}
}

func (m *Main) send(c *cli.Context) error {
	if err := takesNames(c, "a room or a URL, and a text", 1, 2); err != nil {
		return err
	}
	message, err := m.message(c)
	if err != nil {
		return err
	}
	var receipt []byte
	if isURL(c.Args().First()) || c.IsSet("token-file") {
		receipt, err = m.post(c, message)
	} else {
		receipt, err = m.hit(c, message)
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return m.printRaw(receipt)
	}
	var sent struct{ Receivers int }
	if err := json.Unmarshal(receipt, &sent); err != nil {
		return fmt.Errorf("the house's answer: %w", err)
	}
	_, err = fmt.Fprintf(m.Stdout, "sent to %d\n", sent.Receivers)
	return err
}

func (m *Main) message(c *cli.Context) ([]byte, error) {
	if text := c.Args().Get(1); c.NArg() == 2 && text != "-" {
		return []byte(text), nil
	}
	if m.Stdin == nil {
		return nil, usage(errors.New("there is no standard input to read the message from"))
	}
	message, err := readAtMost(m.Stdin, sendMost)
	if err != nil {
		return nil, fmt.Errorf("the message from standard input: %w", err)
	}
	return message, nil
}

// hit sends as the operator.
func (m *Main) hit(c *cli.Context, message []byte) ([]byte, error) {
	room := c.Args().First()
	if err := checkRoom(room); err != nil {
		return nil, err
	}
	hit := ipc.Hit{Room: room, Kind: kindText, Data: message, To: c.StringSlice("to")}
	if !utf8.Valid(message) {
		hit.Kind = kindBytes
	}
	answer, err := m.askOnce(c, ipc.Ask{Send: &ipc.AskSend{Hit: hit}})
	if err != nil {
		return nil, err
	}
	return answer.JSON, nil
}

// post sends over the shared port.
func (m *Main) post(c *cli.Context, message []byte) ([]byte, error) {
	to, err := m.destinationOf(c)
	if err != nil {
		return nil, err
	}
	body, kind, err := postBody(message, c.StringSlice("to"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context, sendTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, to.trouble("send to", err)
	}
	request.Header = to.header()
	request.Header.Set("Content-Type", kind)
	response, err := to.client.Do(request)
	if err != nil {
		return nil, to.trouble("send to", err)
	}
	defer response.Body.Close()
	receipt, err := readAtMost(response.Body, mib)
	if err != nil {
		return nil, to.trouble("hear the answer of", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusalIn(response.Status, receipt)
	}
	return receipt, nil
}

// postBody is a message as the body of a POST; with receivers it is a form.
func postBody(message []byte, to []string) (body []byte, kind string, err error) {
	isText := utf8.Valid(message)
	switch {
	case len(to) == 0 && isText:
		return message, "text/plain; charset=utf-8", nil
	case len(to) == 0:
		return message, "application/octet-stream", nil
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	err = w.WriteField("to", strings.Join(to, ","))
	if isText {
		err = errors.Join(err, w.WriteField("message", string(message)))
	} else if part, made := w.CreateFormFile("file", "message"); made == nil {
		_, wrote := part.Write(message)
		err = errors.Join(err, wrote)
	}
	err = errors.Join(err, w.Close())
	return form.Bytes(), w.FormDataContentType(), err
}

// refusalIn is the refusal in an HTTP answer.
func refusalIn(status string, body []byte) error {
	refusal := new(schema.Refusal)
	if json.Unmarshal(body, refusal) != nil || refusal.Code == "" {
		return fmt.Errorf("the answer is %s", status)
	}
	return refusal
}
