package credential

import (
	"context"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

func TestHashPassword(t *testing.T) {
	hash := HashPassword("correct horse")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s has other parameters", hash)
	}
	if !CheckPassword(hash, "correct horse") {
		t.Error("the password is not that of its own hash")
	}
	if CheckPassword(hash, "correct horse ") || CheckPassword(hash, "") {
		t.Error("another password is that of the hash")
	}
	if HashPassword("correct horse") == hash {
		t.Error("two hashes have one salt")
	}
}

// The last one is a vector of the reference implementation's tests: argon2id,
// t 2, m 2^16, p 1, "password", "somesalt".
func TestCheckPasswordForeign(t *testing.T) {
	const salt, key = "c2FsdHNhbHQ", "MDEyMzQ1Njc4OWFiY2RlZg"
	for name, test := range map[string]struct {
		hash string
		ok   bool
	}{
		"parses":         {"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key, true},
		"empty":          {"", false},
		"argon2i":        {"$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + key, false},
		"old version":    {"$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + key, false},
		"much memory":    {"$argon2id$v=19$m=1048576,t=1,p=1$" + salt + "$" + key, false},
		"long":           {"$argon2id$v=19$m=8,t=1000,p=1$" + salt + "$" + key, false},
		"many threads":   {"$argon2id$v=19$m=4096,t=1,p=255$" + salt + "$" + key, false},
		"no threads":     {"$argon2id$v=19$m=8,t=1,p=0$" + salt + "$" + key, false},
		"little memory":  {"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + key, false},
		"negative":       {"$argon2id$v=19$m=-8,t=1,p=1$" + salt + "$" + key, false},
		"other order":    {"$argon2id$v=19$t=1,m=8,p=1$" + salt + "$" + key, false},
		"short salt":     {"$argon2id$v=19$m=8,t=1,p=1$c2E$" + key, false},
		"no key":         {"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$", false},
		"no base64":      {"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$!!!!", false},
		"one part fewer": {"$argon2id$v=19$m=8,t=1,p=1$" + salt, false},
	} {
		if _, ok := parsePHC(test.hash); ok != test.ok {
			t.Errorf("%s: parsed %v, want %v", name, ok, test.ok)
		}
	}
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !CheckPassword(reference, "password") || CheckPassword(reference, "passwort") {
		t.Error("the reference implementation's hash is not judged as there")
	}
}

func TestHashInPool(t *testing.T) {
	v := newVerifier(t, Config{}, newBook())
	patch, refusal := schema.ParseRules([]byte(`{"password":"opensesame"}`))
	if refusal != nil {
		t.Fatal(refusal)
	}
	plain, _ := patch.Plain()
	before := hashes(v)
	hash, err := v.Hash(context.Background(), plain)
	if err != nil || !CheckPassword(hash.Reveal(), "opensesame") {
		t.Errorf("Hash: %v, or another password's", err)
	}
	if hashes(v) != before+1 {
		t.Error("the hash was not made in the pool")
	}
	ended, end := context.WithCancel(context.Background())
	end()
	for range v.pool.workers {
		v.pool.enter(context.Background(), "")
	}
	if _, err := v.Hash(ended, plain); err == nil || strings.Contains(err.Error(), "opensesame") {
		t.Errorf("Hash with no worker and no time: %v", err)
	}
}
