package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

func TestEntryByPassword(t *testing.T) {
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		d.do("room", "add", "club", `{"rules":{"password":"open sesame"}}`)
	}), "--transient", "nobody")
	inside := h.on(0, "/club?password=open%20sesame", JSON)
	inside.Expects(`{"ok":"join","room":"club","members":1}`)
	for slot := range 3 {
		raw := h.on(slot, "/club", "")
		raw.Expects(`{"ask":["password"],"room":"club"}`)
		inside.Text(`{"data":"not for those outside"}`)
		if slot == 1 { // each wrong one makes the next answer slower
			raw.Tells("ENTER wrong", `{"error":"unauthorized","do":"enter"}`)
		}
		raw.Tells(`WHOAMI`, `{"state":"entering"}`)
		raw.Tells(`ENTER "open sesame"`, `{"ok":"join","room":"club","members":2}`)
		raw.Text("in")
		inside.Expects(`{"room":"club","data":"in"}`)
		raw.Close()
		h.eventually("it is gone", func() bool { return len(h.sequences()) == 1 })

		lobby := h.on(slot, "/", "")
		lobby.Tells("JOIN club", `{"ask":["password"],"room":"club"}`)
		lobby.Tells(`ENTER "open sesame"`, `{"ok":"join","room":"club"}`)
		lobby.Close()
		with := h.on(slot, "/", "")
		with.Tells(`JOIN club WITH "open sesame"`, `{"ok":"join","room":"club"}`)
		with.Close()
		h.eventually("they are gone", func() bool { return len(h.sequences()) == 1 })
	}
	if status := Status(t, h.address, "/club?password=wrong"); status != 401 {
		t.Errorf("a wrong password up front: %d", status)
	}
	with := h.on(2, "/", "")
	with.Tells(`JOIN club WITH wrong`, `{"error":"unauthorized","do":"join"}`)
	three := h.on(1, "/club", JSON)
	three.Expects(`{"ask":["password"],"room":"club"}`)
	for range 2 {
		three.Tells(`{"do":"enter","password":"x"}`, `{"error":"unauthorized"}`)
	}
	three.Text(`{"do":"enter","password":"x"}`)
	three.Closes(schema.CloseUnknown)
}

func TestEntryTakesTooLong(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(d *deed) {
		d.do("room", "add", "club", `{"rules":{"password":"open sesame"}}`)
	}), "--transient", "nobody", "--entry-timeout", "1s", "--lobby-timeout", "1s")
	asked := Open(t, h.address, "/club", "")
	asked.Expects(`{"ask":["password"],"room":"club"}`)
	lobby := Open(t, h.address, "/", "")
	asked.Closes(schema.CloseEntryTime)
	lobby.Closes(schema.CloseEntryTime)
}

