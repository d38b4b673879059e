package supervisor

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// TestBookIsTold changes what the house keeps and listens in both slots, of
// which only the first holds the rooms.
func TestBookIsTold(t *testing.T) {
	d := newDesk(t, 2, nil)
	grant := d.asks(0, ipc.Question{Open: &ipc.AskOpen{Room: "chat", Create: true, Asker: eve}}).Room
	var token struct{ ID string }
	for _, c := range []struct {
		name         string
		do           func()
		first, other string
	}{
		{"client", func() { d.does("client", "add", "alice", `{"owner":true}`) }, "client alice owner=true", "client alice owner=true"},
		{"flag", func() { d.does("client", "set", "alice", `{"owner":false}`) }, "client alice owner=false", "client alice owner=false"},
		{"token", func() {
			text, _ := json.Marshal(d.does("token", "add", "alice", ""))
			if err := json.Unmarshal(text, &token); err != nil || token.ID == "" {
				t.Fatal(err, string(text))
			}
		}, "", ""},
		{"revoked", func() { d.does("token", "revoke", token.ID, "") }, "revoked alice token=true", "revoked alice token=true"},
		{"over a transient one", func() { d.does("room", "add", "chat", `{"owner":"alice"}`) }, "room chat owner=alice grant=0", ""},
		{"not held", func() { d.does("room", "add", "other", "") }, "", ""},
		{"set", func() { d.does("room", "set", "chat", `{"size":5}`) }, "room chat owner=alice grant=0", ""},
		{"endpoint", func() { d.does("endpoint", "add", "example.org", `{"room":"other"}`) },
			"house chat.example.com example.org/=other", "house chat.example.com example.org/=other"},
		{"led to", func() { d.does("room", "remove", "other", "") }, "house chat.example.com", "house chat.example.com"},
		{"removed", func() { d.does("client", "remove", "alice", "") }, "gone chat, revoked alice token=false", "revoked alice token=false"},
	} {
		c.do()
		for slot, want := range []string{c.first, c.other} {
			told := d.hears(slot)
			slices.Sort(told)
			if have := strings.Join(told, ", "); have != want {
				t.Errorf("%s: slot %d hears %q, want %q", c.name, slot, have, want)
			}
		}
	}
	again := d.asks(1, ipc.Question{Open: &ipc.AskOpen{Room: "chat", Create: true, Asker: eve}}).Room
	if !again.Made || again.Incarnation == grant.Incarnation {
		t.Errorf("%+v after %+v", again, grant)
	}
	if forgot := d.verifier.(*fakeVerifier).forgot; !slices.Contains(forgot, "alice") {
		t.Errorf("forgot %v", forgot)
	}
}

// TestPersistentRoomsAreThere stands a directory up on a book with rooms.
func TestPersistentRoomsAreThere(t *testing.T) {
	d := newDesk(t, 1, nil)
	before := d.asks(0, ipc.Question{Open: &ipc.AskOpen{Room: "held", Create: true}}).Room
	d.does("room", "add", "held", "")
	d.does("room", "add", "empty", `{"access":"owner"}`)
	d.inSelect(func() { d.rooms = census{}; d.buildDirectory(); d.countRooms() })
	for _, name := range []string{"held", "empty"} {
		room := d.asks(0, ipc.Question{Open: &ipc.AskOpen{Room: name}}).Room
		if room == nil || !room.Persistent || room.Made || room.Incarnation == before.Incarnation {
			t.Errorf("%s: %+v", name, room)
		}
	}
	if n := d.count.persistent.Load(); n != 2 || len(d.rooms) != 2 || d.count.transient.Load() != 0 {
		t.Errorf("%d persistent, %d rooms", n, len(d.rooms))
	}
}

func TestSend(t *testing.T) {
	d := newDesk(t, 2, nil)
	type answer struct {
		status int
		json   string
	}
	send := func(ctx context.Context) chan answer {
		heard := make(chan answer, 1)
		go func() {
			status, json := d.send(ctx, ipc.Hit{Room: "chat", Data: []byte("hello")})
			heard <- answer{status, string(json)}
		}()
		return heard
	}
	// next is the hit that one of the slots was told.
	next := func() (slot int, hit *ipc.Hit) {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			for slot, fake := range d.fakes {
				for l, ok := fake.process.words.take(); ok; l, ok = fake.process.words.take() {
					if l.word.Hit != nil {
						return slot, l.word.Hit
					}
				}
			}
		}
		t.Fatal("nobody is told")
		return 0, nil
	}
	heard := send(t.Context())
	slot, hit := next()
	d.says(slot, ipc.FromPuddle{HitDone: &ipc.HitDone{ID: hit.ID + 100, Status: 500}})
	d.says(slot, ipc.FromPuddle{HitDone: &ipc.HitDone{ID: hit.ID, Status: 200, JSON: []byte("{}")}})
	if a := <-heard; a != (answer{200, "{}"}) || string(hit.Data) != "hello" {
		t.Errorf("%+v of %+v", a, hit)
	}

	heard = send(t.Context())
	slot, _ = next()
	d.dies(slot)
	if a := <-heard; a.status != http.StatusServiceUnavailable || !strings.Contains(a.json, `"error":"unavailable"`) {
		t.Errorf("%+v", a)
	}

	ctx, cancel := context.WithCancel(t.Context())
	heard = send(ctx)
	slot, hit = next()
	cancel()
	if a := <-heard; a.status != http.StatusServiceUnavailable {
		t.Errorf("%+v", a)
	}
	d.says(slot, ipc.FromPuddle{HitDone: &ipc.HitDone{ID: hit.ID, Status: 200}}) // nobody waits
	if len(d.hits.waiting) != 0 {
		t.Errorf("%+v", d.hits.waiting)
	}

	d.inSelect(func() { d.slots[0].state, d.slots[1].state = linking, backoff })
	if a := <-send(t.Context()); a.status != http.StatusServiceUnavailable {
		t.Errorf("%+v", a)
	}
}

