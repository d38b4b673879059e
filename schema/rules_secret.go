package schema

import "errors"

// secret is a text that neither fmt nor encoding/json prints by itself. It is
// held by a pointer because fmt prints unexported fields as they are.
type secret struct{ text *string }

var errSecret = errors.New("a secret is not written out")

// Set tells whether there is one.
func (s secret) Set() bool { return s.text != nil }

// Reveal is the secret itself, "" if there is none. Who calls it answers for
// where it goes.
func (s secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (s secret) String() string   { return "(secret)" }
func (s secret) GoString() string { return "(secret)" }

// MarshalJSON fails: a secret gets into JSON by name only (Said.Stored).
func (s secret) MarshalJSON() ([]byte, error) { return nil, errSecret }

// MarshalText fails likewise.
func (s secret) MarshalText() ([]byte, error) { return nil, errSecret }

// The secrets that rules deal with. One does not turn into another but by a
// hasher that reveals the first and makes the second.
type (
	PlainPassword struct{ secret } // as it was typed; in a Patch only
	PasswordHash  struct{ secret } // as it is stored: opaque here
	OTPSecret     struct{ secret } // base32 (RFC 4648), without padding
)

// StoredPassword takes what a hasher made of a PlainPassword.
func StoredPassword(hash string) PasswordHash { return PasswordHash{secret{&hash}} }
