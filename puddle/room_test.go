package puddle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

func TestTwoTalk(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat")
	other := join(t, h.address[0], "/elsewhere")
	a.text("hello")
	b.hears(opText, "hello")
	b.say(frame(finalBit|opBytes, []byte{0, 255, 10}))
	a.hears(opBytes, "\x00\xff\n") // and not its own
	other.say(frame(finalBit|opPing, []byte("x")))
	other.hears(opPong, "x") // and nothing before it
}

func TestMessageWithTheHandshake(t *testing.T) {
	h := newHouse(t, 1, nil)
	b := join(t, h.address[0], "/chat")
	a := dial(t, h.address[0])
	a.say(append([]byte(requestFor("/chat")), frame(finalBit|opText, []byte("first"))...))
	b.hears(opText, "first")
}

func TestOpenSayEnd(t *testing.T) {
	h := newHouse(t, 2, nil)
	near, far := join(t, h.address[0], "/chat"), join(t, h.address[1], "/chat")
	for n := range 50 {
		a := dial(t, h.address[0])
		said := fmt.Sprint("shot ", n)
		a.say(append([]byte(requestFor("/chat")), frame(finalBit|opText, []byte(said))...))
		if n%2 == 0 {
			a.Close() // with the 101 unread: a reset
		} else {
			a.say(frame(finalBit|opClose, nil))
		}
		near.hears(opText, said)
		far.hears(opText, said)
	}
}

func TestFragments(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat")
	whole := append(frame(opText, []byte("one ")), frame(0, []byte("two "))...)
	whole = append(whole, frame(finalBit|opPing, []byte("in between"))...)
	whole = append(whole, frame(0, nil)...)
	whole = append(whole, frame(finalBit, []byte("three"))...)
	for _, c := range whole {
		a.say([]byte{c})
		time.Sleep(200 * time.Microsecond)
	}
	a.hears(opPong, "in between")
	b.hears(opText, "one two three")
}

func TestSizes(t *testing.T) {
	h := newHouse(t, 2, func(s *schema.Settings) { s.MessageBytes = 300_000 })
	a, b, far := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat"), join(t, h.address[1], "/chat")
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 300_000} {
		said := strings.Repeat("x", size)
		a.text(said)
		b.hears(opText, said)
		far.hears(opText, said)
	}
	a.text(strings.Repeat("x", 300_001))
	a.closes(schema.CloseTooLarge)
}

func TestEveryRoomAcrossPuddles(t *testing.T) {
	const puddles, sockets, senders, messages = 3, 24, 3, 400
	h := newHouse(t, puddles, nil)
	var all []*client
	for n := range sockets {
		all = append(all, join(t, h.address[n%puddles], "/big"))
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range messages {
				all[s].text(fmt.Sprintf("%d %d", s, n))
				if rand.IntN(20) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for n, c := range all {
		wg.Go(func() {
			next := [senders]int{}
			want := senders * messages
			if n < senders {
				want -= messages
			}
			for range want {
				_, b, err := c.next()
				var s, k int
				if fmt.Sscanf(string(b), "%d %d", &s, &k); err != nil || s == n || k != next[s] {
					t.Errorf("socket %d heard %q, %v; sender %d is at %d", n, b, err, s, next[s])
					return
				}
				next[s]++
			}
		})
	}
	wg.Wait()
}

func TestSlowReader(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.OutboxBytes = 1<<20, 300_000 })
	slow := join(t, h.address[0], "/chat")
	a, b := join(t, h.address[0], "/chat"), join(t, h.address[0], "/chat")
	said := bytes.Repeat([]byte("x"), 20_000)
	for n := 0; ; n++ {
		a.say(frame(finalBit|opBytes, said))
		b.hears(opBytes, string(said)) // undisturbed
		if n > 2000 {
			t.Fatal("the slow one is never closed")
		}
		if h.tables[0].Count(closesRow(schema.CloseTooSlow)) > 0 {
			break
		}
	}
	slow.closes(schema.CloseTooSlow)
}

