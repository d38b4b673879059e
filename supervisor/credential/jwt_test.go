package credential

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

var secretA, secretB = []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))

// issuer has a private key of each algorithm.
type issuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

var theIssuer = sync.OnceValue(func() issuer {
	var i issuer
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	if i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	if _, i.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	return i
})

func write(t testing.TB, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func publicPEM(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func sign(t testing.TB, method jwt.SigningMethod, private any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJWTAlgorithms(t *testing.T) {
	i := theIssuer()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPEM := publicPEM(t, i.rsa.Public())
	keys := map[string]Key{
		HS256: {Algorithm: HS256, File: write(t, secretA)},
		RS256: {Algorithm: RS256, File: write(t, rsaPEM)},
		ES256: {Algorithm: ES256, File: write(t, publicPEM(t, i.ec.Public()))},
		EdDSA: {Algorithm: EdDSA, File: write(t, publicPEM(t, i.ed.Public()))},
	}
	alice := map[string]any{"sub": "alice"}
	none := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, alice)
	tokens := map[string]string{
		HS256:                           sign(t, jwt.SigningMethodHS256, secretA, nil, alice),
		RS256:                           sign(t, jwt.SigningMethodRS256, i.rsa, nil, alice),
		ES256:                           sign(t, jwt.SigningMethodES256, i.ec, nil, alice),
		EdDSA:                           sign(t, jwt.SigningMethodEdDSA, i.ed, nil, alice),
		"none":                          none,
		"none with a signature":         none + "AAAA",
		"HS512":                         sign(t, jwt.SigningMethodHS512, secretA, nil, alice),
		"RS512":                         sign(t, jwt.SigningMethodRS512, i.rsa, nil, alice),
		"PS256":                         sign(t, jwt.SigningMethodPS256, i.rsa, nil, alice),
		"HS256 by another secret":       sign(t, jwt.SigningMethodHS256, secretB, nil, alice),
		"HS256 by the RSA public key":   sign(t, jwt.SigningMethodHS256, rsaPEM, nil, alice),
		"RS256 by another key":          sign(t, jwt.SigningMethodRS256, other, nil, alice),
		"said to be RS256, is HS256":    sign(t, jwt.SigningMethodHS256, rsaPEM, map[string]any{"alg": RS256}, alice),
		"said to be none, is HS256":     sign(t, jwt.SigningMethodHS256, secretA, map[string]any{"alg": "none"}, alice),
		"an extension to be understood": sign(t, jwt.SigningMethodHS256, secretA, map[string]any{"crit": []string{"b64"}}, alice),
	}
	for configured, key := range keys {
		v := newVerifier(t, Config{Keys: []Key{key}}, newBook())
		for name, token := range tokens {
			want := "unauthorized"
			if name == configured {
				want = "ok as alice"
			}
			if got := who(v, ipc.Credential{Token: token}, here); got != want {
				t.Errorf("house with %s, token %s: %s", configured, name, got)
			}
		}
	}
	all := newVerifier(t, Config{Keys: []Key{keys[HS256], keys[RS256], keys[ES256], keys[EdDSA]}}, newBook())
	for name, token := range tokens {
		_, taken := keys[name]
		if got := who(all, ipc.Credential{Token: token}, here); (got == "ok as alice") != taken {
			t.Errorf("house with all, token %s: %s", name, got)
		}
	}
	if got := who(newVerifier(t, Config{}, newBook()), ipc.Credential{Token: tokens[HS256]}, here); got != "unauthorized" {
		t.Errorf("house without keys: %s", got)
	}
}

func TestJWTClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		file := write(t, secretA)
		plain := Config{Keys: []Key{{Algorithm: HS256, File: file}}}
		strict := plain
		strict.Audience, strict.Issuer, strict.Leeway = "house", "us", -1
		type m = map[string]any
		for name, test := range map[string]struct {
			config Config
			claims m
			want   string
		}{
			"least":               {plain, m{"sub": "alice"}, "ok as alice"},
			"ends later":          {plain, m{"sub": "alice", "exp": now + 1}, "ok as alice"},
			"ended in the leeway": {plain, m{"sub": "alice", "exp": now - 4}, "ok as alice"},
			"ended":               {plain, m{"sub": "alice", "exp": now - 6}, "unauthorized"},
			"ended, no leeway":    {strict, m{"sub": "alice", "exp": now, "aud": "house", "iss": "us"}, "unauthorized"},
			"exp as text":         {plain, m{"sub": "alice", "exp": "never"}, "unauthorized"},
			"exp too large":       {plain, m{"sub": "alice", "exp": 1e300}, "unauthorized"},
			"exp 0":               {plain, m{"sub": "alice", "exp": 0}, "unauthorized"},
			"exp null":            {plain, m{"sub": "alice", "exp": nil}, "ok as alice"},
			"begins in leeway":    {plain, m{"sub": "alice", "nbf": now + 4}, "ok as alice"},
			"begins later":        {plain, m{"sub": "alice", "nbf": now + 60}, "unauthorized"},
			"issued later":        {plain, m{"sub": "alice", "iat": now + 60}, "ok as alice"},
			"any issuer":          {plain, m{"sub": "alice", "iss": "them"}, "ok as alice"},
			"for somebody":        {plain, m{"sub": "alice", "aud": "them"}, "unauthorized"},
			"for nobody":          {plain, m{"sub": "alice", "aud": []string{}}, "ok as alice"},
			"for the house":       {strict, m{"sub": "alice", "aud": "house", "iss": "us"}, "ok as alice"},
			"for the house too":   {strict, m{"sub": "alice", "aud": []string{"them", "house"}, "iss": "us"}, "ok as alice"},
			"for others":          {strict, m{"sub": "alice", "aud": []string{"them"}, "iss": "us"}, "unauthorized"},
			"aud missing":         {strict, m{"sub": "alice", "iss": "us"}, "unauthorized"},
			"other issuer":        {strict, m{"sub": "alice", "aud": "house", "iss": "them"}, "unauthorized"},
			"iss missing":         {strict, m{"sub": "alice", "aud": "house"}, "unauthorized"},
			"no sub":              {plain, m{}, "unauthorized"},
			"Sub":                 {plain, m{"Sub": "alice"}, "unauthorized"},
			"sub a number":        {plain, m{"sub": 1}, "unauthorized"},
			"sub empty":           {plain, m{"sub": ""}, "unauthorized"},
			"sub with a space":    {plain, m{"sub": "al ice"}, "unauthorized"},
			"sub with a control":  {plain, m{"sub": "al\x00ice"}, "unauthorized"},
			"sub a sequence":      {plain, m{"sub": "~alice"}, "unauthorized"},
			"sub too long":        {plain, m{"sub": strings.Repeat("é", 129)}, "unauthorized"},
			"sub long":            {plain, m{"sub": strings.Repeat("é", 128)}, "ok as " + strings.Repeat("é", 128)},
			"sub with signs":      {plain, m{"sub": "auth0|Alice@example.com"}, "ok as auth0|Alice@example.com"},
			"rooms no rooms":      {plain, m{"sub": "alice", "rooms": m{"feed": "rule"}}, "unauthorized"},
			"rooms a text":        {plain, m{"sub": "alice", "rooms": "feed"}, "unauthorized"},
		} {
			v := newVerifier(t, test.config, newBook())
			token := sign(t, jwt.SigningMethodHS256, secretA, nil, test.claims)
			if got := who(v, ipc.Credential{Token: token}, here); got != test.want {
				t.Errorf("%s: %s, want %s", name, got, test.want)
			}
		}
	})
}

