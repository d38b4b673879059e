package credential

import (
	"encoding/json"
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"github.com/porthouse/porthouse/schema"
)

// jwtVerifier verifies JWTs (RFC 7519) under one configuration.
type jwtVerifier struct {
	keys     keyring
	parser   *jwt.Parser
	audience string
}

func newJWTVerifier(config Config) (*jwtVerifier, error) {
	keys, err := loadKeys(config.Keys, config.KeySets)
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms),
		jwt.WithStrictDecoding(),
		jwt.WithLeeway(config.Leeway),
	}
	if config.Audience != "" {
		options = append(options, jwt.WithAudience(config.Audience))
	}
	if config.Issuer != "" {
		options = append(options, jwt.WithIssuer(config.Issuer))
	}
	return &jwtVerifier{keys, jwt.NewParser(options...), config.Audience}, nil
}

// verify tells who a JWT says somebody is. The flags are those of the client's
// row, if it has one; admin is never had by JWT.
func (j *jwtVerifier) verify(token string, row func(string) (schema.Identity, bool)) (schema.Identity, standing) {
	var c claims
	if _, err := j.parser.ParseWithClaims(token, &c, j.key); err != nil {
		if errors.Is(err, jwt.ErrTokenInvalidClaims) { // judged after the signature
			return schema.Identity{}, void
		}
		return schema.Identity{}, foreign
	}
	identity, err := c.identity(j.audience)
	if err != nil {
		return schema.Identity{}, void
	}
	if known, ok := row(identity.Client); ok {
		identity.Owner, identity.Primary, identity.Direct = known.Owner, known.Primary, known.Direct
	}
	return identity, good
}

var errKey = errors.New("no key of that id and algorithm")

// key finds what may have signed a token. An extension that must be
// understood is not (crit, RFC 7515 section 4.1.11).
func (j *jwtVerifier) key(token *jwt.Token) (any, error) {
	if _, critical := token.Header["crit"]; critical {
		return nil, errKey
	}
	id, given := token.Header["kid"]
	name, text := id.(string)
	if given && !text {
		return nil, errKey
	}
	found := j.keys.find(name, token.Method.Alg())
	if len(found) == 0 {
		return nil, errKey
	}
	return jwt.VerificationKeySet{Keys: found}, nil
}

// claims are read by their exact names, and rooms in the order in which they
// are said.
type claims map[string]json.RawMessage

// read takes a claim into value, which stays as it is where there is none.
func (c claims) read(name string, value any) (found bool, err error) {
	raw, found := c[name]
	if !found || string(raw) == "null" {
		return false, nil
	}
	return true, json.Unmarshal(raw, value)
}

func (c claims) identity(audience string) (identity schema.Identity, err error) {
	if aud, err := c.GetAudience(); err != nil || len(aud) > 0 && audience == "" {
		return identity, errWrong
	}
	subject, err := c.GetSubject()
	if err != nil || !schema.IsClientName(subject) {
		return identity, errWrong
	}
	rooms, refusal := schema.ParseTokenRooms(c["rooms"])
	if refusal != nil {
		return identity, errWrong
	}
	expires, err := c.GetExpirationTime()
	if err != nil {
		return identity, err
	}
	identity.Client, identity.Rooms = subject, rooms
	if expires != nil {
		identity.Expires = expires.Unix()
	}
	return identity, nil
}

func (c claims) date(name string) (*jwt.NumericDate, error) {
	var date jwt.NumericDate
	found, err := c.read(name, &date)
	if !found || err != nil {
		return nil, err
	}
	return &date, nil
}

func (c claims) text(name string) (text string, err error) {
	_, err = c.read(name, &text)
	return text, err
}

// GetExpirationTime is exp.
func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.date("exp") }

// GetIssuedAt is iat.
func (c claims) GetIssuedAt() (*jwt.NumericDate, error) { return c.date("iat") }

// GetNotBefore is nbf.
func (c claims) GetNotBefore() (*jwt.NumericDate, error) { return c.date("nbf") }

// GetIssuer is iss.
func (c claims) GetIssuer() (string, error) { return c.text("iss") }

// GetSubject is sub.
func (c claims) GetSubject() (string, error) { return c.text("sub") }

// GetAudience is aud, a text or a list of them.
func (c claims) GetAudience() (aud jwt.ClaimStrings, err error) {
	_, err = c.read("aud", &aud)
	return aud, err
}
