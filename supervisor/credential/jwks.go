package credential

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// jwk is a JSON Web Key: what of RFC 7517 section 4, RFC 7518 section 6 and
// RFC 8037 section 2 is needed to verify.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Algorithm  string   `json:"alg"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	Modulus    string   `json:"n"`
	Exponent   string   `json:"e"`
	Secret     string   `json:"k"`
	Private    string   `json:"d"`
}

// parseKeySet reads a JWKS. Keys for something else than these algorithms are
// passed over; one that is meant for them and broken is an error, in which
// there is nothing of the key. A secret must say that it is for HS256.
func parseKeySet(text []byte) (ring keyring, err error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New(`it is no JWKS: give a JSON object with the list "keys"`)
	}
	for i, k := range set.Keys {
		algorithm := k.algorithm()
		if algorithm == "" {
			continue
		}
		verifies, err := k.parse()
		if err != nil {
			return nil, fmt.Errorf("key %d, id %.64q: %w", i+1, k.ID, err)
		}
		ring = append(ring, key{k.ID, algorithm, verifies})
	}
	if len(ring) == 0 {
		return nil, errors.New("it has no key for HS256, EdDSA, RS256 or ES256")
	}
	return ring, nil
}

// algorithm is the one that a key is pinned to, "": none of ours.
func (k *jwk) algorithm() string {
	if k.Use != "" && k.Use != "sig" || k.Operations != nil && !slices.Contains(k.Operations, "verify") {
		return ""
	}
	var own string
	switch {
	case k.Type == "RSA":
		own = RS256
	case k.Type == "EC" && k.Curve == "P-256":
		own = ES256
	case k.Type == "OKP" && k.Curve == "Ed25519":
		own = EdDSA
	case k.Type == "oct" && k.Algorithm == HS256:
		return HS256
	}
	if k.Algorithm != "" && k.Algorithm != own {
		return ""
	}
	return own
}

func (k *jwk) parse() (jwt.VerificationKey, error) {
	if k.Private != "" {
		return nil, errors.New("it is a private key: give the public one, the house only verifies")
	}
	switch k.Type {
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ec()
	case "OKP":
		return k.ed25519()
	}
	return k.secret()
}

func (k *jwk) rsa() (jwt.VerificationKey, error) {
	n, errN := decodeKey(k.Modulus)
	e, errE := decodeKey(k.Exponent)
	if errN != nil || errE != nil || len(e) > 4 {
		return nil, errors.New("its n or e is no number in base64url")
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	return checkPublic(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)})
}

func (k *jwk) ec() (jwt.VerificationKey, error) {
	const size = 32 // bytes of a coordinate of P-256
	x, errX := decodeKey(k.X)
	y, errY := decodeKey(k.Y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, fmt.Errorf("its x or y is not %d bytes in base64url", size)
	}
	point := append(append([]byte{4}, x...), y...) // uncompressed (SEC 1 section 2.3.3)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errors.New("its x and y are no point of P-256")
	}
	return public, nil
}

func (k *jwk) ed25519() (jwt.VerificationKey, error) {
	x, err := decodeKey(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("its x is not %d bytes in base64url", ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(x), nil
}

func (k *jwk) secret() (jwt.VerificationKey, error) {
	secret, err := decodeKey(k.Secret)
	if err != nil || len(secret) < secretLeast {
		return nil, fmt.Errorf("its k is not %d or more bytes in base64url, which HS256 needs", secretLeast)
	}
	return secret, nil
}

func decodeKey(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