func TestJWTIdentity(t *testing.T) {
	b := newBook()
	b.rows["alice"] = schema.Identity{Client: "alice", Owner: true, Primary: true, Admin: true, Direct: schema.DirectNobody}
	v := newVerifier(t, Config{Keys: []Key{{Algorithm: HS256, File: write(t, secretA)}}}, b)
	ends := time.Now().Add(time.Hour).Unix()
	tell := func(claims map[string]any) schema.Identity {
		identity, refusal, _ := v.Who(context.Background(), ipc.Credential{Token: sign(t, jwt.SigningMethodHS256, secretA, nil, claims)}, here)
		if refusal != nil {
			t.Fatal(refusal)
		}
		return identity
	}
	alice := tell(map[string]any{"sub": "alice", "exp": ends, "rooms": map[string]any{"feed.*": "hear", "in": "send"}})
	if !alice.Owner || !alice.Primary || alice.Admin || alice.Direct != schema.DirectNobody || alice.Expires != ends || alice.Token != "" {
		t.Errorf("alice is %+v", alice)
	}
	if alice.Rooms.Of("feed.news") != schema.ScopeHear || alice.Rooms.Of("in") != schema.ScopeSend || alice.Rooms.Of("out") != schema.ScopeNone {
		t.Errorf("alice's rooms are %v", alice.Rooms)
	}
	bob := tell(map[string]any{"sub": "bob", "owner": true, "primary": true, "admin": true})
	if bob.Owner || bob.Primary || bob.Admin || bob.Expires != 0 || bob.Rooms != nil {
		t.Errorf("bob is %+v", bob)
	}
}

