package main

import (
	"fmt"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

const siblingKey = "0123456789abcdefghijklmnop"

// mainOn is a raw socket in /chat on one of the puddles, with a key of its own
// in each try: the first use wins, and it is not over at once.
func (h *house) mainOn(slot int, lines ...string) (main *Client, key string) {
	h.t.Helper()
	for n := range 60 {
		key = fmt.Sprintf("porthouse.sibling.%s-%d-%d", siblingKey, slot, n)
		if main = Open(h.t, h.address, "/chat", offers(Raw, key), lines...); h.slotOf(main) == slot {
			return main, key
		}
		main.Close()
	}
	h.t.Fatalf("the kernel never gives puddle %d a connection", slot)
	return nil, ""
}

func TestSiblingCommandsARawSocket(t *testing.T) {
	var alice, bob string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice, bob = d.client("alice", `{"primary":true}`), d.client("bob", "")
	}), "--open")
	for slot := range 3 {
		main, key := h.mainOn(slot, bearer(alice))
		// from wherever it comes, it is served where its main is
		sibling := Open(t, h.address, "/-/sibling", offers(JSON, key))
		sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","client":"alice","state":"room","rooms":["chat"],"sequence":"`+main.Sequence+`"}`)
		if h.slotOf(sibling) != slot {
			t.Errorf("the sibling is not where its main is")
		}
		main.Text("JOIN other")
		main.HearsNothing() // a pure pipe
		sibling.Tells(`{"do":"join","room":"other","ref":"j"}`, `{"ok":"join","room":"other","ref":"j"}`)
		other := h.on((slot+1)%3, "/other", "")
		other.Text("hello")
		main.Hears(OpText, "hello")
		friend := h.on((slot+2)%3, "/chat", JSON, bearer(bob))
		friend.Expects(`{"ok":"join"}`)
		friend.Text(`{"to":["alice"],"data":"psst","ref":"1"}`)
		friend.Expects(`{"ok":"send","receivers":1}`)
		sibling.Expects(`{"data":"psst","from":"*"}`)
		main.HearsNothing()
		sibling.Tells(`{"do":"leave","room":"other"}`, `{"ok":"leave","room":"other"}`)
		other.Text("gone")
		main.HearsNothing()
		for _, to := range []int{(slot + 1) % 3, (slot + 2) % 3, slot} { // and both move together
			h.moves(main.Sequence, to)
			if at := h.slotNow(sibling.Sequence); at != to {
				t.Errorf("the sibling is served by puddle %d, its main by %d", at, to)
			}
			text := fmt.Sprint("at ", to)
			friend.Text(fmt.Sprintf(`{"to":["alice"],"data":%q,"ref":"1"}`, text))
			friend.Expects(`{"ok":"send","receivers":1}`)
			sibling.Expects(fmt.Sprintf(`{"data":%q}`, text))
			sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","client":"alice","state":"room","sequence":"`+main.Sequence+`"}`)
			friend.Text(fmt.Sprintf(`{"data":%q}`, text))
			main.Hears(OpText, text)
		}
		main.Close()
		sibling.Closes(schema.CloseDone)
		friend.Close()
		other.Close()
	}
	c := Dial(t, h.address)
	c.Say([]byte(RequestFor("/-/sibling?key=zzzzzzzzzzzzzzzzzzzzzzzz")))
	if status := c.Head(); status != 401 {
		t.Errorf("a key that is nobody's: %d", status)
	}
}

func TestRefusalsAreToldOnTheSibling(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(d *deed) {
		d.do("room", "add", "slow", `{"rules":{"rate":"1/m"}}`)
	}), "--transient", "nobody")
	main := Open(t, h.address, "/slow", "porthouse.sibling."+siblingKey)
	sibling := Open(t, h.address, "/-/sibling?key="+siblingKey, "")
	sibling.Tells("WHOAMI", `{"ok":"whoami","state":"room"}`)
	main.Text("one")
	main.Text("two")
	sibling.Expects(`{"error":"rate","do":"send","room":"slow"}`)
	main.HearsNothing()
}