func TestSlowReaderCatchesUp(t *testing.T) {
	h := newHouse(t, 2, func(s *schema.Settings) { s.LogBytes, s.OutboxBytes = 1<<20, 64<<20 })
	slow := join(t, h.address[1], "/chat")
	a := join(t, h.address[0], "/chat")
	const messages = 1500
	go func() {
		for n := range messages {
			a.say(frame(finalBit|opBytes, append(fmt.Appendf(nil, "%06d", n), make([]byte, 20_000)...)))
			if n%100 == 0 {
				slow.say(frame(finalBit|opPing, fmt.Appendf(nil, "%d", n)))
			}
		}
	}()
	time.Sleep(500 * time.Millisecond)
	for n := 0; n < messages; {
		op, b, err := slow.next()
		if err != nil {
			t.Fatal(n, err)
		}
		if op == opPong {
			continue
		}
		if string(b[:6]) != fmt.Sprintf("%06d", n) {
			t.Fatalf("heard %q; want %06d", b[:6], n)
		}
		n++
	}
}

func TestRefusals(t *testing.T) {
	h := newHouse(t, 1, nil)
	for path, status := range map[string]int{"/": 404, "/a/b/c": 404, "/%41": 404, "/-/nothing": 404, "/-/health": 200, "/-x": 404} {
		c := dial(t, h.address[0])
		c.say([]byte(requestFor(path)))
		if got := c.head(); got != status {
			t.Errorf("%s: status %d; want %d", path, got, status)
		}
	}
	c := dial(t, h.address[0])
	c.say([]byte("GET /chat HTTP/1.1\r\nHost: x\r\n\r\n"))
	if got := c.head(); got != 426 {
		t.Errorf("plain GET of a room: status %d; want 426", got)
	}
	c = dial(t, h.address[0])
	c.say([]byte(requestFor("/", "Origin: http://127.0.0.1")))
	if got := c.head(); got != 101 {
		t.Errorf("a browser's refusal: status %d; want 101", got)
	}
	c.closes(schema.CloseNoRoom)
}

func TestViolations(t *testing.T) {
	h := newHouse(t, 1, nil)
	for name, c := range map[string]struct {
		bytes []byte
		code  schema.CloseCode
	}{
		"unmasked":           {[]byte{0x81, 1, 'x'}, 1002},
		"reserved bit":       {frame(0xc1, []byte("x")), 1002},
		"reserved opcode":    {frame(0x83, []byte("x")), 1002},
		"fragmented ping":    {frame(opPing, []byte("x")), 1002},
		"long ping":          {frame(finalBit|opPing, make([]byte, 126)), 1002},
		"lone continuation":  {frame(finalBit, []byte("x")), 1002},
		"text within text":   {append(frame(opText, []byte("x")), frame(finalBit|opText, []byte("x"))...), 1002},
		"not shortest":       {[]byte{0x81, 0xfe, 0, 5, 1, 2, 3, 4}, 1002},
		"declares 2^62":      {[]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 1009},
		"not UTF-8":          {frame(finalBit|opText, []byte{0xff}), 1007},
		"close of one byte":  {frame(finalBit|opClose, []byte{3}), 1002},
		"close with 1005":    {frame(finalBit|opClose, []byte{3, 0xed}), 1002},
		"close not UTF-8":    {frame(finalBit|opClose, []byte{3, 0xe8, 0xff}), 1007},
		"close":              {frame(finalBit|opClose, []byte{3, 0xe8, 'b', 'y', 'e'}), 1000},
		"close with nothing": {frame(finalBit|opClose, nil), 1000},
		"close with 4999":    {frame(finalBit|opClose, []byte{0x13, 0x87}), 4999},
		"too many fragments": {append(bytes.Repeat(frame(0, nil), 0), append(frame(opText, nil), bytes.Repeat(frame(0, nil), 1024)...)...), 1008},
	} {
		t.Run(name, func(t *testing.T) {
			a := join(t, h.address[0], "/chat")
			a.say(c.bytes)
			a.closes(c.code)
		})
	}
}