// Never more than the limit, also when all come at once on three puddles.
func TestMembersAreNeverExceeded(t *testing.T) {
	const limit, comers = 10, 60
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		d.do("room", "add", "small", fmt.Sprintf(`{"rules":{"members":%d}}`, limit))
	}), "--transient", "nobody")
	for range 3 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var in []*Client
		for range comers {
			wg.Go(func() {
				c := Dial(t, h.address)
				c.Say([]byte(RequestFor("/small")))
				status := c.Head()
				mu.Lock()
				defer mu.Unlock()
				switch status {
				case 101:
					in = append(in, c)
				case 503:
					c.Close()
				default:
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		if len(in) != limit {
			t.Errorf("%d are in, %d may be", len(in), limit)
		}
		page := Dial(t, h.address)
		page.Say([]byte(RequestFor("/small", "Origin: http://127.0.0.1")))
		if page.Head() != 101 {
			t.Error("a browser is refused by a close")
		}
		page.Closes(schema.CloseRoomFull)
		page.Close()
		for _, c := range in {
			c.Close()
		}
		h.eventually("they are gone", func() bool { return len(h.sequences()) == 0 })
	}
}

func TestRulesTakeHoldOnLiveSockets(t *testing.T) {
	var alice, bob string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice, bob = d.client("alice", `{"owner":true}`), d.client("bob", "")
		d.do("room", "add", "alice/notes", "")
	}), "--transient", "nobody")
	owner := h.on(0, "/alice/notes", JSON, bearer(alice))
	owner.Expects(`{"ok":"join"}`)
	known := h.on(1, "/alice/notes", JSON, bearer(bob))
	known.Expects(`{"ok":"join"}`)
	stranger := h.on(2, "/alice/notes", "")
	second := h.on(1, "/alice/notes", "")

	known.Tells(`{"do":"rules","room":"alice/notes","rules":{"size":10}}`, `{"error":"denied","do":"rules"}`)
	owner.Tells(`{"do":"rules","room":"alice/notes","rules":{"colour":1}}`, `{"error":"malformed"}`)
	owner.Tells(`{"do":"rules","room":"alice/notes","rules":{"history":5}}`, `{"error":"unavailable"}`)
	got := owner.Tells(`{"do":"rules","room":"alice/notes","rules":{"access":"authenticated","size":10}}`, `{"ok":"rules","room":"alice/notes"}`)
	Has(t, got["rules"].(map[string]any), `{"access":"authenticated","size":10,"password":null,"echo":false}`)
	stranger.Closes(schema.CloseDenied)
	second.Closes(schema.CloseDenied)
	if status := Status(t, h.address, "/alice/notes"); status != 401 {
		t.Errorf("an anonymous one: %d", status)
	}
	known.Tells(`{"data":"longer than ten"}`, `{"error":"too-large","do":"send"}`)
	known.Text(`{"data":"short"}`)
	owner.Expects(`{"data":"short"}`)
	owner.Tells(`{"do":"rules","room":"alice/notes","rules":{"deny":["bob"]}}`, `{"ok":"rules"}`)
	known.Closes(schema.CloseDenied)
	if status := Status(t, h.address, "/alice/notes", bearer(bob)); status != 403 {
		t.Errorf("one that is denied: %d", status)
	}
	owner.Tells(`{"do":"rules","room":"alice/notes","rules":{"deny":null,"access":null}}`, `{"ok":"rules"}`)
	back := h.on(2, "/alice/notes", JSON, bearer(bob))
	back.Expects(`{"ok":"join","members":2}`)
	owner.Tells(`{"do":"put out","room":"alice/notes","client":"bob"}`, `{"ok":"put out"}`)
	back.Closes(schema.CloseDenied)
	last := h.on(1, "/alice/notes", "", bearer(bob))
	owner.Tells(`{"do":"drop room","room":"alice/notes"}`, `{"ok":"drop room","room":"alice/notes"}`)
	last.Closes(schema.CloseGone)
	owner.Closes(schema.CloseGone)
	if status := Status(t, h.address, "/alice/notes", bearer(bob)); status != 404 {
		t.Errorf("a room that is gone: %d", status)
	}
}

