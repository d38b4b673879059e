package store

import (
	"context"
	"database/sql"
)

// PutRoom adds a persistent room, or changes the one of that name. A
// transient one turns persistent. Rooms lists them.
func (s *Store) PutRoom(ctx context.Context, r Room) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rooms (name, kind, owner, rules, made)
			VALUES (?, 'persistent', nullif(?, ''), coalesce(nullif(?, ''), '{}'), ?)
			ON CONFLICT DO UPDATE SET kind = excluded.kind, owner = excluded.owner,
			rules = excluded.rules, made = excluded.made`,
			r.Name, r.Owner, r.Rules, r.Made.UnixMilli())
		return err
	})
}

// RemoveRoom removes a persistent room and the endpoints that lead to it,
// which it tells. A transient one of that name stays.
func (s *Store) RemoveRoom(ctx context.Context, name string) ([]Endpoint, error) {
	var gone []Endpoint
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		gone, err = removeEndpoints(ctx, tx, "room IN (SELECT name FROM rooms WHERE name = ? AND kind = 'persistent')", name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM rooms WHERE name = ? AND kind = 'persistent'", name)
		return err
	})
	return gone, err
}
