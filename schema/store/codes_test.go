package store

import (
	"path/filepath"
	"testing"
)

func TestUseCode(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "house.db"))
	alice, bob := [32]byte{1}, [32]byte{2}
	use := func(key [32]byte, step, past int64, want bool) {
		t.Helper()
		if fresh, err := s.UseCode(t.Context(), key, step, past); err != nil || fresh != want {
			t.Errorf("step %d: %v, %v", step, fresh, err)
		}
	}
	use(alice, 10, 8, true)
	use(alice, 10, 8, false)
	use(bob, 10, 8, true)
	use(alice, 9, 8, false) // older than the last
	s = reopened(t, s)
	use(alice, 10, 8, false)
	use(alice, 11, 9, true)
	use(bob, 13, 11, true)
	var left int
	if err := s.db.QueryRow("SELECT count(*) FROM codes").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are noted, %v; want 1: what is past is forgotten", left, err)
	}
}
