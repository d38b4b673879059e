package puddle

import (
	"context"
	"testing"
	"time"
)

func TestDeskStopsWhileBusy(t *testing.T) {
	asked := make(chan hit, 8)
	td := openDesk(t, nil, func(h hit) { asked <- h })
	idle := td.dial()
	idle.say(post("", "idle"))
	(<-asked).done(hitAnswer{status: 200})
	idle.hear("POST")
	busy, reading := td.dial(), td.dial()
	busy.say(post("", "busy"))
	waiting := <-asked
	reading.say("POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhal")
	awaitDesk(t, "three taken", func() bool { return len(td.errors) == 3 })

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		td.stop(ctx)
		close(stopped)
	}()
	idle.ended()
	late, body := td.trade(post("", "late"))
	if late.StatusCode != 503 || late.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s", late.Status, body)
	}
	select {
	case <-stopped:
		t.Fatal("stopped with requests under way")
	default:
	}
	waiting.done(hitAnswer{status: 200})
	if response, _ := busy.hear("POST"); response.StatusCode != 200 || !response.Close {
		t.Error(response.Status, response.Close)
	}
	reading.say("lf")
	(<-asked).done(hitAnswer{status: 200})
	if response, _ := reading.hear("POST"); response.StatusCode != 200 || !response.Close {
		t.Error(response.Status, response.Close)
	}
	<-stopped
	td.stop(ctx) // again: nothing
}

func TestDeskStopsInTime(t *testing.T) {
	asked := make(chan hit, 1)
	td := openDesk(t, nil, func(h hit) { asked <- h })
	c := td.dial()
	c.say(post("", "x"))
	h := <-asked
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	td.stop(ctx)
	c.ended()
	h.done(hitAnswer{status: 200})
	awaitDesk(t, "nobody", td.nobody)
}

// What was taken right before the stop is answered, however late it is begun.
func TestDeskStopForgetsNobody(t *testing.T) {
	td := openDesk(t, nil, nil)
	var clients []*deskClient
	for range 50 {
		c := td.dial()
		c.say(post("", "x"))
		clients = append(clients, c)
	}
	for range clients {
		if err := <-td.errors; err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	td.stop(ctx)
	for n, c := range clients {
		if response, _ := c.hear("POST"); response.StatusCode != 200 {
			t.Errorf("%d: %s", n, response.Status)
		}
	}
}
