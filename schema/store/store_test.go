package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// other opens the file as another program would.
func other(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func run(t *testing.T, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// expect fails unless err is want, one line, and names path.
func expect(t *testing.T, err, want error, path string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want one of %v", err, want)
	}
	if strings.ContainsRune(err.Error(), '\n') || !strings.Contains(err.Error(), path) {
		t.Errorf("error is not one line that names %s: %q", path, err)
	}
	t.Log(err)
}

func schemaVersion(t *testing.T, path string) (version int) {
	t.Helper()
	if err := other(t, path).QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

func TestOpenFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house?a=1#b%20 &.db")
	s := open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o, want 600", info.Mode().Perm())
	}
	for pragma, want := range map[string]string{
		"user_version": fmt.Sprint(len(migrations)), "journal_mode": "wal", "synchronous": "1",
		"foreign_keys": "1", "busy_timeout": "100", "journal_size_limit": fmt.Sprint(logMost),
		"cache_size": fmt.Sprint(-cacheMost >> 10),
	} {
		var have string
		if err := s.db.QueryRow("PRAGMA " + pragma).Scan(&have); err != nil {
			t.Fatal(err)
		}
		if have != want {
			t.Errorf("%s is %s, want %s", pragma, have, want)
		}
	}
	counts, err := s.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"puddles": 0, "sequences": 0, "subscriptions": 0, "rooms": 0, "clients": 0, "tokens": 0, "endpoints": 0}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("rows are %v, want %v", counts, want)
	}
}

func TestOpenMigrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	conn := other(t, path)
	run(t, conn, migrations[0], "PRAGMA user_version = 1",
		"INSERT INTO rooms (name, kind, owner, rules, made) VALUES ('club', 'persistent', 'alice', '{\"size\":9}', 1700000000123)",
		"INSERT INTO sequences VALUES (-5, 1, 'bob', 'room', '10.0.0.1:99', 1700000000456)",
		"INSERT INTO subscriptions VALUES (-5, 'club')")
	conn.Close()
	s := open(t, path)
	if version := schemaVersion(t, path); version != len(migrations) {
		t.Errorf("version is %d, want %d", version, len(migrations))
	}
	rooms, err := s.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []Room{{"club", Persistent, "alice", `{"size":9}`, time.UnixMilli(1700000000123)}}; !slices.Equal(rooms, want) {
		t.Errorf("rooms are %v, want %v", rooms, want)
	}
	fourBelow := schema.SequenceID(1<<64 - 5)
	same(t, s, Sequence{fourBelow, 1, "bob", schema.InRoom, "10.0.0.1:99", time.UnixMilli(1700000000456), []string{"club"}})
	if counts, err := s.Counts(t.Context()); err != nil || counts["clients"] != 0 {
		t.Errorf("clients after the migration: %v, %v", counts, err)
	}
}

func TestOpenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	s := open(t, path)
	if err := s.Apply(t.Context(), Batch{Puddles: []Puddle{{Slot: 3, State: "up", Since: time.UnixMilli(1)}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	puddles, err := open(t, path).Puddles(t.Context())
	if err != nil || len(puddles) != 1 {
		t.Errorf("puddles are %v, %v", puddles, err)
	}
}

func TestOpenRefusesNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	open(t, path).Close()
	run(t, other(t, path), "PRAGMA user_version = 9")
	_, err := Open(t.Context(), path)
	expect(t, err, ErrNewer, path)
	want := fmt.Sprintf("was written by a newer Porthouse (schema 9, this binary knows %d): run the newer binary, or point --data elsewhere", len(migrations))
	if !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error is %q, want it to end with %q", err, want)
	}
	if version := schemaVersion(t, path); version != 9 {
		t.Errorf("version is %d afterwards, want 9", version)
	}
}

func TestOpenRefusesForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bookmarks.db")
	run(t, other(t, path), "CREATE TABLE bookmarks (url TEXT)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path)
	expect(t, err, ErrForeign, path)
	if after, err := os.ReadFile(path); err != nil || !slices.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestOpenUnwritable(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		filepath.Join(file, "house.db"),              // in what is no folder
		filepath.Join(folder, "missing", "house.db"), // in a folder that is not there
		folder, // a folder itself
	} {
		_, err := Open(t.Context(), path)
		expect(t, err, ErrUnwritable, path)
	}
	_, err := Open(t.Context(), filepath.Join(folder, "missing", "house.db"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error does not say that the folder is missing: %v", err)
	}
}

func TestOpenReadOnlyFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	path := filepath.Join(t.TempDir(), "house.db")
	open(t, path).Close()
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	expect(t, err, ErrUnwritable, path)
}

func TestOpenGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is a letter, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	expect(t, err, ErrCorrupt, path)
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	open(t, path).Close()
	conn := other(t, path)
	run(t, conn, "BEGIN IMMEDIATE")
	_, err := Open(t.Context(), path)
	expect(t, err, ErrLocked, path)
	time.AfterFunc(patience/4, func() { conn.ExecContext(context.Background(), "ROLLBACK") })
	open(t, path) // waits
}

func TestOpenEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "house.db")
	_, err := Open(ctx, path)
	expect(t, err, context.Canceled, path)
}
