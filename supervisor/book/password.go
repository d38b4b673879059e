package book

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/porthouse/porthouse/schema"
)

// What new hashes cost: OWASP's Password Storage Cheat Sheet for argon2id.
const (
	hashMemory  = 19456 // KiB
	hashTime    = 2     // passes
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashKey     = 32 // bytes
)

// cost is what a hash was made with.
type cost struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// Hash makes the argon2id hash (RFC 9106) of a password, as a PHC string. It
// takes 19 MiB and tens of milliseconds of CPU: the caller decides where.
func Hash(password string) string {
	salt := make([]byte, hashSalt)
	rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashKey)
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		text.EncodeToString(salt), text.EncodeToString(key))
}

// CheckHash tells whether a hash is that of a password, in a time that does
// not depend on where they differ. It takes hashes of other programs, within
// bounds of cost; any other text matches no password. It costs what Hash does,
// or what the hash says.
func CheckHash(hash, password string) bool {
	c, ok := parseHash(hash)
	if !ok {
		return false
	}
	key := argon2.IDKey([]byte(password), c.salt, c.time, c.memory, c.threads, uint32(len(c.key)))
	return subtle.ConstantTimeCompare(key, c.key) == 1
}

// parseHash reads $argon2id$v=19$m=…,t=…,p=…$SALT$KEY, base64 without padding.
func parseHash(hash string) (c cost, ok bool) {
	const (
		memoryMost = 256 << 10 // KiB
		timeMost   = 16
		longest    = 512 // bytes of text
	)
	parts := strings.Split(hash, "$")
	if len(hash) > longest || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, false
	}
	_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads)
	if err != nil || fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.time, c.threads) != parts[3] {
		return c, false
	}
	text := base64.RawStdEncoding.Strict()
	var badSalt, badKey error
	c.salt, badSalt = text.DecodeString(parts[4])
	c.key, badKey = text.DecodeString(parts[5])
	ok = badSalt == nil && badKey == nil &&
		c.threads >= 1 && c.time >= 1 && c.time <= timeMost &&
		c.memory >= 8*uint32(c.threads) && c.memory <= memoryMost &&
		len(c.salt) >= 8 && len(c.salt) <= 64 && len(c.key) >= 16 && len(c.key) <= 64
	return c, ok
}

// Hashed is a patch whose plain password, if it sets one, went through the
// Hasher. Errors are the Hasher's.
func (b *Book) Hashed(ctx context.Context, patch schema.Patch) (schema.Patch, error) {
	plain, set := patch.Plain()
	if !set {
		return patch, nil
	}
	hash, err := b.Hasher(ctx, plain)
	if err != nil {
		return patch, err
	}
	return patch.Hashed(hash), nil
}
