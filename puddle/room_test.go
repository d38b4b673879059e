package puddle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

func TestTwoTalk(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat")
	other := Join(t, h.address[0], "/elsewhere")
	a.Text("hello")
	b.Hears(OpText, "hello")
	b.Say(Frame(Final|OpBytes, []byte{0, 255, 10}))
	a.Hears(OpBytes, "\x00\xff\n") // and not its own
	other.Say(Frame(Final|OpPing, []byte("x")))
	other.Hears(OpPong, "x") // and nothing before it
}

func TestMessageWithTheHandshake(t *testing.T) {
	h := newHouse(t, 1, nil)
	b := Join(t, h.address[0], "/chat")
	a := Dial(t, h.address[0])
	a.Say(append([]byte(RequestFor("/chat")), Frame(Final|OpText, []byte("first"))...))
	b.Hears(OpText, "first")
}

func TestOpenSayEnd(t *testing.T) {
	h := newHouse(t, 2, nil)
	near, far := Join(t, h.address[0], "/chat"), Join(t, h.address[1], "/chat")
	for n := range 50 {
		a := Dial(t, h.address[0])
		said := fmt.Sprint("shot ", n)
		a.Say(append([]byte(RequestFor("/chat")), Frame(Final|OpText, []byte(said))...))
		if n%2 == 0 {
			a.Close() // with the 101 unread: a reset
		} else {
			a.Say(Frame(Final|OpClose, nil))
		}
		near.Hears(OpText, said)
		far.Hears(OpText, said)
	}
}

func TestFragments(t *testing.T) {
	h := newHouse(t, 1, nil)
	a, b := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat")
	whole := append(Frame(OpText, []byte("one ")), Frame(0, []byte("two "))...)
	whole = append(whole, Frame(Final|OpPing, []byte("in between"))...)
	whole = append(whole, Frame(0, nil)...)
	whole = append(whole, Frame(Final, []byte("three"))...)
	for _, c := range whole {
		a.Say([]byte{c})
		time.Sleep(200 * time.Microsecond)
	}
	a.Hears(OpPong, "in between")
	b.Hears(OpText, "one two three")
}

func TestSizes(t *testing.T) {
	h := newHouse(t, 2, nil)
	h.desk.say("chat", `{"size":300000}`)
	a, b, far := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat"), Join(t, h.address[1], "/chat")
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 300_000} {
		said := strings.Repeat("x", size)
		a.Text(said)
		b.Hears(OpText, said)
		far.Hears(OpText, said)
	}
	a.Text(strings.Repeat("x", 300_001))
	a.Closes(schema.CloseTooLarge)
}

func TestEveryRoomAcrossPuddles(t *testing.T) {
	const puddles, sockets, senders, messages = 3, 24, 3, 400
	h := newHouse(t, puddles, nil)
	var all []*Client
	for n := range sockets {
		all = append(all, Join(t, h.address[n%puddles], "/big"))
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range messages {
				all[s].Text(fmt.Sprintf("%d %d", s, n))
				if rand.IntN(20) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for n, c := range all {
		wg.Go(func() { c.HearsAll(n, senders, messages) })
	}
	wg.Wait()
}

func TestSlowReader(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LogBytes, s.OutboxBytes = 1<<20, 300_000 })
	slow := Join(t, h.address[0], "/chat")
	a, b := Join(t, h.address[0], "/chat"), Join(t, h.address[0], "/chat")
	said := bytes.Repeat([]byte("x"), 20_000)
	for n := 0; ; n++ {
		a.Say(Frame(Final|OpBytes, said))
		b.Hears(OpBytes, string(said)) // undisturbed
		if n > 2000 {
			t.Fatal("the slow one is never closed")
		}
		if h.tables[0].Count(closesRow(schema.CloseTooSlow)) > 0 {
			break
		}
	}
	slow.Closes(schema.CloseTooSlow)
}

