package credential

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What argon2id costs here, and how much salt and key it has.
const (
	argonMemory  = 19456 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

// Bounds of a hash from elsewhere: what one wrong try may cost.
const (
	argonMemoryMost  = 128 << 10 // KiB
	argonTimeMost    = 10
	argonThreadsMost = 8
	argonBytesMost   = 64 // of salt and key
)

// HashPassword makes an argon2id hash (RFC 9106) in PHC form, in this process.
// It takes 19 MiB and tens of milliseconds.
func HashPassword(password string) string {
	j := newJob(password)
	return j.phc(j.key())
}

// CheckPassword tells whether hash was made of password. A hash that is not
// argon2id's, or would cost more than the bounds, was made of none.
func CheckPassword(hash, password string) bool {
	h, ok := parsePHC(hash)
	return ok && h.is(h.job(password).key())
}

// job is one key to make. Its fields cross the pipe to a burner.
type job struct {
	Time, Memory   uint32
	Threads        uint8
	Length         uint32 // of the key
	Salt, Password []byte
}

// newJob is one for a new password: what it costs is the house's, its salt is
// fresh.
func newJob(password string) job {
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails
	return job{argonTime, argonMemory, argonThreads, argonKey, salt, []byte(password)}
}

// unmatched is a hash that costs as much to try as any new one and that no
// password is known to have.
func unmatched() string {
	key := make([]byte, argonKey)
	rand.Read(key)
	return newJob("").phc(key)
}

// key burns.
func (j job) key() []byte {
	return argon2.IDKey(j.Password, j.Salt, j.Time, j.Memory, j.Threads, j.Length)
}

func (j job) phc(key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, j.Memory, j.Time, j.Threads,
		base64.RawStdEncoding.EncodeToString(j.Salt), base64.RawStdEncoding.EncodeToString(key))
}

type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// job makes the key that the hash has, if the password is right.
func (h argonHash) job(password string) job {
	return job{h.time, h.memory, h.threads, uint32(len(h.key)), h.salt, []byte(password)}
}

func (h argonHash) is(key []byte) bool { return subtle.ConstantTimeCompare(key, h.key) == 1 }

// parsePHC reads $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY.
func parsePHC(text string) (h argonHash, ok bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, false
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return h, false
	}
	memory, okMemory := cost(costs[0], "m=", argonMemoryMost)
	time, okTime := cost(costs[1], "t=", argonTimeMost)
	threads, okThreads := cost(costs[2], "p=", argonThreadsMost)
	if !okMemory || !okTime || !okThreads || memory < 8*threads {
		return h, false
	}
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(salt) < 8 || len(salt) > argonBytesMost || len(key) < 16 || len(key) > argonBytesMost {
		return h, false
	}
	return argonHash{memory, time, uint8(threads), salt, key}, true
}

func cost(text, name string, most uint32) (uint32, bool) {
	digits, named := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), named && err == nil && n >= 1 && n <= uint64(most)
}
