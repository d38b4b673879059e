package book

import (
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

func TestEndpoints(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.get("client add Big", "")
	h.told = nil
	h.same("room", h.get("endpoint add Chat.Example.COM/Room", `{"room":"alice/later"}`), `{"endpoint":"chat.example.com/Room","room":"alice/later"}`)
	h.heardOnly("add", Change{EndpointsChanged: true})
	h.same("client", h.get("endpoint add [::1]", `{"client":"alice"}`), `{"endpoint":"[::1]","client":"alice"}`)
	h.get("endpoint add chat.example.com./other", `{"room":"hall"}`)
	h.reopen()
	h.same("list", h.get("endpoint list", ""), `[{"endpoint":"[::1]","client":"alice"},{"endpoint":"chat.example.com/Room","room":"alice/later"},{"endpoint":"chat.example.com/other","room":"hall"}]`)
	h.refused("endpoint add CHAT.example.com/Room", `{"room":"x"}`, schema.Exists, "there already")
	h.refused("endpoint add h.test", ``, schema.Malformed, "a room or a client")
	h.refused("endpoint add h.test", `{"room":"x","client":"alice"}`, schema.Malformed, "a room or a client")
	h.refused("endpoint add h.test", `{"room":"-x"}`, schema.NotFound, "no room's name")
	h.refused("endpoint add h.test", `{"client":"bob"}`, schema.NotFound, "no client")
	h.refused("endpoint add h.test", `{"client":"Big"}`, schema.Malformed, "no endpoint")
	h.refused("endpoint add h.test", `{"rom":"x"}`, schema.Malformed, `did you mean "room"?`)
	h.refused("endpoint remove chat.example.com", "", schema.NotFound, "no endpoint chat.example.com")
	h.told = nil
	h.same("remove", h.get("endpoint remove CHAT.example.com/Room", ""), `{"endpoint":"chat.example.com/Room","room":"alice/later"}`)
	h.heardOnly("remove", Change{EndpointsChanged: true})
	if !h.HasHost("CHAT.example.com") {
		t.Error("the host has another endpoint, and is not known")
	}
	h.get("endpoint remove chat.example.com/other", "")
	for range 2 {
		if h.HasHost("chat.example.com") || !h.HasHost("[::1]") || len(h.Endpoints()) != 1 {
			t.Errorf("left are %v, want [::1]", h.Endpoints())
		}
		h.reopen()
	}
}

func TestOwnersEndpointsStayTheirs(t *testing.T) {
	h := newTestHouse(t)
	h.Primary = "house.test"
	alice, bob := schema.Identity{Client: "alice", Owner: true}, schema.Identity{Client: "bob", Owner: true}
	h.get("client add alice", "")
	h.get("client add bob", "")
	for _, c := range []struct {
		by            schema.Identity
		words, values string
		code          schema.ErrorCode
	}{
		{alice, "endpoint add a.test", `{"client":"alice"}`, ""},
		{bob, "endpoint add a.test", `{"client":"bob"}`, schema.Exists},
		{bob, "endpoint add a.test/x", `{"room":"bob/x"}`, schema.Exists}, // on alice's host
		{alice, "endpoint add a.test/x", `{"room":"alice/x"}`, ""},
		{bob, "endpoint add house.test/x", `{"room":"bob/x"}`, schema.Denied},
		{bob, "endpoint add Alice.House.test", `{"client":"bob"}`, schema.Denied},
		{bob, "endpoint add notmyhouse.test", `{"client":"bob"}`, ""},
		{operator, "endpoint add www.house.test", `{"room":"x"}`, ""},
		{operator, "endpoint add a.test/y", `{"room":"y"}`, ""},
	} {
		if _, refusal := h.ask(c.by, c.words, c.values); (refusal == nil) != (c.code == "") || refusal != nil && refusal.Code != c.code {
			t.Errorf("%s %s: %v, want %q", c.words, c.values, refusal, c.code)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"h": "h", "H.Test": "h.test", "h.test.": "h.test", "h/": "h", "h/A": "h/A", "[::1]/x": "[::1]/x", "127.0.0.1": "127.0.0.1",
	} {
		if host, name, refusal := ParseEndpoint(text); refusal != nil || joined(host, name) != want {
			t.Errorf("%q is %q %q (%v), want %q", text, host, name, refusal, want)
		}
	}
	for _, text := range []string{"", "/", "/x", ".", "h:80", "h:", "[::1]:80", "h/a/b", "h//", "h/-", "h/-/x", "h/a b", "ws://h", "h h", "h..test",
		"ĥ.test", "\u212a.test", "*.test", "h/" + strings.Repeat("x", 129), strings.Repeat("x", 256)} {
		if host, name, refusal := ParseEndpoint(text); refusal == nil {
			t.Errorf("%q was taken as %q %q", text, host, name)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{"h.test/room", "H.", "[::1]/x", "a/b/c", "h:80", "\u212a/x", "h/~-."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, name, refusal := ParseEndpoint(text)
		if refusal != nil {
			if host != "" || name != "" || refusal.Code != schema.Malformed {
				t.Fatalf("%q was refused with %v, and told as %q %q", text, refusal, host, name)
			}
			return
		}
		if _, port, ok := schema.SplitHost(host); !ok || port != "" || host != strings.ToLower(host) || strings.HasSuffix(host, ".") {
			t.Fatalf("%q has the host %q", text, host)
		}
		if name != "" && schema.CheckRoom("client/"+name) != nil {
			t.Fatalf("%q has the name %q", text, name)
		}
		again, named, refusal := ParseEndpoint(joined(host, name))
		if refusal != nil || again != host || named != name {
			t.Fatalf("%q is %q %q, and that is %q %q (%v)", text, host, name, again, named, refusal)
		}
	})
}
