// Package credential verifies what somebody offers to be known by: opaque
// tokens, JSON Web Tokens, passwords and one-time codes. It keeps no secret
// but in memory, and reads files only in New and Reload. What burns (argon2id)
// runs once the pool has a place for it, after HashApart in a process of its
// own that yields to everything else.
package credential

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// Clients is what the verifier asks of the house's book. Its methods may be
// called from several goroutines at once.
type Clients interface {
	// Client is a row: its name and flags. Token, Expires and Rooms are empty.
	Client(name string) (schema.Identity, bool)
	// PasswordHash is a client's argon2id hash in PHC form.
	PasswordHash(client string) (hash string, ok bool)
	// TOTPSecret is a client's secret, base32; not ok: it has none.
	TOTPSecret(client string) (secret string, ok bool)
	// UseCode notes, where it outlives this process, that a one-time code of a
	// step was used. past is the last step whose codes are right no more. not
	// fresh: it, or a later one of the key, was noted before. It may wait for
	// the disk.
	UseCode(key [32]byte, step, past int64) (fresh bool)
	// Token finds an opaque token by the SHA-256 of its whole text. expires is
	// in Unix seconds, 0: never.
	Token(hash [32]byte) (id, client string, expires int64, rooms schema.TokenRooms, ok bool)
}

// Config is what the operator says of credentials.
type Config struct {
	Keys    []Key    // that JWTs may be signed with
	KeySets []string // files of such keys as a JWKS (RFC 7517 section 5)

	// Audience must be among a JWT's aud. Where it is empty a JWT that has an
	// aud is meant for somebody else, and refused (RFC 7519 section 4.1.3).
	Audience string
	Issuer   string        // must be a JWT's iss; empty: any
	Leeway   time.Duration // for exp and nbf; 0: 5 s, negative: none

	Workers int // argon2id hashes at once, 19 MiB each; 0: half the cores
	Waiting int // who may wait for one, over all addresses; 0: 256
}

const defaultLeeway = 5 * time.Second

func (c Config) complete() Config {
	switch {
	case c.Leeway == 0:
		c.Leeway = defaultLeeway
	case c.Leeway < 0:
		c.Leeway = 0
	}
	if c.Workers <= 0 {
		c.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if c.Waiting <= 0 {
		c.Waiting = 256
	}
	return c
}

// Verifier tells who somebody is. It may be used from several goroutines.
type Verifier struct {
	clients   Clients
	tokens    atomic.Pointer[jwtVerifier]
	pool      *pool
	burners   *burners
	turns     *turns
	addresses *addresses
	pairs     *pairs
	codes     *codes
	dummy     string // a hash that stands for that of an unknown client
}

// New reads the key files. Its errors name the file and what is wrong with it.
func New(config Config, clients Clients) (*Verifier, error) {
	config = config.complete()
	tokens, err := newJWTVerifier(config)
	if err != nil {
		return nil, err
	}
	tries := newAddresses()
	v := &Verifier{
		clients:   clients,
		pool:      newPool(config.Workers, config.Waiting),
		burners:   &burners{workers: config.Workers},
		turns:     newTurns(tries.count),
		addresses: tries,
		pairs:     newPairs(),
		codes:     newCodes(clients.UseCode),
		dummy:     unmatched(),
	}
	v.tokens.Store(tokens)
	return v, nil
}

// Reload takes another configuration, all of it or, with an error, nothing.
// Who waits stays, also beyond a smaller Waiting.
func (v *Verifier) Reload(config Config) error {
	config = config.complete()
	tokens, err := newJWTVerifier(config)
	if err != nil {
		return err
	}
	v.tokens.Store(tokens)
	v.pool.resize(config.Workers, config.Waiting)
	v.burners.resize(config.Workers)
	return nil
}

// ForgetClient drops what is remembered of a client's right passwords.
func (v *Verifier) ForgetClient(name string) { v.pairs.forget(name) }

// Hash hashes a new password once the pool has a place for it.
func (v *Verifier) Hash(ctx context.Context, password schema.PlainPassword) (schema.PasswordHash, error) {
	var hash string
	err := v.pool.run(ctx, "", func() error {
		j := newJob(password.Reveal())
		hash = j.phc(v.burners.key(j))
		return nil
	})
	if err != nil {
		return schema.PasswordHash{}, fmt.Errorf("hash a new password: %w: try again", err)
	}
	return schema.StoredPassword(hash), nil
}

// Why a credential is not taken.
var (
	errWrong   = errors.New("it is wrong")
	errBlocked = errors.New("too many wrong tries came from this address")
	errCrowded = errors.New("too many tries wait")
	errFull    = errors.New("all places to wait for a hash are taken")
)

// refuse says what became of a try, without a word on what was wrong with it.
func (v *Verifier) refuse(err error, from string) (refusal *schema.Refusal, after int) {
	switch {
	case errors.Is(err, errWrong):
		return &schema.Refusal{Code: schema.Unauthorized, Message: "this credential is not valid: check client, password and code, or get a fresh token"}, 0
	case errors.Is(err, errBlocked):
		after = max(1, v.addresses.blocked(from))
		return &schema.Refusal{Code: schema.Rate, Message: fmt.Sprintf("too many wrong credentials came from your address: try again in %d s", after)}, after
	case errors.Is(err, errCrowded):
		return &schema.Refusal{Code: schema.Rate, Message: "too many credentials are being verified for this client or address: try again in 1 s"}, 1
	case errors.Is(err, errFull):
		return &schema.Refusal{Code: schema.Unavailable, Message: "too many credentials are being verified: try again in 1 s"}, 1
	}
	return &schema.Refusal{Code: schema.Unavailable, Message: "the credential was not verified in time: try again"}, 1
}
