package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms that JWTs may be signed with (RFC 7518 section 3.1, RFC 8037).
const (
	HS256 = "HS256"
	EdDSA = "EdDSA"
	RS256 = "RS256"
	ES256 = "ES256"
)

var algorithms = []string{HS256, EdDSA, RS256, ES256}

// Key is one that JWTs may be signed with.
type Key struct {
	// ID is the kid of the tokens that it signs. A key without one signs those
	// without kid.
	ID        string
	Algorithm string // HS256, EdDSA, RS256 or ES256, and no other by this key
	// File holds the public key in PEM form; of HS256 the secret itself, where
	// one line end after a line of text does not belong to it.
	File string
}

// Bounds of keys and their files.
const (
	keyFileMost = 1 << 20 // bytes
	keysMost    = 64
	secretLeast = 32   // bytes of HS256 (RFC 7518 section 3.2)
	rsaLeast    = 2048 // bits (RFC 7518 section 3.3)
)

// key is one with the algorithm that it is pinned to.
type key struct {
	id, algorithm string
	verifies      jwt.VerificationKey
}

type keyring []key

// find lists the keys that a token with this id ("": none) may be signed with:
// those of that id, or where no key is without one, the only one of the
// algorithm.
func (r keyring) find(id, algorithm string) (found []jwt.VerificationKey) {
	var all []jwt.VerificationKey
	for _, k := range r {
		if k.algorithm != algorithm {
			continue
		}
		all = append(all, k.verifies)
		if k.id == id {
			found = append(found, k.verifies)
		}
	}
	if id == "" && len(all) == 1 {
		return all
	}
	return found
}

func loadKeys(keys []Key, sets []string) (ring keyring, err error) {
	for _, k := range keys {
		text, err := readKeyFile(k.File)
		if err != nil {
			return nil, err
		}
		verifies, err := parseKey(k.Algorithm, text)
		if err != nil {
			return nil, fmt.Errorf("key file %s: %w", k.File, err)
		}
		ring = append(ring, key{k.ID, k.Algorithm, verifies})
	}
	for _, file := range sets {
		text, err := readKeyFile(file)
		if err != nil {
			return nil, err
		}
		set, err := parseKeySet(text)
		if err != nil {
			return nil, fmt.Errorf("JWKS file %s: %w", file, err)
		}
		ring = append(ring, set...)
	}
	if len(ring) > keysMost {
		return nil, fmt.Errorf("%d keys for tokens: %d are the most", len(ring), keysMost)
	}
	return ring, nil
}

func readKeyFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, keyFileMost+1))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if len(text) > keyFileMost {
		return nil, fmt.Errorf("key file %s: it has more than %d bytes, which no key has", path, keyFileMost)
	}
	return text, nil
}

// parseKey reads the key of a file for one algorithm. Its errors have nothing
// of the file in them.
func parseKey(algorithm string, text []byte) (jwt.VerificationKey, error) {
	switch algorithm {
	case HS256:
		return parseSecret(text)
	case EdDSA, RS256, ES256:
		return parsePublic(algorithm, text)
	}
	return nil, fmt.Errorf("%q is no algorithm for tokens: write one of %s", algorithm, strings.Join(algorithms, ", "))
}

func parseSecret(text []byte) (jwt.VerificationKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		return nil, errors.New("it is a PEM file, and HS256 takes a secret: name the algorithm that the key is for")
	}
	secret := text
	if line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")); isPrintable(line) {
		secret = line
	}
	if len(secret) < secretLeast {
		return nil, fmt.Errorf("its secret has %d bytes, HS256 needs %d: make one by \"openssl rand -hex 32\"", len(secret), secretLeast)
	}
	return secret, nil
}

func isPrintable(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func parsePublic(algorithm string, text []byte) (jwt.VerificationKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, fmt.Errorf("it is no PEM file: give the public key for %s as one", algorithm)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("it is a private key: give the public one, the house only verifies")
	}
	var parsed any
	var err error
	switch algorithm {
	case RS256:
		parsed, err = jwt.ParseRSAPublicKeyFromPEM(text)
	case ES256:
		parsed, err = jwt.ParseECPublicKeyFromPEM(text)
	default:
		parsed, err = jwt.ParseEdPublicKeyFromPEM(text)
	}
	if err != nil {
		return nil, fmt.Errorf("it is no public key for %s: %w", algorithm, err)
	}
	return checkPublic(parsed)
}

// checkPublic refuses keys that are too weak or of another curve.
func checkPublic(parsed any) (jwt.VerificationKey, error) {
	switch public := parsed.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < rsaLeast {
			return nil, fmt.Errorf("its RSA key has %d bits, RS256 needs %d", public.N.BitLen(), rsaLeast)
		}
		if public.E < 3 || public.E%2 == 0 {
			return nil, errors.New("its RSA key has an exponent that none has")
		}
		return public, nil
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return nil, fmt.Errorf("its key is on the curve %s, ES256 needs P-256", public.Curve.Params().Name)
		}
		return public, nil
	case ed25519.PublicKey:
		return public, nil
	}
	return nil, fmt.Errorf("it is a %T, which no algorithm here takes", parsed)
}