func TestTokens(t *testing.T) {
	var alice, hears, second, secondID string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true}`)
		hears = d.token("alice", `{"feed":"hear","in":"send"}`)
		second, secondID = d.tokenAndID("alice", "")
		d.do("client", "passwd", "alice", `{"password":"secret word"}`)
		d.do("room", "add", "members", `{"rules":{"access":"authenticated"}}`)
	}), "--transient", "anyone")
	for _, lines := range [][]string{
		{bearer(alice)}, {basic("alice", "secret word")}, {"Sec-WebSocket-Protocol: porthouse.token." + alice},
	} {
		c := Dial(t, h.address)
		c.Say([]byte(RequestFor("/members", lines...)))
		if status := c.Head(); status != 101 {
			t.Errorf("%.30s: %d", lines[0], status)
		}
	}
	Open(t, h.address, "/members?token="+alice, "")
	for _, lines := range [][]string{
		{}, {bearer("pht_nonsense")}, {basic("alice", "wrong")}, {basic("nobody", "wrong")}, {"Authorization: Digest x"},
		{bearer("pht_nonsense"), "Sec-WebSocket-Protocol: porthouse.token." + alice}, // the first decides
	} {
		if status := Status(t, h.address, "/members", lines...); status != 401 {
			t.Errorf("%.30v: %d", lines, status)
		}
	}
	page := Dial(t, h.address)
	page.Say([]byte(RequestFor("/members", "Origin: http://127.0.0.1")))
	if page.Head() != 101 {
		t.Error("a page is not refused by a close")
	}
	page.Closes(schema.CloseUnknown)
	if status := Status(t, h.address, "/members", "Origin: http://evil.example", basic("alice", "secret word")); status != 403 {
		t.Errorf("a foreign page with a password: %d", status)
	}
	if status := Status(t, h.address, "/elsewhere", bearer(hears)); status != 403 {
		t.Errorf("a room that the token does not cover: %d", status)
	}
	listener := h.on(0, "/feed", JSON, bearer(hears))
	listener.Expects(`{"ok":"join"}`)
	listener.Tells(`{"data":1}`, `{"error":"denied","do":"send"}`)
	sender := h.on(1, "/in", JSON, bearer(hears))
	sender.Expects(`{"ok":"join"}`)
	other := h.on(2, "/in", "")
	other.Text("does it hear?")
	sender.HearsNothing()
	sender.Text(`{"data":"it speaks"}`)
	other.Hears(OpText, "it speaks")

	gone := h.on(0, "/chat", "", bearer(second))
	stays := h.on(1, "/chat", "", bearer(alice))
	if _, stderr, code := h.run("token", "revoke", secondID); code != 0 {
		t.Fatalf("revoke: %s", stderr)
	}
	gone.Closes(schema.CloseUnknown)
	if status := Status(t, h.address, "/chat", bearer(second)); status != 401 {
		t.Errorf("a revoked token: %d", status)
	}
	if _, stderr, code := h.run("client", "remove", "alice"); code != 0 {
		t.Fatalf("remove: %s", stderr)
	}
	stays.Closes(schema.CloseUnknown)
}

// Both may answer what a room asks, at once; each is read on after it.
func TestBothAnswerTheRoom(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(d *deed) { d.do("room", "add", "club", `{"rules":{"password":"a frog"}}`) }), "--open")
	key := "porthouse.sibling." + siblingKey
	main := Open(t, h.address, "/", offers(JSON, key))
	main.Tells(`{"do":"join","room":"club"}`, `{"ask":["password"]}`)
	sibling := Open(t, h.address, "/-/sibling", offers(JSON, key))
	sibling.Tells(`{"do":"ping"}`, `{"ok":"ping"}`)
	for _, c := range []*Client{main, sibling} {
		c.Text(`{"do":"enter","password":"a frog"}`)
	}
	for _, c := range []*Client{main, sibling} {
		c.Text(`{"do":"ping"}`)
		for c.Object()["ok"] != "ping" {
		}
	}
	main.Tells(`{"do":"whoami"}`, `{"state":"room","rooms":["club"]}`)
}
