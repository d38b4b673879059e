package credential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/porthouse/porthouse/ipc"
)

func TestKeyFiles(t *testing.T) {
	i := theIssuer()
	rsaPEM, ecPEM, edPEM := publicPEM(t, i.rsa.Public()), publicPEM(t, i.ec.Public()), publicPEM(t, i.ed.Public())
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(i.ed)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&i.rsa.PublicKey)})
	for name, test := range map[string]struct {
		algorithm string
		text      []byte
		wrong     string // "": nothing
	}{
		"secret":            {HS256, secretA, ""},
		"secret in a line":  {HS256, append(secretA, '\r', '\n'), ""},
		"short secret":      {HS256, []byte(strings.Repeat("s", 31) + "\n"), "31 bytes"},
		"secret a PEM":      {HS256, rsaPEM, "PEM"},
		"empty":             {HS256, nil, "0 bytes"},
		"RSA":               {RS256, rsaPEM, ""},
		"RSA, PKCS 1":       {RS256, pkcs1, ""},
		"RSA, weak":         {RS256, publicPEM(t, weak.Public()), "1024 bits"},
		"RSA is EC":         {RS256, ecPEM, "RS256"},
		"EC":                {ES256, ecPEM, ""},
		"EC, P-384":         {ES256, publicPEM(t, p384.Public()), "P-384"},
		"EC is Ed25519":     {ES256, edPEM, "ES256"},
		"Ed25519":           {EdDSA, edPEM, ""},
		"Ed25519 is RSA":    {EdDSA, rsaPEM, "EdDSA"},
		"private":           {EdDSA, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "private"},
		"no PEM":            {EdDSA, secretA, "no PEM"},
		"no such algorithm": {"HS384", secretA, "HS384"},
		"none":              {"none", secretA, "none"},
		"too large":         {HS256, make([]byte, keyFileMost+1), "more than"},
	} {
		file := write(t, test.text)
		_, err := New(Config{Keys: []Key{{Algorithm: test.algorithm, File: file}}}, newBook())
		switch {
		case test.wrong == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong) || !strings.Contains(err.Error(), file)):
			t.Errorf("%s: error %v does not name %s and %q", name, err, file, test.wrong)
		case err != nil && (strings.Contains(err.Error(), "sss") || strings.Contains(err.Error(), "aaaa")):
			t.Errorf("%s: error %v has the secret in it", name, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, config := range []Config{{Keys: []Key{{Algorithm: HS256, File: missing}}}, {KeySets: []string{missing}}} {
		if _, err := New(config, newBook()); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("missing file: %v", err)
		}
	}
}

// A secret that is no text keeps each of its bytes.
func TestBinarySecret(t *testing.T) {
	secret := append([]byte{0, 200}, append(secretA, '\n')...)
	v := newVerifier(t, Config{Keys: []Key{{Algorithm: HS256, File: write(t, secret)}}}, newBook())
	token := sign(t, jwt.SigningMethodHS256, secret, nil, map[string]any{"sub": "alice"})
	if got := who(v, ipc.Credential{Token: token}, here); got != "ok as alice" {
		t.Error(got)
	}
}

func TestReload(t *testing.T) {
	a := Config{Keys: []Key{{Algorithm: HS256, File: write(t, secretA)}}}
	b := Config{Keys: []Key{{Algorithm: HS256, File: write(t, secretB)}}, Workers: 3, Waiting: 40}
	broken := b
	broken.Keys = append(broken.Keys, Key{Algorithm: RS256, File: write(t, secretA)})
	token := ipc.Credential{Token: sign(t, jwt.SigningMethodHS256, secretB, nil, map[string]any{"sub": "alice"})}
	v := newVerifier(t, a, newBook())
	if err := v.Reload(broken); err == nil {
		t.Error("a broken configuration was taken")
	}
	if got := who(v, token, here); got != "unauthorized" || v.pool.workers == 3 {
		t.Errorf("after a broken reload: %s, %d workers", got, v.pool.workers)
	}
	if err := v.Reload(b); err != nil {
		t.Fatal(err)
	}
	if got := who(v, token, here); got != "ok as alice" || v.pool.workers != 3 || v.pool.waiting.share != 10 {
		t.Errorf("after a reload: %s, %d workers", got, v.pool.workers)
	}
}

type object = map[string]any

