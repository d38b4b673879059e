package book

import (
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

func TestRooms(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", `{"owner":true}`)
	if err := h.st.Apply(t.Context(), store.Batch{Rooms: []store.Room{{Name: "chat"}}}); err != nil {
		t.Fatal(err)
	}
	h.told = nil
	added := h.get("room add chat", `{"rules":{"size":100,"password":"hush"}}`)
	if !strings.HasPrefix(added, `{"room":"chat","owner":null,"kind":"persistent","rules":{"access":"anyone"`) ||
		!strings.Contains(added, `"password":true`) || !strings.Contains(added, `"size":100`) {
		t.Errorf("added is %s", added)
	}
	h.heardOnly("add", Change{RoomChanged: "chat"})
	before, _ := h.Room("chat")
	h.get("room add alice/notes", `{"visible":false}`)
	for range 2 {
		room, found := h.Room("chat")
		if !found || room.Rules.Size != 100 || room.Rules.Password.Reveal() != "hash ####" || !room.Rules.Visible || !room.Made.Equal(before.Made) {
			t.Errorf("chat is %+v", room)
		}
		if room, _ := h.Room("alice/notes"); room.Owner != "alice" || room.Rules.Visible {
			t.Errorf("alice/notes is %+v", room)
		}
		h.reopen()
	}
	kept := h.get("room set chat", `{"rules":{"password":true,"size":null,"echo":true},"owner":"alice"}`)
	h.heardOnly("set", Change{RoomChanged: "chat"})
	h.same("show", h.get("room show chat", ""), kept)
	h.same("list", h.get("room list", ""), `[`+h.get("room show alice/notes", "")+`,`+kept+`]`)
	if room, _ := h.Room("chat"); room.Owner != "alice" || room.Rules.Size != 65536 || !room.Rules.Echo || room.Rules.Password.Reveal() != "hash ####" {
		t.Errorf("chat is %+v", room)
	}
	h.get("room set chat", `{"owner":null,"password":null}`)
	if room, _ := h.Room("chat"); room.Owner != "" || room.Rules.Password.Set() || !room.Rules.Echo {
		t.Errorf("chat is %+v", room)
	}
	h.get("endpoint add h.test", `{"room":"chat"}`)
	h.told = nil
	h.same("remove", h.get("room remove chat", ""), `{"room":"chat","endpoints":["h.test"]}`)
	h.heardOnly("remove", Change{RoomRemoved: "chat"}, Change{EndpointsChanged: true})
	h.reopen()
	if _, found := h.Room("chat"); found || h.HasHost("h.test") {
		t.Error("the room or its endpoint is still there")
	}
}

func TestRoomRefusals(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.get("room add chat", "")
	h.get("room add bob/x", "") // whose client may come later
	h.refused("room add chat", "", schema.Exists, "room set")
	h.refused("room add -x", "", schema.NotFound, "no room's name")
	h.refused("room add alice/x", `{"owner":"bob"}`, schema.Malformed, "belongs to")
	h.refused("room set bob/x", `{"owner":"alice"}`, schema.Malformed, "belongs to")
	h.refused("room add y", `{"owner":"carol"}`, schema.NotFound, `no client "carol"`)
	h.refused("room set chat", `{"owner":"carol"}`, schema.NotFound, `no client "carol"`)
	h.refused("room add y", `{"owner":7}`, schema.Malformed, "owner: may be")
	h.refused("room add y", `{"rules":{"siz":7}}`, schema.Malformed, `did you mean "size"?`)
	h.refused("room add y", `{"siz":7}`, schema.Malformed, `did you mean "size"?`)
	h.refused("room add y", `{"rules":{},"size":7}`, schema.Malformed, "all rules stand in it")
	h.refused("room add y", `{"password":true}`, schema.Malformed, "password")
	h.refused("room add y", `{"history":7}`, schema.Unavailable, "history")
	h.refused("room set chat", "", schema.Malformed, "nothing to set")
	for _, missing := range []string{"room show y", "room set y", "room remove y"} {
		h.refused(missing, "", schema.NotFound, `no persistent room "y"`)
	}
	if rooms := h.Rooms(); len(rooms) != 2 {
		t.Errorf("rooms are %v, want two", rooms)
	}
}

func TestHouseRulesJudgeRooms(t *testing.T) {
	h := newTestHouse(t)
	h.Rejudge(defaults(t, `{"size":1000}`), ceilings(t, `{"size":500,"echo":false}`))
	alice := schema.Identity{Client: "alice", Owner: true}
	h.get("client add alice", `{"owner":true}`)
	if _, refusal := h.ask(alice, "room add alice/x", ""); refusal != nil {
		t.Fatalf("a room that says nothing: %v", refusal)
	}
	for _, values := range []string{`{"size":501}`, `{"echo":true}`} {
		for _, words := range []string{"room add alice/y", "room set alice/x"} {
			if _, refusal := h.ask(alice, words, values); refusal == nil || refusal.Code != schema.Denied {
				t.Errorf("%s %s: %v, want denied", words, values, refusal)
			}
		}
	}
	h.get("room set alice/x", `{"echo":true}`)
	if _, refusal := h.ask(alice, "room set alice/x", `{"size":400}`); refusal != nil {
		t.Errorf("what an admin granted stands in the way: %v", refusal)
	}
	h.get("room set alice/x", `{"size":null}`)
	h.told = nil
	h.get("room add said", `{"size":7}`)
	h.heardOnly("add", Change{RoomChanged: "said"})
	h.Rejudge(defaults(t, `{"size":300}`), schema.Ceilings{})
	h.heardOnly("other defaults", Change{RoomChanged: "alice/x"})
	if room, _ := h.Room("alice/x"); room.Rules.Size != 300 || !room.Rules.Echo {
		t.Errorf("alice/x is %v", room.Rules)
	}
}

func TestNewRoomRules(t *testing.T) {
	h := newTestHouse(t)
	alice := schema.Identity{Client: "alice", Owner: true}
	for _, c := range []struct {
		said       string
		persistent bool
		visible    bool
	}{
		{`{}`, false, false}, {`{}`, true, false}, {`{"visible":true}`, false, true}, {`{"visible":true}`, true, true},
		{`{"visible":null}`, true, false}, {`{"visible":false}`, true, false},
	} {
		patch, refusal := schema.ParseRules([]byte(c.said))
		if refusal != nil {
			t.Fatal(refusal)
		}
		said, rules, refusal := h.NewRoomRules(patch, alice, c.persistent)
		if refusal != nil || rules.Visible != c.visible || said.Over(h.Defaults(!c.persistent)).Visible != c.visible {
			t.Errorf("%s, persistent %v: %v (%v), want visible %v", c.said, c.persistent, said, refusal, c.visible)
		}
	}
	h.Rejudge(defaults(t, `{"visible":true}`), ceilings(t, `{"access":"authenticated"}`))
	patch, _ := schema.ParseRules([]byte(`{"access":"anyone"}`))
	for _, persistent := range []bool{true, false} {
		if _, _, refusal := h.NewRoomRules(patch, alice, persistent); refusal == nil || refusal.Code != schema.Denied {
			t.Errorf("beyond the ceiling: %v, want denied", refusal)
		}
		if _, rules, refusal := h.NewRoomRules(patch, operator, persistent); refusal != nil || !rules.Visible || rules.Access != schema.AccessAnyone {
			t.Errorf("an admin beyond the ceiling: %v (%v)", rules, refusal)
		}
	}
}

func TestKeep(t *testing.T) {
	h := newTestHouse(t)
	alice := schema.Identity{Client: "alice", Owner: true}
	room, refusal, err := h.Keep(t.Context(), "alice/x", []byte(`{"password":"hush"}`), alice)
	if refusal != nil || err != nil || room.Owner != "alice" || room.Rules.Visible || room.Rules.Password.Reveal() != "hash ####" {
		t.Fatalf("kept is %+v (%v, %v)", room, refusal, err)
	}
	h.heardOnly("keep", Change{RoomChanged: "alice/x"})
	h.reopen()
	if room, found := h.Room("alice/x"); !found || room.Rules.Visible {
		t.Errorf("after a restart it is %+v", room)
	}
	for _, c := range []struct {
		name, rules string
		by          schema.Identity
		code        schema.ErrorCode
	}{
		{"alice/x", "", alice, schema.Exists}, {"chat", "", alice, schema.Denied}, {"bob/x", "", alice, schema.Denied},
		{"alice/y", `{},"owner":"bob"`, alice, schema.Malformed}, {"alice/y", `{"a":1}`, alice, schema.Malformed},
		{"alice/y", "", schema.Identity{Client: "alice"}, schema.Denied},
	} {
		if _, refusal, err := h.Keep(t.Context(), c.name, []byte(c.rules), c.by); err != nil || refusal == nil || refusal.Code != c.code {
			t.Errorf("keep %s %s: %v (%v), want %s", c.name, c.rules, refusal, err, c.code)
		}
	}
}