func TestWhoAndSpaces(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true,"primary":true}`)
		d.do("room", "add", "hall", "")
		d.do("room", "add", "cellar", `{"rules":{"visible":false}}`)
		d.do("room", "add", "alice/den", `{"rules":{"visible":false,"password":"x"}}`)
	}), "--transient", "nobody")
	a := h.on(0, "/hall", JSON, bearer(alice))
	a.Expects(`{"ok":"join","members":1}`)
	b := h.on(1, "/hall", JSON)
	b.Expects(`{"ok":"join","members":2}`)
	got := b.Tells(`{"do":"who","room":"hall"}`, `{"ok":"who","room":"hall"}`)
	names := fmt.Sprint(got["members"])
	for _, want := range []string{"alice", a.Sequence, b.Sequence, "<nil>"} {
		if !strings.Contains(names, want) {
			t.Errorf("WHO lists %s, without %s", names, want)
		}
	}
	b.Tells(`{"do":"who","room":"cellar"}`, `{"error":"not-found"}`)
	outside := h.on(2, "/", "")
	outside.Tells("WHO hall", `{"error":"unauthorized"}`)
	listed := fmt.Sprint(outside.Tells("SPACES", `{"ok":"spaces"}`)["rooms"])
	if !strings.Contains(listed, "room:hall") || strings.Contains(listed, "cellar") || strings.Contains(listed, "den") || !strings.Contains(listed, "members:2") {
		t.Errorf("a stranger's spaces: %s", listed)
	}
	listed = fmt.Sprint(a.Tells(`{"do":"spaces"}`, `{"ok":"spaces"}`)["rooms"])
	if !strings.Contains(listed, "room:hall") || strings.Contains(listed, "cellar") || !strings.Contains(listed, "alice/den") || !strings.Contains(listed, "asks:[password]") {
		t.Errorf("alice's spaces: %s", listed)
	}
}

func TestTransientRoomsComeAndGo(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) { alice = d.client("alice", `{"primary":true}`) }), "--transient", "primary")
	if status := Status(t, h.address, "/new"); status != 404 {
		t.Errorf("a stranger makes a room: %d", status)
	}
	maker := h.on(0, "/new", JSON, bearer(alice))
	maker.Expects(`{"ok":"join","room":"new","members":1}`)
	guest := h.on(1, "/new", "")
	maker.Close()
	h.eventually("the maker is gone", func() bool { return len(h.sequences()) == 1 })
	h.on(2, "/new", "").Close()
	guest.Close()
	h.eventually("the room is gone", func() bool { return Status(t, h.address, "/new") == 404 })

	ends := h.on(0, "/", JSON, bearer(alice))
	ends.Tells(`{"do":"new room","room":"mine","rules":{"ends":"owner","echo":true}}`, `{"ok":"new room","room":"mine"}`)
	ends.Tells(`{"do":"new room","room":"mine"}`, `{"error":"exists"}`)
	ends.Tells(`{"do":"new room","room":"bob/his"}`, `{"error":"denied"}`)
	ends.Tells(`{"do":"new room","room":"kept","keep":true}`, `{"error":"denied"}`)
	stays := h.on(1, "/mine", "")
	ends.Text(`{"room":"mine","data":"hear me"}`)
	ends.Expects(`{"room":"mine","data":"hear me"}`)
	stays.Hears(OpText, "hear me")
	ends.Close()
	stays.Closes(schema.CloseGone)
}

func TestJoinRacesTheLastLeave(t *testing.T) {
	h := newHouse(t, 3)
	stop := time.Now().Add(3 * time.Second)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for time.Now().Before(stop) {
				c := Dial(t, h.address)
				c.Say([]byte(RequestFor("/flicker")))
				if status := c.Head(); status != 101 {
					t.Errorf("status %d", status)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	a, b := h.on(0, "/flicker", ""), h.on(1, "/flicker", "")
	a.Text("one room")
	b.Hears(OpText, "one room")
	a.Close()
	b.Close()
	h.registryEmpty()
}

func TestWhatRoomsTake(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true}`)
		for name, rules := range map[string]string{
			"text": `{"format":"text"}`, "bytes": `{"format":"bytes"}`, "json": `{"format":"json"}`,
			"feed": `{"send":"owner"}`, "quiet": `{"send":"nobody"}`, "echo": `{"to":"self"}`, "box": `{"to":"owner"}`,
			"slow": `{"rate":"2/m"}`, "signed": `{"meta":["from","time","id"]}`, "present": `{"presence":true}`,
		} {
			d.do("room", "add", "alice/"+name, `{"rules":`+rules+`}`)
		}
	}), "--transient", "nobody")
	pair := func(room string) (raw, far *Client) {
		raw, far = h.on(0, "/alice/"+room, ""), h.on(1, "/alice/"+room, JSON)
		far.Expects(`{"ok":"join"}`)
		return raw, far
	}
	raw, far := pair("text")
	raw.Say(Frame(Final|OpBytes, []byte("utf-8")))
	far.Expects(`{"data":"utf-8"}`)
	far.Tells(`{"data":{"a":1}}`, `{"error":"format","do":"send"}`)
	raw.Say(Frame(Final|OpBytes, []byte{0xff})) // dropped
	raw.Text("next")
	far.Expects(`{"data":"next"}`)

	raw, far = pair("bytes")
	raw.Text("text")
	far.Expects(`{"bytes":"dGV4dA=="}`)
	far.Text(`{"data":"back"}`)
	raw.Hears(OpBytes, "back")

	raw, far = pair("json")
	raw.Text(` {"a": 1}`)
	got := far.Expects(`{"room":"alice/json"}`)
	Has(t, got["data"].(map[string]any), `{"a":1}`)
	raw.Text("no json")
	far.Text(`{"data":"a string"}`)
	raw.Hears(OpText, `"a string"`)

	owner := h.on(2, "/alice/feed", JSON, bearer(alice))
	owner.Expects(`{"ok":"join"}`)
	raw, far = pair("feed")
	far.Tells(`{"data":1}`, `{"error":"unauthorized","do":"send"}`)
	raw.Text("dropped")
	owner.Text(`{"data":"news"}`)
	raw.Hears(OpText, "news")
	far.Expects(`{"data":"news"}`)
	_, far = pair("quiet")
	far.Tells(`{"data":1}`, `{"error":"denied","do":"send"}`)

	raw, far = pair("echo")
	raw.Text("echo")
	raw.Hears(OpText, "echo")
	far.Text(`{"data":"me too","ref":"1"}`)
	far.Expects(`{"data":"me too"}`)
	far.Expects(`{"ok":"send","ref":"1","receivers":1}`)

	owner = h.on(2, "/alice/box", "", bearer(alice))
	raw, far = pair("box")
	raw.Text("for the owner")
	owner.Hears(OpText, "for the owner")
	far.HearsNothing()

	raw, far = pair("slow")
	for range 2 {
		far.Text(`{"data":"fast"}`)
		raw.Hears(OpText, "fast")
	}
	far.Tells(`{"data":"fast"}`, `{"error":"rate","do":"send"}`)

	raw, far = pair("signed")
	raw.Text("who said it")
	got = far.Expects(`{"data":"who said it","time":"*","id":"*"}`)
	Has(t, got["from"].(map[string]any), `{"client":null,"sequence":"`+raw.Sequence+`"}`)

	raw, far = pair("present")
	raw.Close()
	far.Expects(`{"event":"leave","room":"alice/present","client":null,"sequence":"` + raw.Sequence + `"}`)
	raw = h.on(2, "/alice/present", "")
	for range 60 { // the kernel may have tried other puddles first
		if e := far.Expects(`{"room":"alice/present"}`); e["event"] == "join" && e["sequence"] == raw.Sequence {
			return
		}
	}
	t.Error("no event of the join")
}

