package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

// backupPages is how many pages of 4 KiB are copied between two looks at ctx.
const backupPages = 1024

// Backup copies the database as it is now into file, which must not exist
// yet (mode 0600, for it holds secrets). It reads one snapshot on a connection
// of its own: writers go on meanwhile. What it began and did not finish it
// removes.
//
// Errors: fs.ErrExist, ErrUnwritable, ErrFull, ErrIO, ErrCorrupt, what ended
// ctx.
func (s *Store) Backup(ctx context.Context, file string) error {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("back up database %s to %s: %w", s.path, file, err)
	}
	made, err := os.OpenFile(absolute, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s.explainBackup(absolute, err)
	}
	if err = made.Close(); err == nil {
		err = s.copyTo(ctx, absolute)
	}
	if err != nil {
		os.Remove(absolute)
		return s.explainBackup(absolute, err)
	}
	return nil
}

func (s *Store) copyTo(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", address(s.path))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Without a transaction a writer's commit would send it back to the start.
	if _, err := conn.ExecContext(ctx, "BEGIN DEFERRED"); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	var entries int // reading is what takes the snapshot
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&entries); err != nil {
		return err
	}
	return conn.Raw(func(driver any) error { return copyPages(ctx, driver, file) })
}

func copyPages(ctx context.Context, driver any, file string) error {
	source, able := driver.(interface {
		NewBackup(string) (*sqlite.Backup, error)
	})
	if !able {
		return errors.New("this build's SQLite has no online backup")
	}
	backup, err := source.NewBackup((&url.URL{Scheme: "file", Path: file}).String())
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = backup.Step(backupPages)
		}
	}
	if finished := backup.Finish(); err == nil {
		err = finished
	}
	return err
}

func (s *Store) explainBackup(file string, err error) error {
	tried := fmt.Sprintf("back up database %s to %s", s.path, file)
	switch kind := kindOf(err); {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w: name a file that is not there yet", tried, fs.ErrExist)
	case kind == nil:
		return fmt.Errorf("%s: %w", tried, err)
	case kind == ErrCorrupt:
		return fmt.Errorf("%s: %w (%w): the database itself is damaged, keep older backups", tried, kind, err)
	default:
		return fmt.Errorf("%s: %w (%w): choose a folder that is there, may be written and has space", tried, kind, err)
	}
}
