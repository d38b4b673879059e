package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestBackupOfADatabaseInUse(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	s := open(t, filepath.Join(folder, "house.db"))
	const before = 500
	rules := `{"allow":["` + strings.Repeat("x", 16000) + `"]}` // so that it takes several steps
	for i := range before {
		must(t, s.PutRoom(ctx, Room{Name: fmt.Sprint("room", i), Rules: rules}))
	}
	ended, begun := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			if err := s.PutClient(ctx, Client{Name: fmt.Sprint("client", i)}); err != nil {
				t.Error(err)
			}
			if i == 0 {
				close(begun)
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	<-begun
	file := filepath.Join(folder, "back up?#%.db")
	err := s.Backup(ctx, file)
	close(ended)
	writer.Wait()
	must(t, err)

	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the backup's mode is %v (%v), want 0600", info.Mode(), err)
	}
	for _, left := range []string{"-wal", "-shm", "-journal"} {
		if _, err := os.Stat(file + left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("beside the backup stands %s (%v)", left, err)
		}
	}
	counts, err := open(t, file).Counts(ctx)
	must(t, err)
	if counts["rooms"] != before || counts["clients"] == 0 {
		t.Errorf("the backup has %v, want %d rooms and clients", counts, before)
	}
	var verdict string
	must(t, other(t, s.path).QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		t.Errorf("the database after its backup: %s", verdict)
	}
}

func TestBackupOverwritesNothing(t *testing.T) {
	folder := t.TempDir()
	s := open(t, filepath.Join(folder, "house.db"))
	file := filepath.Join(folder, "precious")
	must(t, os.WriteFile(file, []byte("mine"), 0o644))
	for _, path := range []string{file, s.path, folder} {
		expect(t, s.Backup(t.Context(), path), fs.ErrExist, path)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q (%v), want what it held", text, err)
	}
	missing := filepath.Join(folder, "no", "folder")
	expect(t, s.Backup(t.Context(), missing), ErrUnwritable, missing)
}

func TestBackupThatEndsLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	s := open(t, filepath.Join(folder, "house.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(folder, "backup")
	expect(t, s.Backup(ctx, file), context.Canceled, file)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup that was ended left its file: %v", err)
	}
}