// TestCarry passes connections on, and closes those that nobody takes.
func TestCarry(t *testing.T) {
	d := newDesk(t, 3, nil)
	d.inSelect(func() { d.slots[2].state = backoff })
	for _, c := range []struct {
		to    int
		past  bool // who says it is dead
		taken bool
	}{{1, false, true}, {2, false, false}, {3, false, false}, {-1, false, false}, {1, true, false}} {
		ours, theirs, err := ipc.SocketPair()
		if err != nil {
			t.Fatal(err)
		}
		from := d.fakes[0].process
		if c.past {
			from = &process{slot: 0}
		}
		word := &ipc.FromPuddle{Carry: &ipc.Carry{Slot: c.to, Bytes: []byte("GET"), Port: 80}}
		d.inSelect(func() { d.reported(report{from: from, word: word, descriptors: []int{theirs}}) })
		if c.taken {
			l := d.fakes[c.to].next(t)
			if l.word.Carried == nil || string(l.word.Carried.Bytes) != "GET" || l.word.Carried.Port != 80 || !slices.Equal(l.descriptors, []int{theirs}) {
				t.Errorf("%+v: %+v", c, l)
			}
			l.close()
		}
		unix.SetNonblock(ours, true)
		end := os.NewFile(uintptr(ours), "end")
		end.SetReadDeadline(time.Now().Add(20 * time.Second))
		if n, err := end.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
			t.Errorf("%+v: the other end is open: %v", c, err)
		}
		end.Close()
	}
	for slot := range 3 {
		if told := d.hears(slot); len(told) > 0 {
			t.Errorf("slot %d hears %q", slot, told)
		}
	}
}

func TestPasses(t *testing.T) {
	p := newPasses()
	first, second := p.mint(), p.mint()
	if first == second || !strings.HasPrefix(first, passPrefix) || len(first) < len(passPrefix)+20 {
		t.Errorf("%d and %d bytes", len(first), len(second))
	}
	for hash := range p.until {
		p.until[hash] = time.Now().Add(-time.Second)
	}
	if _, refusal := p.spend(first); refusal == nil || refusal.Code != schema.Unauthorized {
		t.Errorf("too late: %v", refusal)
	}
	third := p.mint()
	if len(p.until) != 1 {
		t.Errorf("%d passes are kept", len(p.until))
	}
	if identity, refusal := p.spend(third); refusal != nil || !identity.Admin || !identity.Known() {
		t.Errorf("%+v %v", identity, refusal)
	}
}

// TestLetters has a process take no words: so many unasked ones may wait, and
// any number of replies, all in order.
func TestLetters(t *testing.T) {
	q := newLetters()
	for n := range wordsMost {
		if !q.put(letter{word: ipc.ToPuddle{Close: &ipc.Close{Sequence: schema.SequenceID(n)}}}) ||
			!q.put(letter{word: ipc.ToPuddle{Reply: &ipc.Reply{ID: uint64(n)}}}) {
			t.Fatalf("word %d is one too many", n)
		}
	}
	one := letter{word: ipc.ToPuddle{House: &ipc.House{}}}
	if q.put(one) {
		t.Error("one too many is taken")
	}
	for n := range wordsMost {
		first, _ := q.take()
		second, ok := q.next(nil)
		if !ok || first.word.Close.Sequence != schema.SequenceID(n) || second.word.Reply.ID != uint64(n) {
			t.Fatalf("%d: %+v, %+v", n, first.word, second.word)
		}
	}
	gone := make(chan struct{})
	close(gone)
	if _, ok := q.next(gone); ok {
		t.Error("a word of nobody")
	}
	if !q.put(one) {
		t.Error("nothing is taken any more")
	}
	q.drop()
	if _, ok := q.take(); ok {
		t.Error("a word is left")
	}
}
