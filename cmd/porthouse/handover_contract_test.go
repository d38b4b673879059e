package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// replacements are the ways in which a puddle is replaced.
var replacements = map[string]func(*testing.T, *house){
	"reload": func(t *testing.T, h *house) {
		if out, errs, code := h.run("reload"); code != 0 {
			t.Fatalf("reload: status %d: %s%s", code, out, errs)
		}
	},
	"upgrade": func(t *testing.T, h *house) {
		if out, errs, code := h.run("upgrade"); code != 0 {
			t.Fatalf("upgrade: status %d: %s%s", code, out, errs)
		}
		h.eventually("the house is up again", func() bool {
			status, err := h.status()
			return err == nil && status.State == "up"
		})
	},
	"kill": func(t *testing.T, h *house) {
		status, err := h.status()
		Check(t, err)
		for _, p := range status.Puddles {
			syscall.Kill(p.Pid, syscall.SIGKILL)
		}
		h.eventually("all serve again", func() bool {
			now, err := h.status()
			if err != nil {
				return false
			}
			for n, p := range now.Puddles {
				if p.Pid == 0 || p.Pid == status.Puddles[n].Pid || p.Generation == status.Puddles[n].Generation {
					return false
				}
			}
			return true
		})
	},
	"supervisor": func(t *testing.T, h *house) {
		h.command.Process.Kill()
		<-h.ended
		h.again()
	},
}

// TestEverythingMoves has a socket of each kind in the middle of something
// when its puddle is replaced, and expects it to go on as if nothing was.
func TestEverythingMoves(t *testing.T) {
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) { everythingMoves(t, name, replace) })
	}
}

// known is what the registry has of each sequence: its client, where it stands,
// and its rooms.
func (h *house) known() map[string]string {
	all := map[string]string{}
	for _, s := range h.sequences() {
		all[s.Sequence] = fmt.Sprint(s.Client, s.State, s.Rooms)
	}
	return all
}

