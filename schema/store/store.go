// Package store keeps the house's database: one SQLite file in the data
// folder. It holds what outlives a house (persistent rooms, clients, tokens,
// endpoints) and a projection of what lives in it now (puddles, sequences,
// subscriptions, transient rooms), which is written behind, in batches.
//
// Its errors are single lines that say what was tried, on which file, and
// what to do; those that a caller decides by wrap one of the Err variables.
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
	"time"
)

const (
	// patience is how long Open waits for a lock that another program holds.
	patience = 2 * time.Second
	// brief is how long any later transaction waits for one: its caller
	// retries, and others wait for the connection meanwhile.
	brief = 100 * time.Millisecond
	// logMost is how large the write-ahead log stays after a storm, bytes.
	logMost = 16 << 20

	// cacheMost is how much of the database is kept in memory, bytes. The
	// kernel has the rest of it at hand.
	cacheMost = 256 << 10
)

// Store is an open database. Its methods may be called from several
// goroutines; they take turns on one connection.
type Store struct {
	db   *sql.DB
	path string
	live liveStatements
}

// Open opens the database at path, makes it (mode 0600) where there is none,
// and brings its schema up to date. It waits up to two seconds for a lock.
//
// Errors: ErrUnwritable, ErrLocked, ErrFull, ErrIO, ErrCorrupt, ErrForeign,
// ErrNewer, or what ended ctx.
func Open(ctx context.Context, path string) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	s := &Store{path: absolute}
	if err := s.open(ctx); err != nil {
		if s.db != nil {
			s.db.Close()
		}
		return nil, s.explain("open", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := create(s.path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", address(s.path)); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.live.prepare(ctx, s.db); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, "PRAGMA busy_timeout = "+milliseconds(brief))
	return err
}

// Close ends the use of the database; nobody may be using it any more.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return s.explain("close", err)
	}
	return nil
}

// create makes an empty file, for its mode. A file that is there already is
// not even opened: closing it would drop locks that this process has on it.
func create(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return file.Close()
}

// address is what the driver opens, with the settings of a connection.
func address(path string) string {
	file := url.URL{Scheme: "file", Path: path}
	settings := url.Values{
		"_busy_timeout": {milliseconds(patience)},
		"_foreign_keys": {"on"},
		"_synchronous":  {"NORMAL"},
		"_txlock":       {"immediate"},
		"_error_rc":     {"true"}, // no stale text in its messages
		"_pragma":       {fmt.Sprintf("journal_size_limit(%d)", logMost), fmt.Sprintf("cache_size(-%d)", cacheMost>>10)},
	}
	file.RawQuery = settings.Encode()
	return file.String()
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// transact runs work in one write transaction. See borrow for ctx.
func (s *Store) transact(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	return s.borrow(ctx, func(ctx context.Context, conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // after Commit it does nothing
		if err := work(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// borrow waits for the connection until ctx ends; work is given a context
// that does not end, because a statement torn off costs the connection.
func (s *Store) borrow(ctx context.Context, work func(context.Context, *sql.Conn) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return work(context.WithoutCancel(ctx), conn)
}
