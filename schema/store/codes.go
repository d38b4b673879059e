package store

import (
	"context"
	"database/sql"
)

// UseCode notes that a one-time code of a step was used, and forgets those up
// to past. fresh: neither this step of the key nor a later one was noted
// before.
func (s *Store) UseCode(ctx context.Context, key [32]byte, step, past int64) (fresh bool, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM codes WHERE step <= ?", past); err != nil {
			return err
		}
		noted, err := tx.ExecContext(ctx, `INSERT INTO codes (key, step) VALUES (?, ?)
			ON CONFLICT (key) DO UPDATE SET step = excluded.step WHERE excluded.step > codes.step`, key[:], step)
		if err != nil {
			return err
		}
		rows, err := noted.RowsAffected()
		fresh = rows > 0
		return err
	})
	return fresh, err
}
