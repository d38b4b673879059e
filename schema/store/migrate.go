package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// migrations lead from each version of the schema (PRAGMA user_version) to
// the next, the first from an empty file. What was released is not edited.
var migrations = [...]string{
	// 1: the live tables, and rooms. Times are Unix milliseconds.
	`CREATE TABLE puddles (
		slot       INTEGER PRIMARY KEY,
		pid        INTEGER, -- none while the slot has no process
		generation INTEGER NOT NULL,
		state      TEXT NOT NULL,
		since      INTEGER NOT NULL
	) STRICT;
	CREATE TABLE sequences (
		id      INTEGER PRIMARY KEY, -- the id's 64 bits, signed
		slot    INTEGER NOT NULL,
		client  TEXT, -- none where anonymous
		state   TEXT NOT NULL,
		address TEXT NOT NULL,
		since   INTEGER NOT NULL
	) STRICT;
	CREATE TABLE subscriptions (
		sequence INTEGER NOT NULL, -- no REFERENCES: it makes a sweep 30 times slower
		room     TEXT NOT NULL,
		PRIMARY KEY (sequence, room)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE rooms (
		name  TEXT PRIMARY KEY,
		kind  TEXT NOT NULL CHECK (kind IN ('persistent', 'transient')),
		owner TEXT,
		rules TEXT NOT NULL DEFAULT '{}',
		made  INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;`,

	// 2: who may do what, and which addresses lead where.
	`CREATE TABLE clients (
		name      TEXT PRIMARY KEY,
		owner     INTEGER NOT NULL DEFAULT 0,
		"primary" INTEGER NOT NULL DEFAULT 0,
		admin     INTEGER NOT NULL DEFAULT 0,
		password  TEXT, -- its argon2id hash
		totp      TEXT, -- the secret, base32
		settings  TEXT NOT NULL DEFAULT '{}' -- admits, direct
	) STRICT, WITHOUT ROWID;
	CREATE TABLE tokens (
		id      TEXT PRIMARY KEY,
		hash    BLOB NOT NULL UNIQUE,
		client  TEXT NOT NULL,
		expires INTEGER, -- never where null
		rooms   TEXT, -- what it is limited to, JSON
		made    INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX tokens_client ON tokens (client);
	CREATE TABLE endpoints (
		host   TEXT NOT NULL,
		path   TEXT NOT NULL DEFAULT '',
		room   TEXT,
		client TEXT,
		PRIMARY KEY (host, path),
		CHECK ((room IS NULL) <> (client IS NULL))
	) STRICT, WITHOUT ROWID;`,

	// 3: one-time codes that were used lately.
	`CREATE TABLE codes (
		key  BLOB PRIMARY KEY, -- whose and of which secret, hashed
		step INTEGER NOT NULL -- of 30 s since 1970
	) STRICT, WITHOUT ROWID;`,
}

// migrate brings the schema up to date, a transaction a step. A file that
// is not for this binary to touch is left as it was.
func (s *Store) migrate(ctx context.Context) error {
	if _, err := s.version(ctx, s.db); err != nil {
		return err
	}
	var mode string
	if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return errors.New("its file system takes no write-ahead log: put the data folder on a local disk (--data)")
	}
	for {
		err := s.migrateOnce(ctx)
		if errors.Is(err, errCurrent) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errCurrent = errors.New("the schema is current")

// migrateOnce goes one version up; errCurrent when none is left to go.
func (s *Store) migrateOnce(ctx context.Context) error {
	return s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		version, err := s.version(ctx, tx) // another process may have been here
		if err != nil {
			return err
		}
		result := errCurrent
		if version < len(migrations) {
			if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
				return err
			}
			version, result = version+1, nil
		}
		// also where it is current: fails where the file cannot be written
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
			return err
		}
		return result
	})
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version reads the schema's version: from 0, an empty file, to
// len(migrations). Errors: ErrNewer, ErrForeign.
func (s *Store) version(ctx context.Context, q querier) (int, error) {
	var version, entries int
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&entries); err != nil {
		return 0, err
	}
	switch {
	case version > len(migrations):
		return 0, newerError{s.path, version}
	case version < 0, version == 0 && entries > 0:
		return 0, fmt.Errorf("open database %s: %w: point --data at a folder of Porthouse's own", s.path, ErrForeign)
	}
	return version, nil
}

type newerError struct {
	path    string
	version int
}

func (e newerError) Error() string {
	return fmt.Sprintf("database %s was written by a newer Porthouse (schema %d, this binary knows %d): run the newer binary, or point --data elsewhere",
		e.path, e.version, len(migrations))
}

func (e newerError) Is(target error) bool { return target == ErrNewer }
