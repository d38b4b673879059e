package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "data")
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	_, err = openFolder(path)
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() || !strings.Contains(err.Error(), path) {
		t.Errorf("a second house: %v", err)
	}
	if pid, isHeld := Holder(path); !isHeld || pid != os.Getpid() {
		t.Errorf("Holder = %d, %v", pid, isHeld)
	}
	if err := f.release(); err != nil {
		t.Fatal(err)
	}
	if _, isHeld := Holder(path); isHeld {
		t.Error("held after release")
	}
	// a house that was killed leaves its number behind
	if err := os.WriteFile(f.file(lockFile), []byte("999999999\nmore"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.release()
	if pid, _ := Holder(path); pid != os.Getpid() {
		t.Errorf("Holder = %d after a stale one", pid)
	}
}

func TestFolderUnusable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below"), "/proc/porthouse"} {
		_, err := openFolder(path)
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if pid, held := Holder(filepath.Join(file, "below")); held {
		t.Errorf("nothing is held by %d", pid)
	}
}
