package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/porthouse/porthouse/schema"
)

// Client is a client's row.
type Client struct {
	Name     string
	Owner    bool
	Primary  bool
	Admin    bool
	Password schema.PasswordHash
	TOTP     schema.OTPSecret
	Settings string // a JSON object
}

// Removed is what went with a client.
type Removed struct {
	Tokens    []string // ids
	Rooms     []string // persistent ones that it owned
	Endpoints []Endpoint
}

// Clients lists the clients by name. ErrCorrupt where a secret is none.
func (s *Store) Clients(ctx context.Context) ([]Client, error) {
	var all []Client
	err := s.query(ctx, `SELECT name, owner, "primary", admin, password, totp, settings FROM clients ORDER BY name`,
		func(rows *sql.Rows) error {
			var c Client
			var password, totp sql.NullString
			if err := rows.Scan(&c.Name, &c.Owner, &c.Primary, &c.Admin, &password, &totp, &c.Settings); err != nil {
				return err
			}
			if password.Valid {
				c.Password = schema.StoredPassword(password.String)
			}
			if totp.Valid {
				var good bool
				if c.TOTP, good = OTPSecret(totp.String); !good {
					return fmt.Errorf("%w: client %q: its totp is no base32 secret", ErrCorrupt, c.Name)
				}
			}
			all = append(all, c)
			return nil
		})
	return all, err
}

// OTPSecret takes a secret in base32 without padding, 16 to 128 characters;
// false if it is none.
func OTPSecret(base32 string) (schema.OTPSecret, bool) {
	stored, err := json.Marshal(map[string]string{"otp": base32})
	if err != nil {
		return schema.OTPSecret{}, false
	}
	said, refusal := schema.ParseStored(stored)
	return said.Over(schema.Rules{}).OTP.Secret, refusal == nil
}

// PutClient adds a client, or changes the one of that name.
//
// Errors of this and of what follows: ErrLocked, ErrFull, ErrIO, ErrCorrupt,
// ErrUnwritable, what ended ctx. Once begun they do not look at ctx again.
func (s *Store) PutClient(ctx context.Context, c Client) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO clients (name, owner, "primary", admin, password, totp, settings)
			VALUES (?, ?, ?, ?, nullif(?, ''), nullif(?, ''), coalesce(nullif(?, ''), '{}'))
			ON CONFLICT DO UPDATE SET owner = excluded.owner, "primary" = excluded."primary", admin = excluded.admin,
			password = excluded.password, totp = excluded.totp, settings = excluded.settings`,
			c.Name, c.Owner, c.Primary, c.Admin, c.Password.Reveal(), c.TOTP.Reveal(), c.Settings)
		return err
	})
}

// RemoveClient removes a client, its tokens, the persistent rooms it owns,
// and the endpoints that lead to it, to those rooms or under its prefix.
func (s *Store) RemoveClient(ctx context.Context, name string) (Removed, error) {
	var gone Removed
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if gone.Tokens, err = names(ctx, tx, "DELETE FROM tokens WHERE client = ? RETURNING id", name); err != nil {
			return err
		}
		gone.Endpoints, err = removeEndpoints(ctx, tx, `client = ?1 OR substr(room, 1, length(?1) + 1) = ?1 || '/'
			OR room IN (SELECT name FROM rooms WHERE kind = 'persistent' AND owner = ?1)`, name)
		if err != nil {
			return err
		}
		gone.Rooms, err = names(ctx, tx, "DELETE FROM rooms WHERE kind = 'persistent' AND owner = ? RETURNING name", name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM clients WHERE name = ?", name)
		return err
	})
	return gone, err
}

// change is transact with its error explained.
func (s *Store) change(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	if err := s.transact(ctx, work); err != nil {
		return s.explain("write to", err)
	}
	return nil
}

// names runs a statement that returns one column of text.
func names(ctx context.Context, tx *sql.Tx, statement string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, rows.Err()
}
