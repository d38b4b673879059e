package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor/book"
)

// The tests of this file and of its neighbours stand at the contract's edge:
// real processes, three puddles, the parties on different ones.

// deed is what a house keeps before it is up.
type deed struct {
	t    *testing.T
	data string
	book *book.Book
}

// keeping makes a data folder with what seed does to its book.
func keeping(t *testing.T, seed func(*deed)) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	Check(t, os.MkdirAll(data, 0o700))
	ctx := context.Background()
	st, err := store.Open(ctx, filepath.Join(data, "porthouse.db"))
	Check(t, err)
	b, err := book.Open(ctx, st, schema.Said{}, schema.Ceilings{})
	Check(t, err)
	seed(&deed{t, data, b})
	Check(t, st.Close())
	return data
}

// do does one operation and gives its result as JSON.
func (d *deed) do(noun, verb, name, values string) map[string]any {
	d.t.Helper()
	op := schema.Operation{Noun: noun, Verb: verb, Name: name, By: schema.Identity{Admin: true}}
	if values != "" {
		op.Values = json.RawMessage(values)
	}
	result, refusal, err := d.book.Do(context.Background(), op)
	if refusal != nil || err != nil {
		d.t.Fatalf("%s %s %s: %v, %v", noun, verb, name, refusal, err)
	}
	text, err := json.Marshal(result)
	Check(d.t, err)
	var object map[string]any
	json.Unmarshal(text, &object)
	return object
}

// client adds a client and gives it a token.
func (d *deed) client(name, values string) (token string) {
	d.t.Helper()
	d.do("client", "add", name, values)
	return d.token(name, "")
}

func (d *deed) token(client, rooms string) string {
	d.t.Helper()
	token, _ := d.tokenAndID(client, rooms)
	return token
}

func (d *deed) tokenAndID(client, rooms string) (token, id string) {
	d.t.Helper()
	values := fmt.Sprintf(`{"client":%q}`, client)
	if rooms != "" {
		values = fmt.Sprintf(`{"client":%q,"rooms":%s}`, client, rooms)
	}
	made := d.do("token", "add", client, values)
	return made["token"].(string), made["id"].(string)
}

// houseOf is a house on a folder that is kept.
func houseOf(t *testing.T, puddles int, data string, flags ...string) *house {
	t.Helper()
	return newHouse(t, puddles, append(flags, "--data", data)...)
}

// on opens a socket that one of the house's puddles serves.
func (h *house) on(slot int, path, offers string, lines ...string) *Client {
	h.t.Helper()
	for range 60 {
		c := Open(h.t, h.address, path, offers, lines...)
		if h.slotOf(c) == slot {
			return c
		}
		c.Close()
		h.eventually("one on another puddle is gone", func() bool { return !h.lists(c) })
		time.Sleep(20 * time.Millisecond) // until the other puddles have read of it too
	}
	h.t.Fatalf("the kernel never gives puddle %d a connection", slot)
	return nil
}

func (h *house) slotOf(c *Client) int {
	h.t.Helper()
	slot := -1
	h.eventually("the sequence is listed", func() bool {
		for _, s := range h.sequences() {
			if s.Sequence == c.Sequence {
				slot = s.Slot
				return true
			}
		}
		return false
	})
	return slot
}

func (h *house) lists(c *Client) bool {
	return slices.ContainsFunc(h.sequences(), func(s listed) bool { return s.Sequence == c.Sequence })
}

func bearer(token string) string { return "Authorization: Bearer " + token }

func basic(client, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+password))
}

func offers(texts ...string) string { return strings.Join(texts, ", ") }

