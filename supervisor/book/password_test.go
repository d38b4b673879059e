package book

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestHash(t *testing.T) {
	hash := Hash("p")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || hash == Hash("p") {
		t.Errorf("the hash is %s", hash)
	}
	if !CheckHash(hash, "p") || CheckHash(hash, "q") || CheckHash(hash, "") {
		t.Error("it checks otherwise than it should")
	}
}

// foreign is a hash as another program would make it.
func foreign(memory, time uint32, threads uint8, salt string, key uint32) string {
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, time, threads, text.EncodeToString([]byte(salt)),
		text.EncodeToString(argon2.IDKey([]byte("p"), []byte(salt), time, memory, threads, key)))
}

func TestForeignHashes(t *testing.T) {
	for _, hash := range []string{foreign(64, 3, 4, "saltsalt", 16), foreign(8, 1, 1, strings.Repeat("s", 64), 64), foreign(4096, 16, 2, "saltsaltsalt", 32)} {
		if !CheckHash(hash, "p") || CheckHash(hash, "q") {
			t.Errorf("%s checks otherwise than it should", hash)
		}
	}
	good := foreign(64, 1, 1, "saltsalt", 32)
	if !CheckHash(good, "p") {
		t.Fatalf("%s does not check", good)
	}
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, hash := range []string{"", "p", "$", swap("argon2id", "argon2i"), swap("v=19", "v=16"), swap("m=64", "m=064"), swap("m=64", "m=4194304"),
		swap("t=1", "t=0"), swap("t=1", "t=1000000"), swap("p=1", "p=0"), swap("p=1", "p=9"), swap("p=1", "p=257"), swap("p=1", "p=1,x=1"), good + "$", good + "=",
		" " + good, foreign(64, 1, 1, "saltsal", 32), foreign(64, 1, 1, "saltsalt", 15), swap("m=64,", ""), good[:len(good)-2] + "!!", strings.Repeat("$", 5)} {
		if CheckHash(hash, "p") {
			t.Errorf("%q checks", hash)
		}
	}
	if CheckHash("", "") || CheckHash("$argon2id$v=19$m=64,t=1,p=1$$", "") {
		t.Error("an empty hash checks")
	}
}
