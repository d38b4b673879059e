package store

import (
	"context"
	"database/sql"
)

// Endpoint is an endpoint's row: it leads to a room or to a client, the other
// one is "".
type Endpoint struct {
	Host   string
	Path   string // without a slash; "" for the host itself
	Room   string
	Client string
}

// Endpoints lists the endpoints by host and path.
func (s *Store) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var all []Endpoint
	err := s.query(ctx, "SELECT host, path, coalesce(room, ''), coalesce(client, '') FROM endpoints ORDER BY host, path",
		func(rows *sql.Rows) error {
			var e Endpoint
			if err := rows.Scan(&e.Host, &e.Path, &e.Room, &e.Client); err != nil {
				return err
			}
			all = append(all, e)
			return nil
		})
	return all, err
}

// AddEndpoint adds an endpoint. One of that host and path is an error.
func (s *Store) AddEndpoint(ctx context.Context, e Endpoint) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO endpoints (host, path, room, client) VALUES (?, ?, nullif(?, ''), nullif(?, ''))",
			e.Host, e.Path, e.Room, e.Client)
		return err
	})
}

// RemoveEndpoint removes an endpoint; none there is no error.
func (s *Store) RemoveEndpoint(ctx context.Context, host, path string) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := removeEndpoints(ctx, tx, "host = ? AND path = ?", host, path)
		return err
	})
}

func removeEndpoints(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]Endpoint, error) {
	rows, err := tx.QueryContext(ctx, "DELETE FROM endpoints WHERE "+where+
		" RETURNING host, path, coalesce(room, ''), coalesce(client, '')", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var gone []Endpoint
	for rows.Next() {
		var e Endpoint
		if err := rows.Scan(&e.Host, &e.Path, &e.Room, &e.Client); err != nil {
			return nil, err
		}
		gone = append(gone, e)
	}
	return gone, rows.Err()
}