func TestASocketIsInSoManyRooms(t *testing.T) {
	h := newHouse(t, 1, "--socket-rooms", "3")
	c := Open(t, h.address, "/", JSON)
	c.Text(`{"do":"join","rooms":["a","b","c","d"]}`)
	for _, room := range []string{"a", "b", "c"} {
		c.Expects(`{"ok":"join","room":"` + room + `"}`)
	}
	c.Expects(`{"error":"full","do":"join"}`)
	c.Tells(`{"do":"leave","room":"b"}`, `{"ok":"leave"}`)
	c.Tells(`{"do":"join","room":"d"}`, `{"ok":"join","room":"d"}`)
	c.Tells(`{"do":"whoami"}`, `{"rooms":["a","c","d"]}`)
}

func TestCommandsHaveAPace(t *testing.T) {
	h := newHouse(t, 1, "--command-rate", "5")
	c, other := Open(t, h.address, "/", JSON), Open(t, h.address, "/", "")
	for range 20 {
		c.Tells(`{"do":"ping"}`, `{"ok":"ping"}`)
	}
	c.Tells(`{"do":"ping","ref":"1"}`, `{"error":"rate","do":"ping","ref":"1"}`)
	other.Tells("PING", `{"ok":"ping"}`)
	time.Sleep(500 * time.Millisecond)
	c.Tells(`{"do":"ping"}`, `{"ok":"ping"}`)
}