func encoded(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

// keySet is one key of each algorithm.
func keySet(t testing.TB) (rsaKey, ecKey, edKey, secretKey object) {
	t.Helper()
	i := theIssuer()
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	rsaKey = object{"kty": "RSA", "kid": "r", "use": "sig", "n": encoded(i.rsa.N.Bytes()), "e": "AQAB"}
	ecKey = object{"kty": "EC", "kid": "c", "crv": "P-256", "x": encoded(point[1:33]), "y": encoded(point[33:])}
	edKey = object{"kty": "OKP", "kid": "d", "crv": "Ed25519", "alg": "EdDSA", "x": encoded(i.ed[32:])}
	secretKey = object{"kty": "oct", "kid": "s", "alg": "HS256", "k": encoded(secretA)}
	return rsaKey, ecKey, edKey, secretKey
}

func with(key object, name string, value any) object {
	changed := object{}
	for k, v := range key {
		changed[k] = v
	}
	changed[name] = value
	return changed
}

func setOf(t testing.TB, keys ...object) []byte {
	t.Helper()
	text, err := json.Marshal(object{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKeySet(t *testing.T) {
	r, c, d, s := keySet(t)
	i := theIssuer()
	v := newVerifier(t, Config{KeySets: []string{write(t, setOf(t, r, c, d, s))}}, newBook())
	for kid, text := range map[string]string{
		"r": sign(t, jwt.SigningMethodRS256, i.rsa, object{"kid": "r"}, object{"sub": "r"}),
		"c": sign(t, jwt.SigningMethodES256, i.ec, object{"kid": "c"}, object{"sub": "c"}),
		"d": sign(t, jwt.SigningMethodEdDSA, i.ed, object{"kid": "d"}, object{"sub": "d"}),
		"s": sign(t, jwt.SigningMethodHS256, secretA, object{"kid": "s"}, object{"sub": "s"}),
	} {
		if got := who(v, ipc.Credential{Token: text}, here); got != "ok as "+kid {
			t.Errorf("key %s: %s", kid, got)
		}
	}
	mixed := sign(t, jwt.SigningMethodHS256, secretA, object{"kid": "r"}, object{"sub": "alice"})
	if got := who(v, ipc.Credential{Token: mixed}, here); got != "unauthorized" {
		t.Errorf("HS256 under the id of the RSA key: %s", got)
	}
}

func TestKeySetForms(t *testing.T) {
	r, c, d, s := keySet(t)
	for name, test := range map[string]struct {
		text  []byte
		keys  int
		wrong string
	}{
		"all":                  {setOf(t, r, c, d, s), 4, ""},
		"others passed over":   {setOf(t, r, with(r, "alg", "RS512"), with(r, "use", "enc"), with(c, "crv", "P-521"), object{"kty": "new"}), 1, ""},
		"to sign only":         {setOf(t, r, with(d, "key_ops", []string{"sign"})), 1, ""},
		"to verify":            {setOf(t, with(d, "key_ops", []string{"verify"})), 1, ""},
		"secret of no use":     {setOf(t, with(s, "alg", "")), 0, "no key for"},
		"RSA said to be HS256": {setOf(t, with(r, "alg", "HS256")), 0, "no key for"},
		"no keys":              {[]byte(`{"keys":[]}`), 0, "no key for"},
		"another object":       {[]byte(`{}`), 0, "no key for"},
		"no JSON":              {[]byte("loudsecret"), 0, "no JWKS"},
		"private":              {setOf(t, with(d, "d", "loudsecret")), 0, "private"},
		"weak":                 {setOf(t, with(r, "n", encoded(make([]byte, 128)))), 0, "bits"},
		"exponent 1":           {setOf(t, with(r, "e", "AQ")), 0, "exponent"},
		"exponent too large":   {setOf(t, with(r, "e", "AQAAAAAB")), 0, "n or e"},
		"point not on it":      {setOf(t, with(c, "x", encoded(make([]byte, 32)))), 0, "point"},
		"short coordinate":     {setOf(t, with(c, "y", "AA")), 0, "32 bytes"},
		"short Ed25519":        {setOf(t, with(d, "x", "AA")), 0, "32 bytes"},
		"short secret":         {setOf(t, with(s, "k", "loudsecret")), 0, "32 or more"},
		"secret not base64url": {setOf(t, with(s, "k", strings.Repeat("loudsecret+", 9))), 0, "base64url"},
		"number where text is": {[]byte(`{"keys":[{"kty":1}]}`), 0, "no JWKS"},
	} {
		ring, err := parseKeySet(test.text)
		switch {
		case test.wrong == "" && err != nil || len(ring) != test.keys:
			t.Errorf("%s: %d keys, %v", name, len(ring), err)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "loudsecret")):
			t.Errorf("%s: error %v, want it to say %q", name, err, test.wrong)
		}
	}
}

func TestTooManyKeys(t *testing.T) {
	_, _, d, _ := keySet(t)
	keys := make([]object, keysMost+1)
	for i := range keys {
		keys[i] = d
	}
	if _, err := New(Config{KeySets: []string{write(t, setOf(t, keys...))}}, newBook()); err == nil {
		t.Errorf("%d keys were taken", len(keys))
	}
}

func FuzzKeySet(f *testing.F) {
	r, c, d, s := keySet(f)
	for _, key := range []object{r, c, d, s} {
		f.Add(setOf(f, key))
	}
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := parseKeySet(text)
		if (err == nil) != (len(ring) > 0) {
			t.Errorf("%d keys and %v", len(ring), err)
		}
		for _, k := range ring {
			// A key of another type than its algorithm's would be ErrInvalidKeyType.
			err := jwt.GetSigningMethod(k.algorithm).Verify("a.b", make([]byte, 64), k.verifies)
			if errors.Is(err, jwt.ErrInvalidKeyType) || errors.Is(err, jwt.ErrInvalidKey) {
				t.Errorf("a key for %s is a %T", k.algorithm, k.verifies)
			}
		}
	})
}
