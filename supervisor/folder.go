package supervisor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockFile     = "lock"
	databaseFile = "porthouse.db"
)

// folder is the data folder of a house, held by a lock on a file in it. The
// file stays when the house goes: to remove it would be a race with the next.
type folder struct {
	path string // absolute
	lock *os.File
}

// HeldError says that another house is up on a data folder.
type HeldError struct {
	Folder string
	PID    int // 0: not known
}

func (e *HeldError) Error() string {
	holder := "another porthouse"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data folder %s is held by %s: a house is up on it; stop that one, or give this one another --data", e.Folder, holder)
}

// openFolder makes the folder, mode 0700, where there is none, and locks it.
// The error is a *HeldError where a house is up on it.
func openFolder(path string) (*folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", path, err)
	}
	f := &folder{path: absolute}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return nil, f.unusable(err)
	}
	if f.lock, err = os.OpenFile(f.file(lockFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, f.unusable(err)
	}
	if err := f.take(); err != nil {
		f.lock.Close()
		return nil, err
	}
	return f, nil
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) unusable(err error) error {
	remedy := "give --data a folder that this user may write"
	switch {
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		remedy = "a file stands in its way; give --data another one"
	case errors.Is(err, syscall.ENOSPC):
		remedy = "its disk is full"
	case errors.Is(err, syscall.EROFS):
		remedy = "its file system is read-only; give --data another one"
	}
	return fmt.Errorf("data folder %s cannot be used: %w: %s", f.path, err, remedy)
}

// take locks the folder and writes down who did.
func (f *folder) take() error {
	err := flock(f.lock)
	for tries := 0; errors.Is(err, unix.EWOULDBLOCK) && tries < 4; tries++ {
		time.Sleep(20 * time.Millisecond) // Holder has it for an instant
		err = flock(f.lock)
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return &HeldError{f.path, holderOf(f.lock)}
	case err != nil:
		return f.unusable(fmt.Errorf("flock %s: %w", f.lock.Name(), err))
	}
	if err := f.lock.Truncate(0); err != nil {
		return f.unusable(err)
	}
	if _, err := f.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return f.unusable(err)
	}
	return nil
}

// release lets another house have the folder.
func (f *folder) release() error {
	return errors.Join(f.lock.Truncate(0), f.lock.Close())
}

// Holder tells which process holds a data folder, 0 where that is not known,
// and whether one does.
func Holder(path string) (pid int, held bool) {
	lock, err := os.Open(filepath.Join(path, lockFile))
	if err != nil {
		return 0, false
	}
	defer lock.Close() // and with it the lock, if we got it
	if errors.Is(flock(lock), unix.EWOULDBLOCK) {
		return holderOf(lock), true
	}
	return 0, false
}

func flock(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// holderOf reads who holds a lock, and waits a moment for it to be written.
func holderOf(lock *os.File) int {
	for range 10 {
		text, err := io.ReadAll(io.NewSectionReader(lock, 0, 32))
		if pid, ok := strings.CutSuffix(string(text), "\n"); ok && err == nil {
			n, _ := strconv.Atoi(pid)
			return n
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0
}
