package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/schema"
)

const (
	protocol   = "porthouse.v1.json"
	frameMost  = 4 << 10          // bytes; a console has little to say
	pingEvery  = 25 * time.Second // to a socket
	silentMost = 60 * time.Second // without any frame
	writeTime  = 5 * time.Second
	judgeEvery = 5 * time.Second // whether the session is good yet
)

// hear opens a socket in the room -console.
func (c *Console) hear(w http.ResponseWriter, r *http.Request) {
	refusal := foreign
	var s *session
	if ownOrigin(r) {
		if _, refusal, _ = c.Admit(r); refusal == nil {
			s, refusal, _ = c.sessionOf(r)
		}
	}
	if s == nil {
		refuse(w, refusal)
		return
	}
	l, members := c.feed.join()
	if l == nil {
		refuse(w, &schema.Refusal{Code: schema.Full, Message: fmt.Sprintf("%d consoles are open, or the house stops: close one", listenersMost)})
		return
	}
	defer c.feed.leave(l)
	conn, buffered, shook, err := ws.HTTPUpgrader{Protocol: func(offer string) bool { return offer == protocol }}.Upgrade(r, w)
	if err != nil {
		return // which the upgrader has answered
	}
	defer conn.Close()
	conn.SetDeadline(time.Time{}) // the server's
	if shook.Protocol != protocol {
		write(conn, closing(schema.CloseMalformed, "this room speaks "+protocol))
		return
	}
	replies := make(chan []byte, 16)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		listen(conn, buffered.Reader, replies)
	}()
	write(conn, ws.NewTextFrame(fmt.Appendf(nil, `{"ok":"join","room":%q,"members":%d,"sequence":null}`, Room, members)))
	c.speak(conn, l, s, replies, gone)
	conn.Close()
	<-gone
}

// speak writes until the listener, its session or its socket ends.
func (c *Console) speak(conn net.Conn, l *listener, s *session, replies <-chan []byte, gone <-chan struct{}) {
	ping, judge := time.NewTicker(pingEvery), time.NewTicker(judgeEvery)
	defer ping.Stop()
	defer judge.Stop()
	for {
		var frame ws.Frame
		select {
		case <-gone:
			return
		case text := <-l.envelopes:
			frame = ws.NewTextFrame(text)
		case raw := <-replies:
			frame = ws.NewTextFrame(raw)
			if raw[0] != '{' { // a ping's payload, behind a mark
				frame = ws.NewPongFrame(raw[1:])
			}
		case <-ping.C:
			frame = ws.NewPingFrame(nil)
		case <-judge.C:
			if c.good(s) {
				continue
			}
			write(conn, closing(schema.CloseUnknown, "the session is over"))
			return
		case <-l.over:
			if l.slow {
				write(conn, closing(schema.CloseTooSlow, "too slow to hear"))
			} else {
				write(conn, closing(schema.CloseHouseStops, "the house stops"))
			}
			return
		}
		if write(conn, frame) != nil {
			return
		}
	}
}

// good tells whether a session still lets its console listen.
func (c *Console) good(s *session) bool {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	if !c.sessions.lives(s, time.Now()) {
		return false
	}
	c.still(ctx, s)
	return c.sessions.lives(s, time.Now())
}

func write(conn net.Conn, frame ws.Frame) error {
	conn.SetWriteDeadline(time.Now().Add(writeTime))
	return ws.WriteFrame(conn, frame)
}

func closing(code schema.CloseCode, reason string) ws.Frame {
	return ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// pongMark stands before a ping's payload among the replies.
const pongMark = 'p'

// listen reads what a console says: it may ping, and may say nothing else.
func listen(conn net.Conn, from *bufio.Reader, replies chan<- []byte) {
	for {
		conn.SetReadDeadline(time.Now().Add(silentMost))
		header, err := ws.ReadHeader(from)
		if err != nil || header.Length > frameMost || !header.Masked || !header.Fin {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return
		}
		ws.Cipher(payload, header.Mask, 0)
		var reply []byte
		switch header.OpCode {
		case ws.OpClose:
			return
		case ws.OpPing:
			reply = append([]byte{pongMark}, payload...)
		case ws.OpText:
			reply = replyTo(payload)
		default:
			continue
		}
		select {
		case replies <- reply:
		default: // who asks faster than it hears
			return
		}
	}
}

// replyTo answers an envelope.
func replyTo(text []byte) []byte {
	var asked struct{ Do, Ref string }
	if json.Unmarshal(text, &asked) == nil && asked.Do == "ping" {
		reply, _ := json.Marshal(struct {
			OK  string `json:"ok"`
			Ref string `json:"ref,omitempty"`
		}{"ping", asked.Ref})
		return reply
	}
	return []byte(`{"error":"denied","message":"only the house speaks in -console"}`)
}
