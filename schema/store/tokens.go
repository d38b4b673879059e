package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Token is an opaque token's row. The token itself is kept nowhere.
type Token struct {
	ID      string
	Hash    [32]byte // SHA-256 of the token
	Client  string
	Expires time.Time // zero: never; kept to the millisecond
	Rooms   string    // what it is limited to, JSON; "" for nothing
	Made    time.Time // kept to the millisecond
}

// Tokens lists the tokens by id, also those that have expired.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	var all []Token
	err := s.query(ctx, "SELECT id, hash, client, expires, coalesce(rooms, ''), made FROM tokens ORDER BY id",
		func(rows *sql.Rows) error {
			var t Token
			var hash []byte
			var expires sql.NullInt64
			var made int64
			if err := rows.Scan(&t.ID, &hash, &t.Client, &expires, &t.Rooms, &made); err != nil {
				return err
			}
			if len(hash) != len(t.Hash) {
				return fmt.Errorf("%w: token %q: its hash has %d bytes, not %d", ErrCorrupt, t.ID, len(hash), len(t.Hash))
			}
			copy(t.Hash[:], hash)
			if expires.Valid {
				t.Expires = time.UnixMilli(expires.Int64)
			}
			t.Made = time.UnixMilli(made)
			all = append(all, t)
			return nil
		})
	return all, err
}

// AddToken adds a token. An id or hash that is there already is an error.
func (s *Store) AddToken(ctx context.Context, t Token) error {
	expires := sql.NullInt64{Int64: t.Expires.UnixMilli(), Valid: !t.Expires.IsZero()}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, hash, client, expires, rooms, made)
			VALUES (?, ?, ?, ?, nullif(?, ''), ?)`,
			t.ID, t.Hash[:], t.Client, expires, t.Rooms, t.Made.UnixMilli())
		return err
	})
}

// RemoveToken removes a token; none of that id is no error.
func (s *Store) RemoveToken(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM tokens WHERE id = ?", id)
		return err
	})
}
