package credential

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const here, there = "192.0.2.1", "198.51.100.7"

func TestPair(t *testing.T) {
	b := newBook().add("alice", "wonderland")
	b.rows["alice"] = schema.Identity{Client: "alice", Owner: true, Admin: true, Direct: schema.DirectNobody}
	b.rows["nopassword"] = schema.Identity{Client: "nopassword"}
	v := newVerifier(t, Config{}, b)
	identity, refusal, _ := v.Who(context.Background(), pairOf("alice", "wonderland"), here)
	if refusal != nil || !identity.Owner || !identity.Admin || identity.Primary || identity.Direct != schema.DirectNobody {
		t.Errorf("alice is %+v, %v", identity, refusal)
	}
	for i, c := range []ipc.Credential{
		pairOf("alice", "wonder"),
		pairOf("alice", ""),
		pairOf("alice", strings.Repeat("w", schema.PasswordMost+1)),
		pairOf("bob", "wonderland"),
		pairOf("nopassword", ""),
		pairOf("nopassword", "nobody's"),
		pairOf("", ""),
		pairOf("~alice", "wonderland"),
		pairOf("alice\x00", "wonderland"),
	} {
		if got := who(v, c, fmt.Sprintf("192.0.2.%d", i+2)); got != "unauthorized" {
			t.Errorf("%q: %s", c.Client, got)
		}
	}
}

func TestRefusalsTellNothing(t *testing.T) {
	b := newBook().add("alice", "wonderland").add("bob", "builder")
	b.secrets["bob"] = vectorSecret
	v := newVerifier(t, Config{}, b)
	var said []string
	for _, c := range []ipc.Credential{
		pairOf("alice", "loudsecret"),
		pairOf("loudsecret", "loudsecret"),
		pairOf("bob", "builder"),
		{Client: "bob", Password: "builder", OTP: "loudsecret"},
		{Client: "bob", Password: "loudsecret", OTP: "123456"},
		{Token: "pht_loudsecret"},
		{Token: "loud.secret.loudsecret"},
	} {
		_, refusal, after := v.Who(context.Background(), c, here)
		if refusal == nil {
			t.Fatalf("%+v was taken", c)
		}
		if strings.Contains(refusal.Error(), "loud") || strings.Contains(refusal.Error(), "builder") || after != 0 {
			t.Errorf("refusal %q, after %d", refusal, after)
		}
		said = append(said, refusal.Error())
	}
	for _, other := range said {
		if other != said[0] {
			t.Errorf("one is refused by %q, another by %q", said[0], other)
		}
	}
}

func TestUnknownClientCostsAHash(t *testing.T) {
	v := newVerifier(t, Config{}, newBook().add("alice", "wonderland"))
	before := hashes(v)
	for i, name := range []string{"alice", "nobody"} {
		if got := who(v, pairOf(name, "wrong"), here); got != "unauthorized" {
			t.Fatalf("%s: %s", name, got)
		}
		if got := hashes(v); got != before+uint64(i)+1 {
			t.Errorf("after %s %d hashes were made", name, got-before)
		}
	}
}

// A real dummy has the parameters of a real password.
func TestDummy(t *testing.T) {
	v, err := New(Config{}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	dummy, ok := parsePHC(v.dummy)
	if !ok || dummy.memory != argonMemory || dummy.time != argonTime || dummy.threads != argonThreads {
		t.Errorf("the dummy is %s", v.dummy)
	}
}

func TestPairsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland")
		v := newVerifier(t, Config{}, b)
		expect := func(what string, c ipc.Credential, verdict string, made uint64) {
			t.Helper()
			before := hashes(v)
			if got := who(v, c, here); got != verdict || hashes(v)-before != made {
				t.Errorf("%s: %s with %d hashes, want %s with %d", what, got, hashes(v)-before, verdict, made)
			}
		}
		alice := pairOf("alice", "wonderland")
		expect("first", alice, "ok", 1)
		expect("again", alice, "ok", 0)
		expect("other password", pairOf("alice", "looking-glass"), "unauthorized", 1)
		expect("other client", pairOf("bob", "wonderland"), "unauthorized", 1)
		time.Sleep(pairsSpan - time.Second)
		expect("after less than five minutes", alice, "ok", 0)
		time.Sleep(2 * time.Second)
		expect("after five minutes", alice, "ok", 1)
		v.ForgetClient("bob")
		expect("after another was forgotten", alice, "ok", 0)
		v.ForgetClient("alice")
		expect("forgotten", alice, "ok", 1)
		b.add("alice", "looking-glass")
		expect("after passwd, not told", alice, "unauthorized", 1)
		expect("new password", pairOf("alice", "looking-glass"), "ok", 1)
		delete(b.hashes, "alice")
		expect("removed, not told", pairOf("alice", "looking-glass"), "unauthorized", 1)
	})
}

func TestSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland")
		v := newVerifier(t, Config{}, b)
		alice := pairOf("alice", "wonderland")
		if got := who(v, alice, here); got != "ok" {
			t.Fatal(got)
		}
		b.secrets["alice"] = vectorSecret
		b.give("pht_token", bookToken{id: "1", client: "alice"})
		code := func(after time.Duration) ipc.Credential {
			return ipc.Credential{Client: "alice", Password: "wonderland", OTP: mustCode(t, time.Now().Add(after))}
		}
		wrongPassword := code(0)
		wrongPassword.Password = "wonder"
		for _, test := range []struct {
			what string
			c    ipc.Credential
			want string
		}{
			{"remembered before the secret was set", alice, "unauthorized"},
			{"wrong password, right code", wrongPassword, "unauthorized"},
			{"two steps ahead", code(2 * codeStep), "unauthorized"},
			{"right code, not used by the wrong password", code(0), "ok"},
			{"the same again", code(0), "unauthorized"},
			{"one step back, after a later one", code(-codeStep), "unauthorized"},
			{"one step ahead", code(codeStep), "ok"},
			{"token alone", ipc.Credential{Token: "pht_token"}, "ok as alice"},
		} {
			if got := who(v, test.c, here); got != test.want {
				t.Errorf("%s: %s, want %s", test.what, got, test.want)
			}
		}
		time.Sleep(3 * codeStep)
		last := code(-codeStep)
		if got := who(v, last, here); got != "ok" {
			t.Errorf("one step back: %s", got)
		}
	})
}

func TestOpaque(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland")
		b.rows["alice"] = schema.Identity{Client: "alice", Admin: true}
		rooms := schema.TokenRooms{{Name: "feed", May: schema.ScopeHear}}
		soon := time.Now().Add(time.Minute).Unix()
		b.give("pht_whole", bookToken{id: "1", client: "alice"})
		b.give("pht_short", bookToken{id: "2", client: "alice", expires: soon, rooms: rooms})
		b.give("pht_gone", bookToken{id: "3", client: "gone"})
		b.give("other_prefix", bookToken{id: "4", client: "alice"})
		v := newVerifier(t, Config{}, b)
		identity, refusal, _ := v.Who(context.Background(), ipc.Credential{Token: "pht_short"}, here)
		if refusal != nil || identity.Token != "2" || identity.Expires != soon || !identity.Admin || identity.Rooms.Of("feed") != schema.ScopeHear {
			t.Errorf("short: %+v, %v", identity, refusal)
		}
		for token, want := range map[string]string{
			"pht_whole": "ok as alice", "pht_gone": "unauthorized", "pht_unknown": "unauthorized",
			"pht_": "unauthorized", "other_prefix": "unauthorized",
		} {
			if got := who(v, ipc.Credential{Token: token}, here); got != want {
				t.Errorf("%s: %s, want %s", token, got, want)
			}
		}
		time.Sleep(time.Minute)
		if got := who(v, ipc.Credential{Token: "pht_short"}, here); got != "unauthorized" {
			t.Errorf("ended: %s", got)
		}
	})
}
