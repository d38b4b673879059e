package main

import (
	"sync"

	"github.com/gorilla/websocket"
)

// A house has a hub for each room that somebody is in.
type house struct {
	mu   sync.Mutex // protects hubs and each hub's sockets
	hubs map[string]*hub
}

// A hub is one room.
type hub struct {
	name       string
	sockets    int
	register   chan *client
	unregister chan *client
	broadcast  chan message
	done       chan struct{}
}

// A message goes to all but its sender.
type message struct {
	from     *client
	prepared *websocket.PreparedMessage
}

// enter counts a socket into a room, which it makes if need be.
func (h *house) enter(name string) *hub {
	h.mu.Lock()
	defer h.mu.Unlock()
	room, there := h.hubs[name]
	if !there {
		room = &hub{
			name:       name,
			register:   make(chan *client),
			unregister: make(chan *client),
			broadcast:  make(chan message),
			done:       make(chan struct{}),
		}
		h.hubs[name] = room
		go room.run()
	}
	room.sockets++
	return room
}

// leave counts a socket out; a room goes with its last one.
func (h *house) leave(room *hub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	room.sockets--
	if room.sockets == 0 {
		delete(h.hubs, room.name)
		close(room.done)
	}
}

func (h *hub) run() {
	clients := map[*client]bool{}
	for {
		select {
		case c := <-h.register:
			clients[c] = true
		case c := <-h.unregister:
			delete(clients, c)
			close(c.send)
		case m := <-h.broadcast:
			for c := range clients {
				if c != m.from {
					c.send <- m.prepared // waits for a slow one, drops nothing
				}
			}
		case <-h.done:
			return
		}
	}
}
