// Gorilla is the room server that one writes with gorilla/websocket after its
// chat example: a hub for each room, a reading and a writing goroutine for
// each connection, a queue between them. It is what the bench holds Porthouse
// against. It passes on text and bytes to all others in a room and drops
// nothing: a full queue waits.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/gorilla/websocket"
)

// The buffers are the chat example's; with none given a socket costs 8 KiB more.
var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

func main() {
	listen := flag.String("listen", "127.0.0.1:9100", "`address` to listen on")
	flag.Parse()
	h := &house{hubs: map[string]*hub{}}
	http.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	http.HandleFunc("GET /{room}", h.serve)
	log.Fatal(http.ListenAndServe(*listen, nil))
}

// serve takes a socket into the room that its path names. As in the example,
// new goroutines do the work, so that the request's memory can be collected;
// a load begins only after all are in, which hides that a socket has its 101
// before it is registered.
func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	c := &client{conn: conn, send: make(chan *websocket.PreparedMessage, sendMost)}
	c.hub = h.enter(r.PathValue("room"))
	c.hub.register <- c
	go c.write()
	go c.read(h)
}
