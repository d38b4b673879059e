package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// What a caller decides by, with errors.Is. ErrLocked, ErrFull and ErrIO may
// pass by themselves; the others need somebody's hand.
var (
	ErrUnwritable = errors.New("cannot be written")
	ErrLocked     = errors.New("locked by another program")
	ErrFull       = errors.New("no space left")
	ErrIO         = errors.New("reading or writing failed")
	ErrCorrupt    = errors.New("damaged, or no SQLite database")
	ErrForeign    = errors.New("a database of another program")
	ErrNewer      = errors.New("written by a newer Porthouse")
)

// explain makes one line of an error: what was tried, on which file, what
// was wrong and what to do.
func (s *Store) explain(tried string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s database %s: %w", tried, s.path, err)
	}
	if errors.Is(err, ErrNewer) || errors.Is(err, ErrForeign) { // whole already
		return err
	}
	kind := kindOf(err)
	if kind == nil {
		return fmt.Errorf("%s database %s: %w", tried, s.path, err)
	}
	return fmt.Errorf("%s database %s: %w (%w): %s", tried, s.path, kind, err, s.remedy(kind))
}

func (s *Store) remedy(kind error) string {
	folder := filepath.Dir(s.path)
	switch kind {
	case ErrUnwritable:
		return fmt.Sprintf("let folder %s exist and be writable, with what is in it, for the user who runs this, or point --data elsewhere", folder)
	case ErrLocked:
		return "end the program that holds it, or let it finish, and try again"
	case ErrFull:
		return fmt.Sprintf("free space on the disk of %s", folder)
	case ErrIO:
		return fmt.Sprintf("see the kernel's log about the disk of %s", folder)
	default: // ErrCorrupt
		return "put a backup in its place, or move it away to begin with an empty one"
	}
}

// kindOf tells which of the Err variables stands for what the file system or
// SQLite said; nil if none does.
func kindOf(err error) error {
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		return kindOfCode(failed.Code())
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	case errors.Is(err, syscall.EIO):
		return ErrIO
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return ErrUnwritable
	}
	return nil
}

func kindOfCode(code int) error {
	switch code & 0xff { // without the extension
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_PROTOCOL:
		return ErrLocked
	case codes.SQLITE_FULL:
		return ErrFull
	case codes.SQLITE_IOERR:
		return ErrIO
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return ErrCorrupt
	case codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return ErrUnwritable
	}
	return nil
}
