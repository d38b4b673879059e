// Gorilla is the room server that one writes in an afternoon with
// gorilla/websocket, after its chat example: a hub for each room, a reading
// and a writing goroutine for each connection, a queue between them. It is
// what the bench holds Porthouse against. It passes on text and bytes to all
// others in a room and drops nothing: a full queue waits.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/gorilla/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9100", "address")
	flag.Parse()
	h := &house{hubs: map[string]*hub{}}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	http.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		// The load begins after all are in; a careful server would register first.
		room := h.enter(r.URL.Path)
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			h.leave(room)
			return
		}
		c := &client{conn: conn, hub: room, send: make(chan *websocket.PreparedMessage, sendMost)}
		room.register <- c
		go c.write()
		c.read(h)
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}
