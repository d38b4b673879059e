package book

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor/credential"
)

func TestClients(t *testing.T) {
	h := newTestHouse(t)
	h.same("add", h.get("client add alice", `{"owner":true}`), shownClient("alice", `{"owner":true}`))
	h.heardOnly("add", Change{ClientChanged: "alice"})
	h.get("client add auth0|7", `{"primary":true,"direct":"nobody"}`)
	h.same("set", h.get("client set alice", `{"owner":false,"admin":true,"direct":"authenticated","admits":["bob","auth0|7"]}`),
		shownClient("alice", `{"admin":true,"direct":"authenticated","admits":["bob","auth0|7"]}`))
	if c, found := h.Client("alice"); !found || c.Identity().Direct != schema.DirectAuthenticated || !c.Identity().Admin {
		t.Errorf("the lookup tells %+v", c)
	}
	h.same("words", h.get("client set alice", `{"admits":"anyone","direct":null}`), shownClient("alice", `{"admin":true,"admits":"anyone"}`))
	h.reopen()
	h.same("list", h.get("client list", ""), `[`+shownClient("alice", `{"admin":true,"admits":"anyone"}`)+`,`+
		shownClient("auth0|7", `{"primary":true,"direct":"nobody"}`)+`]`)
	h.same("nobody", h.get("client set alice", `{"admits":null}`), shownClient("alice", `{"admin":true}`))
	h.refused("client add alice", "", schema.Exists, "client set")
	h.refused("client set alice", "", schema.Malformed, "nothing to set")
	for _, missing := range []string{"client show bob", "client set bob", "client passwd bob", "client totp bob", "client remove bob", "token list bob", "token add bob"} {
		h.refused(missing, "", schema.NotFound, `no client "bob"`)
	}
	for _, name := range []string{"", "~x", "a b", "Token", "token", strings.Repeat("x", 129), "a\x00"} {
		h.refused("client add "+name, "", schema.Malformed, "no client's name")
	}
	for values, says := range map[string]string{
		`{"direct":"room"}`: `did you mean "rooms"?`, `{"direct":1}`: "direct: may be", `{"admits":"bob"}`: "in a list",
		`{"admits":["anyone"]}`: "stands alone", `{"admits":["~x"]}`: "no client's name", `{"admits":7}`: "admits: may be",
		`{"owner":null}`: "owner: may be", `{"password":"p"}`: "no value of client set",
	} {
		h.refused("client set alice", values, schema.Malformed, says)
	}
}

func TestPasswords(t *testing.T) {
	h := newTestHouse(t)
	h.Hasher = hashAtOnce
	h.get("client add alice", "")
	h.told = nil
	if _, has := h.PasswordHash("alice"); has {
		t.Error("a new client has a password")
	}
	h.same("set", h.get("client passwd alice", `{"password":"p\u00e4ss<word>"}`), `{"client":"alice","password":true}`)
	h.heardOnly("set", Change{PasswordChanged: "alice"})
	h.reopen()
	hash, has := h.PasswordHash("alice")
	if !has || !credential.CheckPassword(hash, "päss<word>") || credential.CheckPassword(hash, "päss<word") {
		t.Errorf("the hash %q does not check", hash)
	}
	h.same("take away", h.get("client passwd alice", `{"password":null}`), `{"client":"alice","password":false}`)
	if _, has := h.PasswordHash("alice"); has {
		t.Error("the password is still there")
	}
	for _, values := range []string{``, `{"password":true}`, `{"password":""}`, `{"password":["x"]}`, `{"password":"a\nb"}`,
		`{"password":"` + strings.Repeat("x", 1025) + `"}`} {
		h.refused("client passwd alice", values, schema.Malformed, "1 to 1024 bytes")
	}
}

func TestSecondFactor(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.told = nil
	shown := h.get("client totp alice", "")
	h.heardOnly("set", Change{TOTPChanged: "alice"})
	h.reopen()
	secret, has := h.TOTPSecret("alice")
	if !has || secret != field(t, shown, "secret") || !strings.HasPrefix(field(t, shown, "url"), "otpauth://totp/Porthouse:alice?") {
		t.Errorf("shown was %s, kept is %q", shown, secret)
	}
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil || !totp.Validate(code, field(t, shown, "secret")) {
		t.Errorf("the secret makes no codes: %v", err)
	}
	if again := h.get("client totp alice", `{"remove":false}`); field(t, again, "secret") == secret {
		t.Error("the same secret twice")
	}
	h.same("remove", h.get("client totp alice", `{"remove":true}`), `{"client":"alice","totp":false}`)
	if _, has := h.TOTPSecret("alice"); has {
		t.Error("the secret is still there")
	}
	h.refused("client totp alice", `{"remove":1}`, schema.Malformed, "remove: may be")
}

func TestRemovedClientTakesItsThings(t *testing.T) {
	h := newTestHouse(t)
	for _, name := range []string{"alice", "bob"} {
		h.get("client add "+name, "")
		h.get("room add "+name+"/notes", "")
		h.get("endpoint add "+name+".test", `{"client":"`+name+`"}`)
	}
	h.get("room add hall", `{"owner":"alice"}`)
	h.get("endpoint add alice.test/hall", `{"room":"hall"}`)
	token := h.get("token add alice", "")
	h.get("client passwd alice", `{"password":"p"}`)
	h.told = nil
	id := field(t, token, "id")
	h.same("remove", h.get("client remove alice", ""), `{"client":"alice","tokens":["`+id+`"],"rooms":["alice/notes","hall"],"endpoints":["alice.test","alice.test/hall"]}`)
	h.heardOnly("remove", Change{TokenRevoked: Revoked{"alice", id}}, Change{RoomRemoved: "alice/notes"}, Change{RoomRemoved: "hall"},
		Change{EndpointsChanged: true}, Change{ClientRemoved: "alice"})
	for range 2 {
		_, client := h.Client("alice")
		_, room := h.Room("hall")
		_, known := h.TokenByHash(HashToken(field(t, token, "token")))
		_, password := h.PasswordHash("alice")
		if client || room || known || password || h.HasHost("alice.test") || !h.HasHost("bob.test") {
			t.Errorf("left are client %v, room %v, token %v, password %v, or a host", client, room, known, password)
		}
		if rooms := h.Rooms(); len(rooms) != 1 || rooms[0].Name != "bob/notes" {
			t.Errorf("rooms are %v, want bob's", rooms)
		}
		h.reopen()
	}
	h.get("client add alice", "")
	h.same("anew", h.get("client show alice", ""), shownClient("alice", ""))
}

func TestChangesAreHeardInOrder(t *testing.T) {
	h := newTestHouse(t)
	var first, second []Change
	h.OnChange(func(c Change) {
		if _, found := h.Client(c.ClientChanged); !found {
			t.Errorf("%+v was told before it held", c)
		}
		first = append(first, c)
	})
	h.OnChange(func(c Change) { second = append(second, c) })
	for _, name := range []string{"c", "a", "b"} {
		h.get("client add "+name, "")
	}
	want := []Change{{ClientChanged: "c"}, {ClientChanged: "a"}, {ClientChanged: "b"}}
	if !reflect.DeepEqual(first, want) || !reflect.DeepEqual(second, want) {
		t.Errorf("heard %v and %v, want %v", first, second, want)
	}
}