func TestLobby(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true,"primary":true}`)
		d.do("client", "passwd", "alice", `{"password":"correct horse"}`)
	}), "--transient", "primary")
	for slot := range 3 {
		for _, speaks := range []string{"", JSON} {
			c := h.on(slot, "/", speaks)
			say := func(text, envelope string) string {
				if speaks == "" {
					return text
				}
				return envelope
			}
			c.Tells(say("PING", `{"do":"ping"}`), `{"ok":"ping"}`)
			c.Tells(say(`{"do":"ping","ref":"7"}`, `{"do":"ping","ref":"7"}`), `{"ok":"ping","ref":"7"}`)
			c.Tells(say("whoami", `{"do":"whoami"}`), `{"ok":"whoami","client":null,"state":"lobby","rooms":[],"sequence":"`+c.Sequence+`"}`)
			c.Tells(say("HELP", `{"do":"help"}`), `{"ok":"help"}`)
			c.Tells(say("DANCE", `{"do":"dance"}`), `{"error":"unknown","do":"dance","message":"*"}`)
			c.Tells(say("JOIN", `{"do":"join"}`), `{"error":"malformed","do":"join"}`)
			c.Tells(say("JOIN nowhere", `{"do":"join","room":"nowhere"}`), `{"error":"not-found","do":"join"}`)
			c.Tells(say("JOIN ../etc", `{"do":"join","room":"../etc"}`), `{"error":"not-found","do":"join"}`)
			c.Tells(say("NEW ROOM mine", `{"do":"new room","room":"mine"}`), `{"error":"unauthorized","do":"new room"}`)
			c.Tells(say("ENTER x", `{"do":"enter","password":"x"}`), `{"error":"malformed","do":"enter"}`)
			c.Tells(say("AUTH alice wrong", `{"do":"auth","client":"alice","password":"wrong"}`), `{"error":"unauthorized","do":"auth"}`)
			c.Tells(say("AUTH TOKEN "+alice, `{"do":"auth","token":"`+alice+`"}`), `{"ok":"auth","client":"alice","sequence":"`+c.Sequence+`"}`)
			c.Tells(say("WHOAMI", `{"do":"whoami"}`), `{"ok":"whoami","client":"alice","state":"space"}`)
			room := fmt.Sprintf("r%d%s", slot, strings.TrimPrefix(speaks, "porthouse.v1."))
			c.Tells(say("NEW ROOM "+room, `{"do":"new room","room":"`+room+`"}`), `{"ok":"new room","room":"`+room+`"}`)
			if speaks != "" {
				c.Tells(`{"do":"whoami"}`, `{"state":"room","rooms":["`+room+`"]}`)
				c.Tells(`{"do":"leave"}`, `{"ok":"leave","room":"`+room+`"}`)
				c.Tells(`{"do":"whoami"}`, `{"state":"space","rooms":[]}`)
			}
			c.Close()
		}
	}
	c := h.on(1, "/", "")
	c.Tells("AUTH alice \"correct horse\"", `{"ok":"auth","client":"alice"}`)
	c = h.on(2, "/", "")
	for range 3 {
		c.Tells("AUTH TOKEN pht_wrong", `{"error":"unauthorized"}`)
	}
	c.Closes(schema.CloseUnknown)
}

func TestEnvelopesOfAllProtocolsInOneRoom(t *testing.T) {
	h := newHouse(t, 3)
	raw, far := h.on(0, "/chat", ""), h.on(1, "/chat", "")
	text := h.on(2, "/chat", JSON)
	text.Expects(`{"ok":"join","room":"chat","members":3,"sequence":"` + text.Sequence + `"}`)
	near := h.on(0, "/chat", JSON)
	near.Expects(`{"ok":"join","room":"chat","members":4}`)

	raw.Text(`say "hi"`)
	far.Hears(OpText, `say "hi"`)
	text.Expects(`{"room":"chat","data":"say \"hi\""}`)
	near.Expects(`{"room":"chat","data":"say \"hi\""}`)

	raw.Say(Frame(Final|OpBytes, []byte{1, 2, 255}))
	far.Hears(OpBytes, "\x01\x02\xff")
	text.Expects(`{"room":"chat","bytes":"AQL/"}`)
	near.Expects(`{"room":"chat","bytes":"AQL/"}`)

	text.Text(`{"room":"chat","data":{"n":9007199254740993, "x":1.10}}`)
	raw.Hears(OpText, `{"n":9007199254740993, "x":1.10}`)
	far.Hears(OpText, `{"n":9007199254740993, "x":1.10}`)
	near.Expects(`{"room":"chat"}`)
	text.HearsNothing()

	near.Text(`{"data":"short","ref":"a"}`)
	got := near.Expects(`{"ok":"send","ref":"a","receivers":3,"id":"*"}`)
	if got["id"] == "" {
		t.Error("no id")
	}
	raw.Hears(OpText, "short")
	text.Expects(`{"room":"chat","data":"short"}`)

	near.Tells(`{"data":1,"bytes":"AA=="}`, `{"error":"malformed","do":"send"}`)
	near.Tells(`{"dat":1}`, `{"error":"malformed","do":"send"}`)
	near.Tells(`{"room":"other","data":1}`, `{"error":"denied","do":"send"}`)
	near.Tells(`[1]`, `{"error":"malformed"}`)
}

func TestReceiversAcrossPuddles(t *testing.T) {
	var alice, bob string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice, bob = d.client("alice", ""), d.client("bob", "")
	}), "--open")
	a := h.on(0, "/chat", JSON, bearer(alice))
	a.Expects(`{"ok":"join"}`)
	b1 := h.on(1, "/chat", JSON, bearer(bob))
	b1.Expects(`{"ok":"join"}`)
	b2 := h.on(2, "/chat", "", bearer(bob))
	other := h.on(1, "/chat", JSON)
	other.Expects(`{"ok":"join"}`)

	a.Text(`{"room":"chat","data":"for bob","to":["bob"],"ref":"1"}`)
	a.Expects(`{"ok":"send","ref":"1","receivers":2}`)
	b1.Expects(`{"room":"chat","data":"for bob"}`)
	b2.Hears(OpText, "for bob")
	a.Text(`{"room":"chat","data":"for one","to":["` + other.Sequence + `"],"ref":"2"}`)
	a.Expects(`{"ok":"send","ref":"2","receivers":1}`)
	other.Expects(`{"room":"chat","data":"for one"}`)
	a.Text(`{"room":"chat","data":"nobody","to":["carol"],"ref":"3"}`)
	a.Expects(`{"ok":"send","ref":"3","receivers":0}`)

	a.Text(`{"to":["bob"],"data":{"direct":true},"ref":"4"}`)
	a.Expects(`{"ok":"send","ref":"4","receivers":1}`) // the raw one has no sibling
	got := b1.Expects(`{"data":{"direct":true},"from":"*"}`)
	Has(t, got["from"].(map[string]any), `{"client":"alice","sequence":"`+a.Sequence+`"}`)
	if _, there := got["room"]; there {
		t.Errorf("a direct message names a room: %v", got)
	}
	// who shares no room does not reach bob
	stranger := h.on(2, "/elsewhere", JSON)
	stranger.Expects(`{"ok":"join"}`)
	stranger.Text(`{"to":["bob"],"data":"hello","ref":"5"}`)
	stranger.Expects(`{"ok":"send","ref":"5","receivers":0}`)
	b1.HearsNothing()
}

func TestSeveralRoomsOnOneSocket(t *testing.T) {
	h := newHouse(t, 3)
	many := h.on(0, "/a", JSON)
	many.Expects(`{"ok":"join","room":"a"}`)
	many.Text(`{"do":"join","rooms":["b","c"],"ref":"x"}`)
	many.Expects(`{"ok":"join","room":"b","ref":"x"}`)
	many.Expects(`{"ok":"join","room":"c","ref":"x"}`)
	raw := h.on(1, "/", "")
	raw.Text("JOIN a b")
	raw.Expects(`{"ok":"join","room":"a","members":2}`)
	raw.Expects(`{"ok":"join","room":"b","members":2}`)
	in := h.on(2, "/b", "")
	alone := h.on(2, "/c", "")

	raw.Text("both")
	in.Hears(OpText, "both")
	many.Expects(`{"data":"both"}`) // once, though it shares a and b
	many.HearsNothing()
	alone.HearsNothing()

	many.Tells(`{"data":"where"}`, `{"error":"malformed","do":"send"}`)
	many.Text(`{"room":"c","data":"to c"}`)
	alone.Hears(OpText, "to c")
	raw.HearsNothing()
	for n := range 50 {
		in.Text(fmt.Sprint(n))
	}
	for n := range 50 {
		many.Expects(fmt.Sprintf(`{"room":"b","data":"%d"}`, n))
		raw.Hears(OpText, fmt.Sprint(n))
	}
	many.Tells(`{"do":"leave","room":"b"}`, `{"ok":"leave","room":"b"}`)
	in.Text("after")
	raw.Hears(OpText, "after")
	many.HearsNothing()
	many.Tells(`{"do":"whoami"}`, `{"rooms":["a","c"]}`)
}
