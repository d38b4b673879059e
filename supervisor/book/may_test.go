package book

import (
	"fmt"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

// mayCase is one operation on what belongs to OWN, and what becomes of it:
// d is denied, n not-found exactly as for what does not exist, . is done.
type mayCase struct {
	words, values string
	verdicts      string // one for each of the askers
}

var mayCases = []mayCase{
	{"client add new", ``, "..dddddd"},
	{"client list", ``, "..dddddd"},
	{"client remove OWN", ``, "..dddddd"},
	{"client show OWN", ``, "....nndd"},
	{"client passwd OWN", `{"password":"p"}`, "....nndd"},
	{"client passwd OWN", `{"password":null}`, "....nndd"},
	{"client totp OWN", ``, "....nndd"},
	{"client totp OWN", `{"remove":true}`, "....nndd"},
	{"client set OWN", `{"direct":"nobody"}`, "....nndd"},
	{"client set OWN", `{"admits":"anyone"}`, "...dnndd"},
	{"client set OWN", `{"owner":true}`, "..ddnndd"},
	{"client set OWN", `{"primary":true}`, "..ddnndd"},
	{"client set OWN", `{"direct":"nobody","admin":true}`, "..ddnndd"},
	{"token add OWN", ``, "....nndd"},
	{"token add", `{"client":"OWN"}`, "....nndd"},
	{"token list OWN", ``, "....nndd"},
	{"token revoke OWN", ``, "....nndd"},
	{"room list", ``, "...d.ddd"},
	{"room add OWN/new", ``, "...ddddd"},
	{"room add OWN/new", `{"owner":"OWN"}`, "...ddddd"},
	{"room add new", ``, "..dddddd"},
	{"room show OWN/room", ``, "...dnddd"},
	{"room show OWN-hall", ``, "...dnddd"},
	{"room set OWN/room", `{"size":7}`, "...dnddd"},
	{"room set OWN-hall", `{"size":7}`, "...dnddd"},
	{"room set OWN-hall", `{"owner":"mallory"}`, "..ddnddd"},
	{"room remove OWN/room", ``, "...dnddd"},
	{"room remove OWN-hall", ``, "...dnddd"},
	{"endpoint list", ``, "...d.ddd"},
	{"endpoint add new.test", `{"room":"OWN/room"}`, "...dnddd"},
	{"endpoint add new.test", `{"room":"OWN-hall"}`, "...dnddd"},
	{"endpoint add new.test", `{"room":"OWN/later"}`, "...dnddd"},
	{"endpoint add new.test", `{"client":"OWN"}`, "...dnddd"},
	{"endpoint add new.test", `{"room":"later"}`, "..ndnddd"},
	{"endpoint remove OWN.test", ``, "...dnddd"},
	{"endpoint remove OWN.test/hall", ``, "...dnddd"},
}

// askers, in the order of the verdicts; OWN is alice.
var askers = []schema.Identity{
	{Client: "root", Admin: true},
	{Admin: true}, // the operator
	{Client: "alice", Owner: true},
	{Client: "alice", Primary: true},
	{Client: "mallory", Owner: true, Primary: true},
	{Client: "carol", Primary: true},
	{},
	{Client: "alice", Owner: true, Rooms: schema.TokenRooms{{Name: "*"}}},
}

func TestWhoMay(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range mayCases {
		words := strings.SplitN(c.words, " ", 3)
		covered[words[0]+" "+words[1]] = true
		if len(c.verdicts) != len(askers) {
			t.Fatalf("%s has %d verdicts", c.words, len(c.verdicts))
		}
		for i, by := range askers {
			t.Run(fmt.Sprintf("%s %s by %s", c.words, c.values, by.Client), func(t *testing.T) { c.judge(t, by, c.verdicts[i]) })
		}
	}
	for name := range operations {
		if !covered[name] {
			t.Errorf("nobody asks for %s", name)
		}
	}
}

func (c mayCase) judge(t *testing.T, by schema.Identity, verdict byte) {
	h := newTestHouse(t)
	id := h.furnish()
	words := func(own string) string {
		if strings.HasPrefix(c.words, "token revoke") {
			return map[string]string{"alice": "token revoke " + id, "absent": "token revoke 0000000000000000"}[own]
		}
		return strings.ReplaceAll(c.words, "OWN", own)
	}
	kept := h.kept()
	got, refusal := h.ask(by, words("alice"), strings.ReplaceAll(c.values, "OWN", "alice"))
	code := map[byte]schema.ErrorCode{'d': schema.Denied, 'n': schema.NotFound}[verdict]
	switch {
	case code == "" && refusal != nil:
		t.Errorf("refused: %v", refusal)
	case code != "" && (refusal == nil || refusal.Code != code):
		t.Errorf("got %s %v, want %s", got, refusal, code)
	case code != "" && h.kept() != kept:
		t.Errorf("refused, and changed %s to %s", kept, h.kept())
	}
	if verdict != 'n' {
		return
	}
	_, missing := h.ask(by, words("absent"), strings.ReplaceAll(c.values, "OWN", "absent"))
	if missing == nil || strings.ReplaceAll(missing.Message, "absent", "alice") != strings.ReplaceAll(refusal.Message, id, "0000000000000000") {
		t.Errorf("somebody else's: %v; what is missing: %v", refusal, missing)
	}
}

// furnish gives alice one of each, and tells her token's id.
func (h *testHouse) furnish() string {
	for _, name := range []string{"root", "alice", "mallory", "carol"} {
		h.get("client add "+name, "")
	}
	h.get("room add alice/room", "")
	h.get("room add alice-hall", `{"owner":"alice"}`)
	h.get("room add free", "")
	h.get("endpoint add alice.test", `{"client":"alice"}`)
	h.get("endpoint add alice.test/hall", `{"room":"alice-hall"}`)
	h.get("endpoint add free.test", `{"room":"free"}`)
	h.get("token add carol", "")
	return field(h.T, h.get("token add alice", ""), "id")
}

// kept is all that the house keeps.
func (h *testHouse) kept() string {
	counts, err := h.st.Counts(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return fmt.Sprint(counts, h.get("client list", ""), h.get("room list", ""), h.get("endpoint list", ""), h.get("token list", ""))
}

func TestListsShowOnlyWhatIsTheAskers(t *testing.T) {
	h := newTestHouse(t)
	h.furnish()
	for _, c := range []struct {
		by            schema.Identity
		words         string
		shows, hidden string
	}{
		{askers[2], "room list", `"alice-hall" "alice/room"`, `"free"`},
		{askers[4], "room list", `[]`, `alice free`},
		{askers[2], "endpoint list", `"alice.test" "alice.test/hall"`, `free`},
		{askers[4], "endpoint list", `[]`, `alice free`},
		{askers[2], "token list", `"client":"alice"`, `carol`},
		{askers[5], "token list", `"client":"carol"`, `alice`},
		{askers[4], "token list", `[]`, `alice carol`},
		{operator, "token list", `"alice" "carol"`, `mallory`},
		{operator, "room list", `"alice-hall" "alice/room" "free"`, `carol`},
	} {
		got, refusal := h.ask(c.by, c.words, "")
		if refusal != nil {
			t.Errorf("%s: %v", c.words, refusal)
		}
		for word := range strings.FieldsSeq(c.shows) {
			if !strings.Contains(got, word) {
				t.Errorf("%s of %q: %s, want %s in it", c.words, c.by.Client, got, word)
			}
		}
		for word := range strings.FieldsSeq(c.hidden) {
			if strings.Contains(got, word) {
				t.Errorf("%s of %q: %s, want no %s in it", c.words, c.by.Client, got, word)
			}
		}
	}
	if _, refusal := h.ask(askers[5], "token add", ""); refusal != nil {
		t.Errorf("carol's own token, unnamed: %v", refusal)
	}
	if _, refusal := h.ask(schema.Identity{Client: "auth0|7"}, "token add", ""); refusal == nil || refusal.Code != schema.NotFound {
		t.Errorf("a token for who has no row: %v", refusal)
	}
}