func everythingMoves(t *testing.T, name string, replace func(*testing.T, *house)) {
	var alice, bob string
	h := houseOf(t, 2, keeping(t, func(d *deed) {
		alice, bob = d.client("alice", `{"primary":true,"owner":true}`), d.client("bob", "")
		d.do("room", "add", "club", `{"rules":{"password":"open sesame"}}`)
		d.do("room", "add", "slow", `{"rules":{"rate":"2/m","burst":2}}`)
	}), "--open")

	json := Open(t, h.address, "/chat", JSON, bearer(alice))
	json.Expects(`{"ok":"join","room":"chat"}`)
	json.Tells(`{"do":"join","room":"side"}`, `{"ok":"join","room":"side"}`)
	raw := Open(t, h.address, "/chat", "")
	lobby := Open(t, h.address, "/", "")
	space := Open(t, h.address, "/", JSON, bearer(bob))
	entering := Open(t, h.address, "/club", "")
	entering.Expects(`{"ask":["password"],"room":"club"}`)
	main, key := h.mainOn(0)
	sibling := Open(t, h.address, "/-/sibling", offers(JSON, key))
	sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","state":"room"}`)
	maker := Open(t, h.address, "/", JSON, bearer(alice))
	maker.Tells(`{"do":"new room","room":"alice/made","rules":{"echo":true,"meta":["from"]}}`, `{"ok":"new room"}`)
	pacer := Open(t, h.address, "/slow", JSON)
	pacer.Expects(`{"ok":"join"}`)
	pacer.Tells(`{"data":1,"ref":"1"}`, `{"ok":"send"}`)
	half := Frame(OpText, []byte("half "))
	half = append(half, Frame(Final, []byte("a message"))[:5]...)
	raw.Say(half)
	post := Dial(t, h.address)
	body := strings.Repeat("b", 1000)
	post.Say(fmt.Appendf(nil, "POST /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:500]))
	early := Dial(t, h.address)
	request := RequestFor("/early")
	early.Say([]byte(request[:40]))
	time.Sleep(100 * time.Millisecond)

	if name == "upgrade" { // which waits for it
		time.AfterFunc(300*time.Millisecond, func() { post.Write([]byte(body[500:])) })
	}
	known := h.known()
	json.Tells(`{"do":"join","room":"late"}`, `{"ok":"join","room":"late"}`) // the last news there are
	replace(t, h)
	known[json.Sequence] = strings.Replace(known[json.Sequence], "chat ", "chat late ", 1)
	h.eventually("the registry knows who they are", func() bool { return maps.Equal(h.known(), known) })

	rest := Frame(Final, []byte("a message"))[5:]
	if name == "upgrade" {
		raw.Hears(OpText, body)
		json.Expects(`{"room":"chat"}`)
	}
	raw.Say(rest) // its mask is that of Frame, which is always the same
	json.Expects(`{"room":"chat","data":"half a message"}`)
	json.Text(`{"room":"chat","data":{"n":1},"ref":"r"}`)
	json.Expects(`{"ok":"send","ref":"r"}`)
	raw.Hears(OpText, `{"n":1}`)
	other := Open(t, h.address, "/side", "")
	other.Text("aside")
	json.Expects(`{"room":"side","data":"aside"}`)
	json.Tells(`{"do":"whoami"}`, `{"client":"alice","rooms":["chat","side","late"]}`)
	lobby.Tells("JOIN hall", `{"ok":"join","room":"hall"}`)
	space.Tells(`{"do":"whoami"}`, `{"client":"bob","state":"space"}`)
	entering.Tells("ENTER wrong", `{"error":"unauthorized","do":"enter"}`)
	entering.Tells(`ENTER "open sesame"`, `{"ok":"join","room":"club"}`)
	sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","state":"room","sequence":"`+main.Sequence+`"}`)
	sibling.Tells(`{"do":"join","room":"third"}`, `{"ok":"join","room":"third"}`)
	maker.Text(`{"room":"alice/made","data":"mine"}`)
	maker.Expects(`{"room":"alice/made","data":"mine","from":{"client":"alice","sequence":"` + maker.Sequence + `"}}`)
	maker.Tells(`{"do":"drop room","room":"alice/made"}`, `{"ok":"drop room"}`)
	pacer.Tells(`{"data":2,"ref":"2"}`, `{"ok":"send"}`)
	if name != "kill" { // what was spent since the last change of rooms dies with a process
		pacer.Tells(`{"data":3,"ref":"3"}`, `{"error":"rate","ref":"3"}`)
	}
	early.Say([]byte(request[40:]))
	if status := early.Head(); status != 101 {
		t.Errorf("a handshake that was half there: status %d", status)
	}
	if name != "kill" { // of a request that nothing was answered to, the client tries again
		if name != "upgrade" {
			post.Say([]byte(body[500:]))
		}
		if status := post.Head(); status != 200 {
			t.Errorf("a POST that was half there: status %d", status)
		}
		if name != "upgrade" {
			raw.Hears(OpText, body)
		}
	}
}

// TestSiblingSurvivesKill: what a peer has accepted and passed on is kept by the
// keeper of the puddle that serves it.
func TestSiblingSurvivesKill(t *testing.T) {
	h := newHouse(t, 3)
	main, key := h.mainOn(1)
	sibling := Open(t, h.address, "/-/sibling", offers(JSON, key))
	for range 3 {
		status, err := h.status()
		Check(t, err)
		syscall.Kill(status.Puddles[1].Pid, syscall.SIGKILL)
		time.Sleep(100 * time.Millisecond)
		sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","sequence":"`+main.Sequence+`"}`)
	}
	main.Close()
	if _, _, err := sibling.Next(); err == io.EOF || err == net.ErrClosed {
		t.Errorf("the sibling heard no close frame: %v", err)
	}
}

// TestMembersAnswersAreCounted: what a member hears beside its room is part of
// its stream, or a successor would take it for less or more than it was sent.
func TestMembersAnswersAreCounted(t *testing.T) {
	for what, say := range map[string]func(c *Client, token string){
		"renew": func(c *Client, token string) {
			c.Tells(fmt.Sprintf(`{"do":"auth","token":%q}`, token), `{"ok":"auth","client":"alice"}`)
		},
		"join again": func(c *Client, _ string) { c.Tells(`{"do":"join","room":"chat"}`, `{"ok":"join","room":"chat"}`) },
	} {
		t.Run(what, func(t *testing.T) {
			var token string
			h := houseOf(t, 1, keeping(t, func(d *deed) { token = d.client("alice", "") }), "--open")
			alice, other := Open(t, h.address, "/chat", JSON, bearer(token)), Open(t, h.address, "/chat", "")
			alice.Expects(`{"ok":"join"}`)
			other.Text("before")
			alice.Expects(`{"data":"before"}`)
			say(alice, token)
			other.Text("between")
			alice.Expects(`{"data":"between"}`)
			replacements["kill"](t, h)
			other.Text("after")
			alice.Expects(`{"data":"after"}`)
			alice.Tells(`{"do":"whoami"}`, `{"client":"alice","rooms":["chat"]}`)
		})
	}
}
