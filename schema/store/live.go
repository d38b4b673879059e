package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// Puddle is one slot and the process that serves it.
type Puddle struct {
	Slot       int
	PID        int // 0 while the slot has no process
	Generation uint64
	State      string
	Since      time.Time // kept to the millisecond
}

// Sequence is one socket's entry.
type Sequence struct {
	ID      schema.SequenceID
	Slot    int
	Client  string // "" where anonymous
	State   schema.State
	Address string
	Since   time.Time // kept to the millisecond
	Rooms   []string  // sorted; only Sequences fills it, Apply takes subscriptions
}

// Subscription is one sequence's place in one room.
type Subscription struct {
	Sequence schema.SequenceID
	Room     string
}

// RoomKind tells whether a room outlives its members.
type RoomKind string

// The kinds of room.
const (
	Persistent RoomKind = "persistent"
	Transient  RoomKind = "transient"
)

// Room is a room's row.
type Room struct {
	Name  string
	Kind  RoomKind
	Owner string    // "" for none
	Rules string    // a JSON object
	Made  time.Time // kept to the millisecond
}

// Sweep takes what a house before this one left in the live tables out of
// them: all puddles, sequences, subscriptions and transient rooms.
//
// Errors: ErrLocked, ErrFull, ErrIO, ErrCorrupt, ErrUnwritable, what ended ctx.
func (s *Store) Sweep(ctx context.Context) error {
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range []string{
			"DELETE FROM subscriptions",
			"DELETE FROM sequences",
			"DELETE FROM puddles",
			"DELETE FROM rooms WHERE kind = 'transient'",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.explain("sweep the live tables of", err)
	}
	return nil
}

// Puddles lists the puddles by slot.
func (s *Store) Puddles(ctx context.Context) ([]Puddle, error) {
	var all []Puddle
	err := s.query(ctx, "SELECT slot, coalesce(pid, 0), generation, state, since FROM puddles ORDER BY slot",
		func(rows *sql.Rows) error {
			var p Puddle
			var since int64
			if err := rows.Scan(&p.Slot, &p.PID, &p.Generation, &p.State, &since); err != nil {
				return err
			}
			p.Since = time.UnixMilli(since)
			all = append(all, p)
			return nil
		})
	return all, err
}

// Sequences lists the sequences with their rooms. Commits wait meanwhile.
func (s *Store) Sequences(ctx context.Context) ([]Sequence, error) {
	var all []Sequence
	err := s.query(ctx, `SELECT id, slot, coalesce(client, ''), state, address, since, room
		FROM sequences LEFT JOIN subscriptions ON sequence = id ORDER BY id, room`,
		func(rows *sql.Rows) error {
			var q Sequence
			var id, since int64
			var state string
			var room sql.NullString
			if err := rows.Scan(&id, &q.Slot, &q.Client, &state, &q.Address, &since, &room); err != nil {
				return err
			}
			q.ID, q.State, q.Since = schema.SequenceID(id), stateNamed(state), time.UnixMilli(since)
			if last := len(all) - 1; last < 0 || all[last].ID != q.ID {
				all = append(all, q)
			}
			if room.Valid {
				last := &all[len(all)-1]
				last.Rooms = append(last.Rooms, room.String)
			}
			return nil
		})
	return all, err
}

// Rooms lists the rooms of both kinds by name.
func (s *Store) Rooms(ctx context.Context) ([]Room, error) {
	var all []Room
	err := s.query(ctx, "SELECT name, kind, coalesce(owner, ''), rules, made FROM rooms ORDER BY name",
		func(rows *sql.Rows) error {
			var r Room
			var made int64
			if err := rows.Scan(&r.Name, &r.Kind, &r.Owner, &r.Rules, &made); err != nil {
				return err
			}
			r.Made = time.UnixMilli(made)
			all = append(all, r)
			return nil
		})
	return all, err
}

// Counts tells how many rows each table has, by its name.
func (s *Store) Counts(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int)
	err := s.query(ctx, `SELECT 'puddles', count(*) FROM puddles
		UNION ALL SELECT 'sequences', count(*) FROM sequences
		UNION ALL SELECT 'subscriptions', count(*) FROM subscriptions
		UNION ALL SELECT 'rooms', count(*) FROM rooms
		UNION ALL SELECT 'clients', count(*) FROM clients
		UNION ALL SELECT 'tokens', count(*) FROM tokens
		UNION ALL SELECT 'endpoints', count(*) FROM endpoints`,
		func(rows *sql.Rows) error {
			var table string
			var count int
			if err := rows.Scan(&table, &count); err != nil {
				return err
			}
			counts[table] = count
			return nil
		})
	return counts, err
}

// query calls scan for each row; its errors are explained.
func (s *Store) query(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	err := s.borrow(ctx, func(ctx context.Context, conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return s.explain("read", err)
	}
	return nil
}

// stateNamed is State.String backwards; Free for a name of another version.
func stateNamed(name string) schema.State {
	for state := schema.Free; state < schema.States; state++ {
		if state.String() == name {
			return state
		}
	}
	return schema.Free
}