func TestJWTKeyIDs(t *testing.T) {
	a, b := write(t, secretA), write(t, secretB)
	r := write(t, publicPEM(t, theIssuer().rsa.Public()))
	alice := map[string]any{"sub": "alice"}
	for name, test := range map[string]struct {
		keys   []Key
		header map[string]any
		want   string
	}{
		"its id":                     {[]Key{{"a", HS256, a}, {"b", HS256, b}}, map[string]any{"kid": "a"}, "ok as alice"},
		"another's id":               {[]Key{{"a", HS256, a}, {"b", HS256, b}}, map[string]any{"kid": "b"}, "unauthorized"},
		"nobody's id":                {[]Key{{"a", HS256, a}}, map[string]any{"kid": "c"}, "unauthorized"},
		"an id, the key has none":    {[]Key{{"", HS256, a}}, map[string]any{"kid": "c"}, "unauthorized"},
		"no text":                    {[]Key{{"", HS256, a}}, map[string]any{"kid": 1}, "unauthorized"},
		"none, two keys with ids":    {[]Key{{"a", HS256, a}, {"b", HS256, b}}, nil, "unauthorized"},
		"none, one key with an id":   {[]Key{{"a", HS256, a}}, nil, "ok as alice"},
		"none, one of its kind":      {[]Key{{"a", HS256, a}, {"r", RS256, r}}, nil, "ok as alice"},
		"none, right key without id": {[]Key{{"b", HS256, b}, {"", HS256, a}}, nil, "ok as alice"},
		"none, wrong key without id": {[]Key{{"a", HS256, a}, {"", HS256, b}}, nil, "unauthorized"},
		"none, two keys without ids": {[]Key{{"", HS256, b}, {"", HS256, a}}, nil, "ok as alice"},
	} {
		v := newVerifier(t, Config{Keys: test.keys}, newBook())
		token := sign(t, jwt.SigningMethodHS256, secretA, test.header, alice)
		if got := who(v, ipc.Credential{Token: token}, here); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// What was once ours is no guess: an address is not blocked for it.
func TestEndedTokensDoNotBlock(t *testing.T) {
	v := newVerifier(t, Config{Keys: []Key{{Algorithm: HS256, File: write(t, secretA)}}}, newBook().add("alice", "wonderland"))
	ended := sign(t, jwt.SigningMethodHS256, secretA, nil, map[string]any{"sub": "alice", "exp": 1})
	for range 2 * addressTries {
		if got := who(v, ipc.Credential{Token: ended}, here); got != "unauthorized" {
			t.Fatal(got)
		}
	}
	if got := who(v, pairOf("alice", "wonderland"), here); got != "ok" {
		t.Errorf("a password after many ended tokens: %s", got)
	}
}

func FuzzJWT(f *testing.F) {
	v := newVerifier(f, Config{Keys: []Key{{Algorithm: HS256, File: write(f, secretA)}}}, newBook())
	signed := func(payload string) string {
		text := jwt.New(jwt.SigningMethodHS256)
		unsigned, err := text.SigningString()
		if err != nil {
			f.Fatal(err)
		}
		header, _, _ := strings.Cut(unsigned, ".")
		unsigned = header + "." + text.EncodeSegment([]byte(payload))
		signature, err := jwt.SigningMethodHS256.Sign(unsigned, secretA)
		if err != nil {
			f.Fatal(err)
		}
		return unsigned + "." + text.EncodeSegment(signature)
	}
	for _, seed := range []string{`{"sub":"alice"}`, `{"sub":"alice","exp":9e99,"rooms":["a*"]}`, `null`, `[]`, `{"aud":[1]}`, "a.b.c", "..", "pht_x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, standing := v.tokens.Load().verify(text, v.clients.Client); standing != foreign {
			t.Errorf("a token that nobody signed is %d: %q", standing, text)
		}
		identity, standing := v.tokens.Load().verify(signed(text), v.clients.Client)
		if standing == good && (!schema.IsClientName(identity.Client) || identity.Owner || identity.Admin) {
			t.Errorf("%q is %+v", text, identity)
		}
	})
}
