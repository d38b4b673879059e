package credential

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const (
	opaquePrefix = "pht_"
	tokenMost    = 16 << 10 // bytes
)

// Who verifies a credential that came from an IP address. It may wait, for a
// hash or because tries for this client were wrong; ctx ends that. Refused:
// unauthorized, which never tells what was wrong; rate and unavailable, with
// the seconds until the next try.
func (v *Verifier) Who(ctx context.Context, c ipc.Credential, address string) (identity schema.Identity, refusal *schema.Refusal, after int) {
	from := origin(address)
	var err error
	if c.Token != "" {
		identity, err = v.byToken(c.Token, from)
	} else {
		identity, err = v.byPair(ctx, c, from)
	}
	if err != nil {
		refusal, after = v.refuse(err, from)
		return schema.Identity{}, refusal, after
	}
	return identity, nil, 0
}

// byToken never waits, and takes what is right from a blocked address too.
func (v *Verifier) byToken(token, from string) (schema.Identity, error) {
	var identity schema.Identity
	var found standing
	switch {
	case len(token) > tokenMost:
	case strings.HasPrefix(token, opaquePrefix):
		identity, found = v.opaque(token)
	default:
		identity, found = v.tokens.Load().verify(token, v.clients.Client)
	}
	switch {
	case found == good:
		return identity, nil
	case found == void: // nobody guesses what somebody was given
		return identity, errWrong
	case v.addresses.blocked(from) > 0:
		return identity, errBlocked
	}
	return identity, v.wrong(from)
}

// wrong counts a wrong try against the address it came from.
func (v *Verifier) wrong(from string) error {
	v.addresses.wrong(from)
	return errWrong
}

// standing is what is found of a token.
type standing int

const (
	foreign standing = iota // the house did not give it
	void                    // it did, but it does not count here and now
	good
)

// opaque finds a token by its hash, which an attacker cannot steer: the time
// that the look-up takes tells nothing.
func (v *Verifier) opaque(token string) (schema.Identity, standing) {
	id, client, expires, rooms, ok := v.clients.Token(sha256.Sum256([]byte(token)))
	if !ok {
		return schema.Identity{}, foreign
	}
	identity, known := v.clients.Client(client)
	if !known || expires != 0 && expires <= time.Now().Unix() {
		return schema.Identity{}, void
	}
	identity.Token, identity.Expires, identity.Rooms = id, expires, rooms
	return identity, good
}

func (v *Verifier) byPair(ctx context.Context, c ipc.Credential, from string) (identity schema.Identity, err error) {
	if identity, ok := v.remembered(c); ok {
		return identity, nil
	}
	name := c.Client
	if !schema.IsClientName(name) {
		name = "" // nobody: one turn for all of them
	}
	err = v.attempt(ctx, name, from, func() error {
		var ok bool
		if identity, ok = v.remembered(c); ok { // who was before had the same
			return nil
		}
		identity, err = v.comparePair(ctx, c, from)
		return err
	})
	return identity, err
}

// attempt has one try judged when its turn comes, and slows the next ones
// after errWrong.
func (v *Verifier) attempt(ctx context.Context, name, from string, judge func() error) error {
	if v.addresses.blocked(from) > 0 {
		return errBlocked
	}
	if err := v.turns.take(ctx, name, from); err != nil {
		return err
	}
	became := untried
	defer func() { v.turns.done(name, became) }()
	err := judge()
	switch err {
	case nil:
		became = right
	case errWrong:
		became = wrong
	}
	return err
}

// remembered finds a pair that was right before. One with a code never is.
func (v *Verifier) remembered(c ipc.Credential) (identity schema.Identity, ok bool) {
	hash, known := v.clients.PasswordHash(c.Client)
	if !known || !v.pairs.has(v.pairs.ofClient(c.Client, hash, c.Password)) {
		return identity, false
	}
	if _, second := v.clients.TOTPSecret(c.Client); second {
		return identity, false
	}
	return v.clients.Client(c.Client)
}

// comparePair makes a hash for a client that does not exist too.
func (v *Verifier) comparePair(ctx context.Context, c ipc.Credential, from string) (identity schema.Identity, err error) {
	hash, known := v.clients.PasswordHash(c.Client)
	if !known {
		hash = v.dummy
	}
	same, err := v.compare(ctx, from, hash, c.Password)
	if err != nil {
		return identity, err
	}
	identity, row := v.clients.Client(c.Client)
	if !same || !known || !row {
		return schema.Identity{}, errWrong
	}
	if secret, second := v.clients.TOTPSecret(c.Client); second {
		if !v.codes.spend(ownCode(c.Client), secret, c.OTP, time.Now()) {
			return schema.Identity{}, v.wrong(from)
		}
		return identity, nil
	}
	v.pairs.add(v.pairs.ofClient(c.Client, hash, c.Password), c.Client)
	return identity, nil
}

// compare hashes in the pool, and counts a wrong password before the next has
// its place: an address that got blocked while it waited is not served.
func (v *Verifier) compare(ctx context.Context, from, hash, password string) (bool, error) {
	same := false
	err := v.pool.run(ctx, from, func() error {
		if v.addresses.blocked(from) > 0 {
			return errBlocked
		}
		if h, ok := parsePHC(hash); ok && len(password) <= schema.PasswordMost {
			same = h.is(v.burners.key(h.job(password)))
		}
		if !same {
			v.addresses.wrong(from)
		}
		return nil
	})
	return err == nil && same, err
}
