package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// A crowd that says anything at any time, cut anywhere, and comes and goes: no
// puddle falls, every frame that is heard is whole, and nothing is left behind.
func TestUnrulyCrowd(t *testing.T) {
	var tokens []string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		for n := range 6 {
			tokens = append(tokens, d.client(fmt.Sprintf("c%d", n), `{"owner":true,"primary":true}`))
		}
		d.do("room", "add", "limited", `{"rules":{"members":5,"presence":true,"meta":["from","id","time"]}}`)
		d.do("room", "add", "secret", `{"rules":{"password":"x"}}`)
	}), "--transient", "anyone")
	stop := time.Now().Add(6 * time.Second)
	var wg sync.WaitGroup
	for n := range 24 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 7))
			for time.Now().Before(stop) {
				h.unruly(random, tokens)
			}
		})
	}
	wg.Wait()
	h.eventually("all are gone", func() bool {
		s, err := h.status()
		return err == nil && s.Sequences == 0
	})
	if said := h.log.String(); strings.Contains(said, "panic") || strings.Contains(said, "puddle ended") || strings.Contains(said, "ERROR") {
		t.Error("a process fell, or complained")
	}
}

// unruly is one socket's life.
func (h *house) unruly(random *rand.Rand, tokens []string) {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	protocol, key := pick("", JSON, JSON, JSON), fmt.Sprint("keykeykeykeykeykeykeykey", random.IntN(3))
	var lines, offered []string
	if protocol != "" {
		offered = append(offered, protocol)
	}
	if random.IntN(4) == 0 {
		offered = append(offered, "porthouse.sibling."+key)
	}
	if len(offered) > 0 {
		lines = append(lines, "Sec-WebSocket-Protocol: "+offers(offered...))
	}
	if random.IntN(3) == 0 {
		lines = append(lines, bearer(pick(tokens...)))
	}
	c := Dial(h.t, h.address)
	defer c.Close()
	if _, err := c.Write([]byte(RequestFor(pick("/", "/a", "/b", "/limited", "/secret", "/c1/home", "/-/sibling?key="+key), lines...))); err != nil {
		return
	}
	go h.hearWhole(c, protocol == JSON)
	for range random.IntN(60) {
		frame := Frame(Final|OpText, []byte(h.anything(random, pick, tokens)))
		if random.IntN(5) == 0 {
			cut := random.IntN(len(frame))
			c.Write(frame[:cut])
			frame = frame[cut:]
		}
		if _, err := c.Write(frame); err != nil {
			return
		}
		if random.IntN(3) == 0 {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
		}
	}
}

func (h *house) anything(random *rand.Rand, pick func(...string) string, tokens []string) string {
	room := pick("a", "b", "c", "limited", "c1/home", "c2/x")
	of := func(format string) string { return fmt.Sprintf(format, room) }
	return pick(
		of(`{"do":"join","room":%q}`), of(`{"do":"join","rooms":["a","b",%q]}`), of(`{"do":"leave","room":%q}`),
		of(`{"do":"new room","room":%q}`), of(`{"do":"drop room","room":%q}`), of(`{"do":"who","room":%q}`),
		of(`{"do":"rules","room":%q,"rules":{"presence":true,"echo":true}}`), `{"do":"spaces"}`, `{"do":"whoami"}`,
		of(`{"room":%q,"data":"hello","ref":"1"}`), `{"data":{"a":[1,2]},"to":["c1","c2"],"ref":"2"}`,
		of(`{"room":%q,"data":"x","ref":"3","key":"k`+fmt.Sprint(random.IntN(9))+`"}`),
		of(`{"do":"put out","room":%q,"client":"c1"}`), `{"do":"enter","password":"x"}`,
		`{"do":"auth","token":"`+pick(tokens...)+`"}`, of(`{"room":%q,"data":"`+strings.Repeat("y", random.IntN(60_000))+`"}`),
		"JOIN a", "garbage", `{"to":["c3"],"data":1}`, `{"do":"join","room":"secret"}`, `{"do":"leave"}`,
	)
}

// hearWhole hears until the end and judges what an envelope socket hears.
func (h *house) hearWhole(c *Client, envelopes bool) {
	line, err := c.In.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 101 ") {
		return
	}
	for line != "\r\n" && err == nil {
		line, err = c.In.ReadString('\n')
	}
	for err == nil {
		var op byte
		var b []byte
		if op, b, err = c.Next(); err != nil {
			return
		}
		known := op == OpText || op == OpPing || op == OpPong || op == OpClose || op == OpBytes && !envelopes
		if !known || envelopes && op == OpText && !json.Valid(b) {
			h.t.Errorf("heard op %d %.200q", op, b)
			return
		}
	}
}
