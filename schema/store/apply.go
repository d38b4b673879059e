package store

import (
	"context"
	"database/sql"

	"github.com/porthouse/porthouse/schema"
)

// Batch is what one commit does to the live tables, in the order of its
// fields. Each part can be done again without harm.
type Batch struct {
	SequencesGone []schema.SequenceID // and their subscriptions
	PuddlesGone   []int               // their slots; sequences go by SequencesGone
	RoomsGone     []string            // transient ones only; others stay
	Puddles       []Puddle            // made or changed
	Sequences     []Sequence          // made or changed
	Rooms         []Room              // transient ones made or changed; a persistent one of that name stays as it is
	Left          []Subscription
	Joined        []Subscription // passed over where there is no such sequence
}

// Len is how many changes the batch holds.
func (b *Batch) Len() int {
	return len(b.SequencesGone) + len(b.PuddlesGone) + len(b.RoomsGone) +
		len(b.Puddles) + len(b.Sequences) + len(b.Rooms) + len(b.Left) + len(b.Joined)
}

// Apply does a batch in one transaction, all of it or nothing. Once begun it
// does not look at ctx again.
//
// Errors: ErrLocked, ErrFull, ErrIO, ErrCorrupt, ErrUnwritable, what ended ctx.
func (s *Store) Apply(ctx context.Context, b Batch) error {
	if b.Len() == 0 {
		return nil
	}
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		w := &writer{ctx: ctx, tx: tx}
		s.live.apply(w, &b)
		return w.err
	})
	if err != nil {
		return s.explain("write to", err)
	}
	return nil
}

type liveStatements struct {
	sequenceGone, allLeft, puddleGone, roomGone, puddle, sequence, room, left, joined *sql.Stmt
}

func (l *liveStatements) prepare(ctx context.Context, db *sql.DB) error {
	for _, s := range []struct {
		statement **sql.Stmt
		text      string
	}{
		{&l.sequenceGone, "DELETE FROM sequences WHERE id = ?"},
		{&l.allLeft, "DELETE FROM subscriptions WHERE sequence = ?"},
		{&l.puddleGone, "DELETE FROM puddles WHERE slot = ?"},
		{&l.roomGone, "DELETE FROM rooms WHERE name = ? AND kind = 'transient'"},
		{&l.puddle, `INSERT INTO puddles (slot, pid, generation, state, since)
			VALUES (?, nullif(?, 0), ?, ?, ?)
			ON CONFLICT DO UPDATE SET pid = excluded.pid, generation = excluded.generation,
			state = excluded.state, since = excluded.since`},
		{&l.sequence, `INSERT INTO sequences (id, slot, client, state, address, since)
			VALUES (?, ?, nullif(?, ''), ?, ?, ?)
			ON CONFLICT DO UPDATE SET slot = excluded.slot, client = excluded.client,
			state = excluded.state, address = excluded.address, since = excluded.since`},
		{&l.room, `INSERT INTO rooms (name, kind, owner, rules, made)
			VALUES (?, 'transient', nullif(?, ''), coalesce(nullif(?, ''), '{}'), ?)
			ON CONFLICT DO UPDATE SET owner = excluded.owner, rules = excluded.rules,
			made = excluded.made WHERE kind = 'transient'`},
		{&l.left, "DELETE FROM subscriptions WHERE sequence = ? AND room = ?"},
		{&l.joined, `INSERT INTO subscriptions (sequence, room)
			SELECT id, ?2 FROM sequences WHERE id = ?1
			ON CONFLICT DO NOTHING`},
	} {
		prepared, err := db.PrepareContext(ctx, s.text)
		if err != nil {
			return err
		}
		*s.statement = prepared
	}
	return nil
}

func (l *liveStatements) apply(w *writer, b *Batch) {
	sequence := func(id schema.SequenceID) []any { return []any{int64(id)} }
	write(w, l.allLeft, b.SequencesGone, sequence)
	write(w, l.sequenceGone, b.SequencesGone, sequence)
	write(w, l.puddleGone, b.PuddlesGone, func(slot int) []any {
		return []any{slot}
	})
	write(w, l.roomGone, b.RoomsGone, func(name string) []any {
		return []any{name}
	})
	write(w, l.puddle, b.Puddles, func(p Puddle) []any {
		return []any{p.Slot, p.PID, int64(p.Generation), p.State, p.Since.UnixMilli()}
	})
	write(w, l.sequence, b.Sequences, func(q Sequence) []any {
		return []any{int64(q.ID), q.Slot, q.Client, q.State.String(), q.Address, q.Since.UnixMilli()}
	})
	write(w, l.room, b.Rooms, func(r Room) []any {
		return []any{r.Name, r.Owner, r.Rules, r.Made.UnixMilli()}
	})
	write(w, l.left, b.Left, func(s Subscription) []any {
		return []any{int64(s.Sequence), s.Room}
	})
	write(w, l.joined, b.Joined, func(s Subscription) []any {
		return []any{int64(s.Sequence), s.Room}
	})
}

// writer runs statements of one transaction until one fails.
type writer struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

func write[R any](w *writer, statement *sql.Stmt, rows []R, arguments func(R) []any) {
	if w.err != nil || len(rows) == 0 {
		return
	}
	statement = w.tx.StmtContext(w.ctx, statement)
	for _, row := range rows {
		if _, w.err = statement.ExecContext(w.ctx, arguments(row)...); w.err != nil {
			return
		}
	}
}