func TestSlowReaderCatchesUp(t *testing.T) {
	h := newHouse(t, 2, func(s *schema.Settings) { s.LogBytes, s.OutboxBytes = 1<<20, 64<<20 })
	slow := Join(t, h.address[1], "/chat")
	a := Join(t, h.address[0], "/chat")
	const messages = 1500
	go func() {
		for n := range messages {
			a.Say(Frame(Final|OpBytes, append(fmt.Appendf(nil, "%06d", n), make([]byte, 20_000)...)))
			if n%100 == 0 {
				slow.Say(Frame(Final|OpPing, fmt.Appendf(nil, "%d", n)))
			}
		}
	}()
	time.Sleep(500 * time.Millisecond)
	for n := 0; n < messages; {
		op, b, err := slow.Next()
		if err != nil {
			t.Fatal(n, err)
		}
		if op == OpPong {
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
	for path, status := range map[string]int{"/": 101, "/a/b/c": 404, "/%41": 404, "/-/nothing": 404, "/-/health": 200, "/-x": 404} {
		c := Dial(t, h.address[0])
		c.Say([]byte(RequestFor(path)))
		if got := c.Head(); got != status {
			t.Errorf("%s: status %d; want %d", path, got, status)
		}
	}
	c := Dial(t, h.address[0])
	c.Say([]byte("GET /chat HTTP/1.1\r\nHost: x\r\n\r\n"))
	if got := c.Head(); got != 426 {
		t.Errorf("plain GET of a room: status %d; want 426", got)
	}
	c = Dial(t, h.address[0])
	c.Say([]byte(RequestFor("/a/b/c", "Origin: http://127.0.0.1")))
	if got := c.Head(); got != 101 {
		t.Errorf("a browser's refusal: status %d; want 101", got)
	}
	c.Closes(schema.CloseNoRoom)
}

func TestViolations(t *testing.T) {
	h := newHouse(t, 1, nil)
	for name, c := range map[string]struct {
		bytes []byte
		code  schema.CloseCode
	}{
		"unmasked":           {[]byte{0x81, 1, 'x'}, 1002},
		"reserved bit":       {Frame(0xc1, []byte("x")), 1002},
		"reserved opcode":    {Frame(0x83, []byte("x")), 1002},
		"fragmented ping":    {Frame(OpPing, []byte("x")), 1002},
		"long ping":          {Frame(Final|OpPing, make([]byte, 126)), 1002},
		"lone continuation":  {Frame(Final, []byte("x")), 1002},
		"text within text":   {append(Frame(OpText, []byte("x")), Frame(Final|OpText, []byte("x"))...), 1002},
		"not shortest":       {[]byte{0x81, 0xfe, 0, 5, 1, 2, 3, 4}, 1002},
		"declares 2^62":      {[]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 1009},
		"not UTF-8":          {Frame(Final|OpText, []byte{0xff}), 1007},
		"close of one byte":  {Frame(Final|OpClose, []byte{3}), 1002},
		"close with 1005":    {Frame(Final|OpClose, []byte{3, 0xed}), 1002},
		"close not UTF-8":    {Frame(Final|OpClose, []byte{3, 0xe8, 0xff}), 1007},
		"close":              {Frame(Final|OpClose, []byte{3, 0xe8, 'b', 'y', 'e'}), 1000},
		"close with nothing": {Frame(Final|OpClose, nil), 1000},
		"close with 4999":    {Frame(Final|OpClose, []byte{0x13, 0x87}), 4999},
		"too many fragments": {append(bytes.Repeat(Frame(0, nil), 0), append(Frame(OpText, nil), bytes.Repeat(Frame(0, nil), 1024)...)...), 1008},
	} {
		t.Run(name, func(t *testing.T) {
			a := Join(t, h.address[0], "/chat")
			a.Say(c.bytes)
			a.Closes(c.code)
		})
	}
}

func TestOpenHouseIsKnownByAddressOnly(t *testing.T) {
	h := newHouse(t, 1, func(s *schema.Settings) { s.LocalHosts = true })
	for host, status := range map[string]int{"127.0.0.1": 101, "localhost:8080": 101, "[::1]": 101, "10.1.2.3:80": 101, "evil.example": 404} {
		c := Dial(t, h.address[0])
		c.Say([]byte(strings.Replace(RequestFor("/chat"), "Host: 127.0.0.1", "Host: "+host, 1)))
		if got := c.Head(); got != status {
			t.Errorf("%s: status %d; want %d", host, got, status)
		}
	}
}

// A plain request passes through the states like any other socket.
func TestPlainRequestsAreCounted(t *testing.T) {
	h := newHouse(t, 1, nil)
	for range 5 {
		c := Dial(t, h.address[0])
		c.Say([]byte("GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n"))
		if got := c.Head(); got != 200 {
			t.Fatalf("status %d", got)
		}
		c.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var left uint64
		for state := schema.Free; state < schema.States; state++ {
			left |= h.tables[0].Count(table.StateGauge + table.Counter(state))
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a state's gauge does not come back to 0")
		}
	}
}
