package book

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

func TestTokens(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.get("client add bob", "")
	h.told = nil
	plain := h.get("token add alice", "")
	limited := h.get("token add", `{"client":"alice","expires":"30d","rooms":{"feed.x":"send","*":"hear"}}`)
	h.get("token add bob", `{"rooms":["a","b.*"]}`)
	h.heardOnly("add")
	for range 2 {
		text := field(t, plain, "token")
		token, found := h.TokenByHash(HashToken(text))
		if !found || token.Client != "alice" || token.Expires != 0 || token.Rooms != nil || token.ID != field(t, plain, "id") ||
			!strings.HasPrefix(text, "pht_") || len(text) != len("pht_")+43 {
			t.Errorf("%s is %+v", plain, token)
		}
		token, _ = h.TokenByHash(HashToken(field(t, limited, "token")))
		if in := time.Until(time.Unix(token.Expires, 0)); in < 30*day-time.Hour || in > 30*day {
			t.Errorf("%s expires in %v", limited, in)
		}
		if token.Rooms.Of("feed.x") != schema.ScopeSend || token.Rooms.Of("other") != schema.ScopeHear {
			t.Errorf("%s is limited to %+v: the order was lost", limited, token.Rooms)
		}
		h.reopen()
	}
	var listed []map[string]any
	if err := json.Unmarshal([]byte(h.get("token list alice", "")), &listed); err != nil || len(listed) != 2 {
		t.Fatalf("alice has %v (%v), want two tokens", listed, err)
	}
	for _, one := range listed {
		if _, told := one["token"]; told || one["client"] != "alice" {
			t.Errorf("listed is %v", one)
		}
	}
	h.same("expires", field(t, limited, "expires"), time.Unix(mustToken(h, limited).Expires, 0).UTC().Format(time.RFC3339))
	if all := h.get("token list", ""); strings.Count(all, `"id"`) != 3 || !strings.Contains(all, `"rooms":["a","b.*"]`) {
		t.Errorf("all are %s", all)
	}
	h.same("tokens", h.get("client show alice", ""), shownClient("alice", `{"tokens":2}`))
	h.told = nil
	h.get("token revoke "+field(t, plain, "id"), "")
	h.heardOnly("revoke", Change{TokenRevoked: Revoked{"alice", field(t, plain, "id")}})
	h.reopen()
	if _, found := h.TokenByHash(HashToken(field(t, plain, "token"))); found {
		t.Error("a revoked token is known")
	}
	h.refused("token revoke "+field(t, plain, "id"), "", schema.NotFound, "no token")
	h.refused("token add", "", schema.Malformed, "for which client")
	h.refused("token add alice", `{"client":"bob"}`, schema.Malformed, "two clients")
	h.refused("token add alice", `{"rooms":7}`, schema.Malformed, "rooms")
	h.refused("token add alice", `{"rooms":["-x"]}`, schema.Malformed, "rooms")
}

func mustToken(h *testHouse, added string) Token {
	token, found := h.TokenByHash(HashToken(field(h.T, added, "token")))
	if !found {
		h.Errorf("%s is not known", added)
	}
	return token
}

func TestLifetimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		``: 0, `null`: 0, `60`: time.Minute, `"60"`: time.Minute, `"720h"`: 720 * time.Hour, `"30d"`: 30 * day,
		`"1h30m"`: 90 * time.Minute, `"36500d"`: lifetimeMost, `1`: time.Second,
	} {
		if got, err := readLifetime(json.RawMessage(text)); err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{`0`, `-1`, `"-1h"`, `1.5`, `"10ms"`, `"36501d"`, `"d"`, `"1.5d"`, `""`, `"soon"`, `true`, `[1]`,
		`99999999999999999999`, `1000000000000`, `"9999999999999d"`, `1e3`} {
		if got, err := readLifetime(json.RawMessage(text)); err == nil {
			t.Errorf("%s was taken as %v", text, got)
		}
	}
}
