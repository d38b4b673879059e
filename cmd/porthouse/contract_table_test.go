package main

import (
	"fmt"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// who asks, in the table of rule × asker × surface.
type asking struct {
	name  string
	lines []string // how it is known
	token string
}

// mayEnter is the contract's word on who may be in a room: an HTTP status.
func mayEnter(access, who string) int {
	allowed := map[string]string{
		"anyone":        "anonymous stranger listed",
		"authenticated": "stranger listed",
		"listed":        "listed",
		"owner":         "",
	}[access]
	switch {
	case who == "owner" || who == "admin" || containsWord(allowed, who):
		return 101
	case who == "anonymous":
		return 401
	}
	return 403
}

// maySend is its word on who may send, of those who may enter.
func maySend(send, who string) int {
	allowed := map[string]string{
		"members":       "anonymous stranger listed owner admin",
		"authenticated": "stranger listed owner admin",
		"listed":        "listed owner admin",
		"owner":         "owner admin",
		"nobody":        "",
	}[send]
	switch {
	case containsWord(allowed, who):
		return 200
	case who == "anonymous" && send != "nobody":
		return 401
	}
	return 403
}

func containsWord(list, word string) bool { return contains(list, word) }

var statusOfCode = map[any]int{"unauthorized": 401, "denied": 403, "not-found": 404}

// Every access × every send × every kind of asker × every surface, on three
// puddles: the judgement is the same wherever it is asked for.
func TestRulesByAskerAndSurface(t *testing.T) {
	accesses := []string{"anyone", "authenticated", "listed", "owner"}
	sends := []string{"members", "authenticated", "listed", "owner", "nobody"}
	askers := []asking{{name: "anonymous"}}
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		for name, flags := range map[string]string{"stranger": "", "listed": "", "denied": "", "owner": `{"owner":true}`, "admin": `{"admin":true}`} {
			token := d.client(name, flags)
			askers = append(askers, asking{name, []string{bearer(token)}, token})
		}
		for _, access := range accesses {
			for _, send := range sends {
				d.do("room", "add", access+"-"+send, fmt.Sprintf(
					`{"owner":"owner","rules":{"access":%q,"send":%q,"allow":["listed","denied"],"deny":["denied"]}}`, access, send))
			}
		}
	}), "--transient", "nobody")
	for n, access := range accesses {
		for m, send := range sends {
			room := access + "-" + send
			for k, who := range askers {
				key := fmt.Sprintf("k%d-%d-%d-0123456789abcdefghij", n, m, k)
				enter, say := mayEnter(access, who.name), maySend(send, who.name)
				check := func(surface string, got, want int) {
					t.Helper()
					if got != want {
						t.Errorf("%s as %s, %s: %d; the contract says %d", room, who.name, surface, got, want)
					}
				}
				post := enter
				if enter == 101 {
					post = say
				}
				status, _, _ := h.post("POST", "/"+room, "text/plain", "x", who.lines...)
				check("POST", status, post)
				check("address", Status(t, h.address, "/"+room, who.lines...), enter)
				if enter == 101 {
					c := Open(t, h.address, "/"+room, JSON, who.lines...)
					c.Expects(`{"ok":"join"}`)
					check("send at its address", sendStatus(c, ""), say)
					c.Close()
				}
				lobby := Open(t, h.address, "/", offers(JSON, "porthouse.sibling."+key), who.lines...)
				check("JOIN", joinStatus(lobby, room), enter)
				if enter == 101 {
					check("send after JOIN", sendStatus(lobby, room), say)
					Has(t, lobby.Tell(`{"do":"leave","room":"`+room+`"}`), `{"ok":"leave"}`)
				}
				sibling := Open(t, h.address, "/-/sibling?key="+key, JSON)
				check("sibling's JOIN", joinStatus(sibling, room), enter)
				if enter == 101 {
					check("sibling's send", sendStatus(sibling, room), say)
				}
				sibling.Close()
				lobby.Close()
			}
			_, _, code := h.run("send", room, "from the operator")
			if (code == 0) != (send != "nobody") {
				t.Errorf("%s as the operator: exit %d", room, code)
			}
		}
	}
}

func joinStatus(c *Client, room string) int {
	got := c.Tell(`{"do":"join","room":"` + room + `"}`)
	if got["ok"] == "join" {
		return 101
	}
	return statusOfCode[got["error"]]
}

func sendStatus(c *Client, room string) int {
	text := `{"data":1,"ref":"r"}`
	if room != "" {
		text = `{"room":"` + room + `","data":1,"ref":"r"}`
	}
	got := c.Tell(text)
	if got["ok"] == "send" {
		return 200
	}
	return statusOfCode[got["error"]]
}
