package book

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

// TestSecretsStayInside does all that has to do with secrets and looks for
// them in every result, print and error.
func TestSecretsStayInside(t *testing.T) {
	const password, roomCode = "correct-horse", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	h := newTestHouse(t)
	h.Hasher = hashAtOnce
	secrets := []string{password, roomCode, "argon2id"}
	look := func(what string, texts ...any) {
		t.Helper()
		for _, text := range texts {
			for _, secret := range secrets {
				if strings.Contains(fmt.Sprint(text), secret) {
					t.Errorf("%s tells %q: %s", what, secret, text)
				}
			}
		}
	}
	do := func(words, values string) any {
		t.Helper()
		w := strings.SplitN(words+"  ", " ", 4)
		result, refusal, err := h.Do(t.Context(), schema.Operation{Noun: w[0], Verb: w[1], Name: w[2], Values: json.RawMessage(values), By: operator})
		look(words, fmt.Sprintf("%v %+v %#v", result, result, result), refusal, err)
		return result
	}
	do("client add alice", "")
	for _, key := range []string{"token add alice", "client totp alice"} {
		once, err := json.Marshal(do(key, ""))
		if err != nil {
			t.Fatal(err)
		}
		secret := field(t, string(once), map[string]string{"token add alice": "token", "client totp alice": "secret"}[key])
		if secret == "" {
			t.Fatalf("%s shows no secret: %s", key, once)
		}
		secrets = append(secrets, secret)
		do(key, "")
	}
	for words, values := range map[string]string{
		"client passwd alice": `{"password":"` + password + `"}`,
		"room add chat":       `{"password":"` + password + `","otp":"` + roomCode + `"}`,
	} {
		if do(words, values) == nil {
			t.Errorf("%s was refused", words)
		}
	}
	for words, values := range map[string]string{
		"client passwd bob": `{"password":"` + password + `"}`, "client passwd alice": `{"password":["` + password + `"]}`,
		"client passwd  alice": `{"password":"` + password + ``, "client add bob": `{"password":"` + password + `"}`,
		"room set chat": `{"password":{"x":"` + password + `"}}`, "room set  chat": `{"otp":"` + roomCode + `="}`,
		"client totp alice": `{"remove":"` + roomCode + `"}`, "room add chat": `{"password":"` + password + `"}`,
	} {
		if result := do(words, values); result != nil {
			t.Errorf("%s %s was done", words, values)
		}
	}
	for _, words := range []string{"client show alice", "client list", "token list alice", "room show chat", "room list"} {
		result := do(words, "")
		text, err := json.Marshal(result)
		if result == nil || err != nil {
			t.Fatalf("%s: %v", words, err)
		}
		look(words, string(text))
	}
	look("the book", fmt.Sprintf("%v %+v %#v", h.clients, h.secrets, h.rooms), fmt.Sprintf("%+v %#v", h.Book.secrets, h.Rooms()), fmt.Sprintf("%+v", h.told))
}

func TestHasherDecides(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.Hasher = func(context.Context, schema.PlainPassword) (schema.PasswordHash, error) {
		return schema.PasswordHash{}, &schema.Refusal{Code: schema.Rate, Message: "later"}
	}
	h.refused("client passwd alice", `{"password":"p"}`, schema.Rate, "later")
	h.refused("room add chat", `{"password":"p"}`, schema.Rate, "later")
	broken := errors.New("no memory")
	h.Hasher = func(ctx context.Context, _ schema.PlainPassword) (schema.PasswordHash, error) {
		if _, found := h.Client("alice"); !found { // no lock is held
			t.Error("alice is gone")
		}
		return schema.PasswordHash{}, broken
	}
	_, refusal, err := h.Do(t.Context(), schema.Operation{Noun: "client", Verb: "passwd", Name: "alice", Values: []byte(`{"password":"p"}`), By: operator})
	if refusal != nil || !errors.Is(err, broken) {
		t.Errorf("a broken hasher: %v, %v", refusal, err)
	}
	if _, has := h.PasswordHash("alice"); has || len(h.Rooms()) > 0 {
		t.Error("something was set")
	}
}
