package book

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

// TestLookupsDuringWrites: several write, several look up, a backup is taken.
// A lookup sees a client before or after a change, never between.
func TestLookupsDuringWrites(t *testing.T) {
	h := newTestHouse(t)
	ended := make(chan struct{})
	var writers, readers sync.WaitGroup
	do := func(noun, verb, name, values string) {
		op := schema.Operation{Noun: noun, Verb: verb, Name: name, Values: json.RawMessage(values), By: operator}
		if _, refusal, err := h.Do(t.Context(), op); refusal != nil || err != nil {
			t.Errorf("%s %s %s: %v, %v", noun, verb, name, refusal, err)
		}
	}
	const rounds = 40
	for i := range 3 {
		writers.Go(func() {
			name := fmt.Sprint("client", i)
			do("client", "add", name, "")
			for n := range rounds {
				flags := n%2 == 0
				do("client", "set", name, fmt.Sprintf(`{"owner":%v,"primary":%v}`, flags, flags))
				do("token", "add", name, "")
				do("room", "add", fmt.Sprintf("%s/%d", name, n), "")
				do("endpoint", "add", fmt.Sprintf("%s.test/%d", name, n), fmt.Sprintf(`{"client":%q}`, name))
			}
		})
		readers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if c, found := h.Client(fmt.Sprint("client", i)); found && c.Owner != c.Primary {
					t.Errorf("half of a change is seen: %+v", c)
				}
				h.HasHost("client1.test")
				h.TokenByHash([32]byte{})
				h.Rooms()
				h.Endpoints()
			}
		})
	}
	if err := h.st.Backup(t.Context(), filepath.Join(t.TempDir(), "backup.db")); err != nil {
		t.Error(err)
	}
	writers.Wait()
	close(ended)
	readers.Wait()
	if want := 3 * (1 + 3*rounds); len(h.told) != want { // tokens that are added are not told
		t.Errorf("%d changes were heard, want %d", len(h.told), want)
	}
	before := h.kept()
	h.reopen()
	h.same("after a restart", h.kept(), before)
}

// TestLookupsDoNotWaitForTheDisk: while a change holds what it holds when it
// waits for the disk, every lookup answers.
func TestLookupsDoNotWaitForTheDisk(t *testing.T) {
	h := newTestHouse(t)
	h.furnish()
	h.alter(func() (any, error) {
		_, client := h.Client("alice")
		_, room := h.Room("alice/room")
		_, token := h.TokenByHash([32]byte{})
		_, password := h.PasswordHash("alice")
		_, totp := h.TOTPSecret("alice")
		if !client || !room || token || password || totp || !h.HasHost("alice.test") || len(h.Rooms()) != 3 || len(h.Endpoints()) != 3 {
			t.Error("lookups tell something else than what was kept")
		}
		return nil, nil
	})
}
