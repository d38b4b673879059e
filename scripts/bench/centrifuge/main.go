// Centrifuge is a plain room server with the library of that name: its JSON
// protocol, its memory broker, nobody proves who it is, whoever subscribes to
// a channel may publish into it. It keeps the library's defaults; a message
// carries no more than was published.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/centrifugal/centrifuge"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9100", "`address` to listen on")
	flag.Parse()
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatalf("centrifuge: make a node: %v", err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) { serve(node, c) })
	if err := node.Run(); err != nil {
		log.Fatalf("centrifuge: run the node: %v", err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	log.Fatal(http.ListenAndServe(*listen, nil))
}

// serve lets a client into any channel, and say anything there.
func serve(node *centrifuge.Node, c *centrifuge.Client) {
	c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
		done(centrifuge.SubscribeReply{}, nil)
	})
	c.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
		result, err := node.Publish(e.Channel, e.Data)
		done(centrifuge.PublishReply{Result: &result}, err)
	})
}
