package book

import (
	"context"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

var operator = schema.Identity{Admin: true}

// cheap stands in for the hash where a test is not about it.
func cheap(_ context.Context, password schema.PlainPassword) (schema.PasswordHash, error) {
	return schema.StoredPassword("hash " + strings.Repeat("#", len(password.Reveal()))), nil
}

// house is a book on a database of its own.
type testHouse struct {
	*testing.T
	*Book
	path string
	st   *store.Store
	told []Change
}

func newTestHouse(t *testing.T) *testHouse {
	h := &testHouse{T: t, path: filepath.Join(t.TempDir(), "house.db")}
	h.open(schema.Said{}, schema.Ceilings{})
	t.Cleanup(func() { h.st.Close() })
	return h
}

func (h *testHouse) open(defaults schema.Said, ceilings schema.Ceilings) {
	h.Helper()
	var err error
	if h.st, err = store.Open(h.Context(), h.path); err != nil {
		h.Fatal(err)
	}
	if h.Book, err = Open(h.Context(), h.st, defaults, ceilings); err != nil {
		h.Fatal(err)
	}
	h.Hasher = cheap
	h.told = nil
	h.OnChange(func(c Change) { h.told = append(h.told, c) })
}

func (h *testHouse) reopen() {
	h.Helper()
	if err := h.st.Close(); err != nil {
		h.Fatal(err)
	}
	h.open(schema.Said{}, schema.Ceilings{})
}

// ask does "noun verb name" with values as JSON.
func (h *testHouse) ask(by schema.Identity, words, values string) (string, *schema.Refusal) {
	h.Helper()
	w := strings.SplitN(words, " ", 3)
	op := schema.Operation{Noun: w[0], Verb: w[1], By: by, Values: json.RawMessage(values)}
	if len(w) == 3 {
		op.Name = w[2]
	}
	result, refusal, err := h.Do(h.Context(), op)
	if err != nil {
		h.Fatalf("%s: %v", words, err)
	}
	if refusal != nil {
		return "", refusal
	}
	text, err := json.Marshal(result)
	if err != nil {
		h.Fatalf("%s: result does not marshal: %v", words, err)
	}
	return string(text), nil
}

// get is ask of the operator, which must not be refused.
func (h *testHouse) get(words, values string) string {
	h.Helper()
	text, refusal := h.ask(operator, words, values)
	if refusal != nil {
		h.Fatalf("%s: %v", words, refusal)
	}
	return text
}

// refused is ask of the operator, which must be refused so.
func (h *testHouse) refused(words, values string, code schema.ErrorCode, says string) {
	h.Helper()
	text, refusal := h.ask(operator, words, values)
	switch {
	case refusal == nil:
		h.Errorf("%s %s: done (%s), want %s", words, values, text, code)
	case refusal.Code != code || !strings.Contains(refusal.Message, says):
		h.Errorf("%s %s: refused with %v, want %s and %q in it", words, values, refusal, code, says)
	}
}

func (h *testHouse) same(what, got, want string) {
	h.Helper()
	if got != want {
		h.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func (h *testHouse) heardOnly(what string, want ...Change) {
	h.Helper()
	if !reflect.DeepEqual(h.told, want) {
		h.Errorf("%s: heard %+v, want %+v", what, h.told, want)
	}
	h.told = nil
}

// field is one field of a JSON object.
func field(t *testing.T, object, key string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	text, _ := fields[key].(string)
	return text
}

func ceilings(t *testing.T, text string) schema.Ceilings {
	t.Helper()
	c, refusal := schema.ParseCeilings([]byte(text))
	if refusal != nil {
		t.Fatal(refusal)
	}
	return c
}

func defaults(t *testing.T, text string) schema.Said {
	t.Helper()
	said, refusal := schema.ParseDefaults([]byte(text))
	if refusal != nil {
		t.Fatal(refusal)
	}
	return said
}

func TestUnknownOperations(t *testing.T) {
	h := newTestHouse(t)
	h.refused("client ad x", "", schema.Unknown, `did you mean "client add"?`)
	h.refused("door open", "", schema.Unknown, "client add, client list")
	h.refused("client add x", `{"ownr":true}`, schema.Malformed, `did you mean "owner"?`)
	h.refused("client list", `{"all":true}`, schema.Malformed, "it takes none")
	h.refused("client add x", `[]`, schema.Malformed, "not one JSON object")
	h.refused("client add x", `{"owner":"yes"}`, schema.Malformed, "owner: may be true or false")
	h.refused("client add x", `{"x":"`+strings.Repeat("x", valuesMost)+`"}`, schema.TooLarge, "are the most")
	h.heardOnly("refusals")
}

func TestUnreadableRowsAreNamed(t *testing.T) {
	for words, spoil := range map[string]func(*store.Store) error{
		`client "x"`: func(st *store.Store) error {
			return st.PutClient(t.Context(), store.Client{Name: "x", Settings: `{"direct":"moon"}`})
		},
		`room "x"`: func(st *store.Store) error {
			return st.PutRoom(t.Context(), store.Room{Name: "x", Rules: `{"moon":1}`})
		},
		`token "x"`: func(st *store.Store) error {
			return st.AddToken(t.Context(), store.Token{ID: "x", Rooms: `7`})
		},
	} {
		h := newTestHouse(t)
		if err := spoil(h.st); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), h.st, schema.Said{}, schema.Ceilings{}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("opened with a bad %s: %v", words, err)
		}
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	h := newTestHouse(t)
	h.get("client add alice", "")
	h.told = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for words, values := range map[string]string{"client add bob": ``, "client set alice": `{"admin":true}`, "client remove alice": ``,
		"client passwd alice": `{"password":"p"}`, "token add alice": ``, "room add chat": ``, "endpoint add h.test": `{"room":"chat"}`} {
		w := strings.Split(words, " ")
		op := schema.Operation{Noun: w[0], Verb: w[1], Name: w[2], Values: json.RawMessage(values), By: operator}
		result, refusal, err := h.Do(ended, op)
		if err == nil || result != nil || refusal != nil || !strings.Contains(err.Error(), h.path) {
			t.Errorf("%s: %v, %v, %v, want an error that names the file", words, result, refusal, err)
		}
	}
	h.heardOnly("failures")
	h.same("what is kept", h.get("client list", "")+h.get("room list", "")+h.get("endpoint list", "")+h.get("token list", ""),
		`[`+shownClient("alice", "")+`][][][]`)
}

// shownClient is client show of one with only these fields changed.
func shownClient(name, changed string) string {
	fields := map[string]any{}
	json.Unmarshal([]byte(changed), &fields)
	of := func(key string, normally any) string {
		if value, ok := fields[key]; ok {
			normally = value
		}
		return string(marshalled(normally))
	}
	return `{"client":"` + name + `","owner":` + of("owner", false) + `,"primary":` + of("primary", false) + `,"admin":` + of("admin", false) +
		`,"direct":` + of("direct", "rooms") + `,"admits":` + of("admits", []string{}) + `,"password":` + of("password", false) +
		`,"totp":` + of("totp", false) + `,"tokens":` + of("tokens", 0) + `,"rooms":` + of("rooms", []string{}) + `}`
}
