package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

const testSecret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testClient(t *testing.T, name string) Client {
	t.Helper()
	totp, good := OTPSecret(testSecret)
	if !good {
		t.Fatal("the test's secret is none")
	}
	return Client{Name: name, Owner: true, Admin: true, Password: schema.StoredPassword("$hash of " + name),
		TOTP: totp, Settings: `{"direct":"nobody"}`}
}

// reopened closes a store and opens its file anew.
func reopened(t *testing.T, s *Store) *Store {
	t.Helper()
	must(t, s.Close())
	return open(t, s.path)
}

func TestClientsStay(t *testing.T) {
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "house.db"))
	alice := testClient(t, "alice")
	must(t, s.PutClient(ctx, Client{Name: "bob"}))
	must(t, s.PutClient(ctx, Client{Name: "alice"}))
	must(t, s.PutClient(ctx, alice))
	all, err := reopened(t, s).Clients(ctx)
	must(t, err)
	if len(all) != 2 || !reflect.DeepEqual(all[0], alice) {
		t.Fatalf("clients are %+v, want alice as she was put, and bob", all)
	}
	if bob := all[1]; bob.Name != "bob" || bob.Owner || bob.Password.Set() || bob.TOTP.Set() || bob.Settings != "{}" {
		t.Errorf("bob is %+v, want nothing but a name", bob)
	}
	if text := fmt.Sprintf("%v %+v %#v", all, all, all); strings.Contains(text, testSecret) || strings.Contains(text, "hash of") {
		t.Errorf("a client prints its secrets: %s", text)
	}
}

func TestDamagedSecretIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	s := open(t, path)
	run(t, other(t, path), "INSERT INTO clients (name, totp) VALUES ('alice', 'not base32')")
	_, err := s.Clients(t.Context())
	expect(t, err, ErrCorrupt, path)
	if strings.Contains(err.Error(), "not base32") || !strings.Contains(err.Error(), "alice") {
		t.Errorf("error is %q, want the client and not the secret", err)
	}
}

func TestTokensStay(t *testing.T) {
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "house.db"))
	made := time.UnixMilli(time.Now().UnixMilli())
	want := []Token{
		{ID: "1", Hash: sha256.Sum256([]byte("one")), Client: "alice", Made: made},
		{ID: "2", Hash: sha256.Sum256([]byte("two")), Client: "alice", Expires: made.Add(time.Hour), Rooms: `["a"]`, Made: made},
	}
	for _, token := range want {
		must(t, s.AddToken(ctx, token))
	}
	if err := s.AddToken(ctx, Token{ID: "3", Hash: want[0].Hash, Client: "bob"}); err == nil {
		t.Error("two tokens of one hash were taken")
	}
	s = reopened(t, s)
	got, err := s.Tokens(ctx)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("tokens are %+v, want %+v", got, want)
	}
	must(t, s.RemoveToken(ctx, "1"))
	must(t, s.RemoveToken(ctx, "1"))
	if got, err = s.Tokens(ctx); err != nil || !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("tokens are %+v (%v), want %+v", got, err, want[1:])
	}
}

func TestRemovedClientTakesItsThings(t *testing.T) {
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "house.db"))
	for _, name := range []string{"alice", "ali"} {
		must(t, s.PutClient(ctx, testClient(t, name)))
		must(t, s.AddToken(ctx, Token{ID: "of-" + name, Hash: sha256.Sum256([]byte(name)), Client: name}))
		must(t, s.PutRoom(ctx, Room{Name: name + "/notes", Owner: name}))
		must(t, s.PutRoom(ctx, Room{Name: name + "-hall", Owner: name}))
		must(t, s.AddEndpoint(ctx, Endpoint{Host: name + ".test", Client: name}))
		must(t, s.AddEndpoint(ctx, Endpoint{Host: name + ".test", Path: "hall", Room: name + "-hall"}))
		must(t, s.AddEndpoint(ctx, Endpoint{Host: name + ".test", Path: "later", Room: name + "/later"}))
	}
	must(t, s.Apply(ctx, Batch{Rooms: []Room{{Name: "brief", Owner: "ali"}}}))
	gone, err := s.RemoveClient(ctx, "ali")
	must(t, err)
	want := Removed{[]string{"of-ali"}, []string{"ali-hall", "ali/notes"}, []Endpoint{
		{"ali.test", "", "", "ali"}, {"ali.test", "hall", "ali-hall", ""}, {"ali.test", "later", "ali/later", ""}}}
	if !reflect.DeepEqual(gone, want) {
		t.Errorf("gone are %+v, want %+v", gone, want)
	}
	counts, err := s.Counts(ctx)
	must(t, err)
	for table, count := range map[string]int{"clients": 1, "tokens": 1, "rooms": 3, "endpoints": 3} {
		if counts[table] != count {
			t.Errorf("%s has %d rows, want %d", table, counts[table], count)
		}
	}
}

func TestPersistentRoom(t *testing.T) {
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "house.db"))
	must(t, s.Apply(ctx, Batch{Rooms: []Room{{Name: "chat", Rules: `{"echo":true}`}, {Name: "brief"}}}))
	want := Room{"chat", Persistent, "alice", `{"size":10}`, time.UnixMilli(1700000000000)}
	must(t, s.PutRoom(ctx, want))
	must(t, s.Apply(ctx, Batch{Rooms: []Room{{Name: "chat"}}, RoomsGone: []string{"chat"}}))
	must(t, s.AddEndpoint(ctx, Endpoint{Host: "h", Room: "chat"}))
	must(t, s.AddEndpoint(ctx, Endpoint{Host: "h", Path: "b", Room: "brief"}))
	s = reopened(t, s)
	must(t, s.Sweep(ctx))
	rooms, err := s.Rooms(ctx)
	must(t, err)
	if !reflect.DeepEqual(rooms, []Room{want}) {
		t.Fatalf("rooms are %+v, want %+v", rooms, want)
	}
	must(t, s.Apply(ctx, Batch{Rooms: []Room{{Name: "brief"}}}))
	for name, led := range map[string]int{"chat": 1, "brief": 0, "none": 0} {
		gone, err := s.RemoveRoom(ctx, name)
		if err != nil || len(gone) != led {
			t.Errorf("with %s went %v (%v), want %d endpoints", name, gone, err, led)
		}
	}
	if rooms, err = s.Rooms(ctx); err != nil || len(rooms) != 1 || rooms[0].Name != "brief" {
		t.Errorf("rooms are %+v (%v), want the transient one", rooms, err)
	}
	must(t, s.RemoveEndpoint(ctx, "h", "b"))
	if left, err := s.Endpoints(ctx); err != nil || len(left) != 0 {
		t.Errorf("endpoints are %v (%v), want none", left, err)
	}
}

func TestChangesExplainErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	s := open(t, path)
	run(t, other(t, path), "BEGIN IMMEDIATE")
	ctx := t.Context()
	_, clientErr := s.RemoveClient(ctx, "a")
	_, roomErr := s.RemoveRoom(ctx, "a")
	for _, err := range []error{clientErr, roomErr, s.PutClient(ctx, Client{Name: "a"}), s.PutRoom(ctx, Room{Name: "a"}),
		s.AddToken(ctx, Token{}), s.RemoveToken(ctx, "a"), s.AddEndpoint(ctx, Endpoint{Room: "a"}), s.RemoveEndpoint(ctx, "a", "")} {
		expect(t, err, ErrLocked, path)
	}
	if err := s.AddEndpoint(ctx, Endpoint{Host: "h", Room: "a", Client: "b"}); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("an endpoint that leads to two: %v", err)
	}
}
