package main

import (
	"time"

	"github.com/gorilla/websocket"
)

// The chat example's times and sizes, but for the size of a message.
const (
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
	sendMost   = 256      // messages that may wait for one socket
	readMost   = 16 << 20 // a message, bytes
)

// A client is one socket.
type client struct {
	conn *websocket.Conn
	hub  *hub
	send chan *websocket.PreparedMessage
}

// read passes what comes to the hub until the connection ends.
func (c *client) read(h *house) {
	defer func() {
		c.hub.unregister <- c
		h.leave(c.hub)
		c.conn.Close()
	}()
	c.conn.SetReadLimit(readMost)
	c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(pongWait))
	})
	for {
		kind, body, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		prepared, err := websocket.NewPreparedMessage(kind, body)
		if err != nil {
			return
		}
		c.hub.broadcast <- message{c, prepared}
	}
}

// write sends what the hub gives, and pings.
func (c *client) write() {
	ping := time.NewTicker(pingPeriod)
	defer ping.Stop()
	defer c.conn.Close()
	defer c.drain()
	for {
		select {
		case m, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.conn.WritePreparedMessage(m) != nil {
				return
			}
		case <-ping.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// drain takes what still comes for a broken connection, so that the hub does
// not wait for it; read sees the break and unregisters.
func (c *client) drain() {
	c.conn.Close()
	for range c.send {
	}
}
