package book

import (
	"context"
	"fmt"

	"github.com/pquerna/otp/totp"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// issuer names the house in authenticator apps.
const issuer = "Porthouse"

type passwordView struct {
	Client   string `json:"client"`
	Password bool   `json:"password"`
}

// setPassword: {"password":"…"} sets it, {"password":null} takes it away.
func (b *Book) setPassword(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := b.known(op.By, op.Name); err != nil {
		return nil, err
	}
	said, err := readValues(op, "password")
	if err != nil {
		return nil, err
	}
	hash, err := b.hashOf(ctx, said)
	if err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		client, err := b.known(op.By, op.Name)
		if err != nil {
			return nil, err
		}
		own := b.secretsOf(op.Name)
		own.password = hash
		if _, err := b.putClient(ctx, client, own, Change{PasswordChanged: op.Name}); err != nil {
			return nil, err
		}
		return passwordView{op.Name, hash.Set()}, nil
	})
}

// hashOf hashes the password that was said; none for null. What may be one,
// the rules of rooms say.
func (b *Book) hashOf(ctx context.Context, said values) (schema.PasswordHash, error) {
	const may = "a string of 1 to 1024 bytes without control characters, or null to take it away"
	value, touched := said["password"]
	if !touched {
		return schema.PasswordHash{}, malformed("client passwd: say the password: %s", may)
	}
	if said.isNull("password") {
		return schema.PasswordHash{}, nil
	}
	patch, refusal := schema.ParseRules(fmt.Appendf(nil, `{"password":%s}`, value))
	plain, set := patch.Plain()
	if refusal != nil || !set {
		return schema.PasswordHash{}, malformed("password: may be %s", may)
	}
	return b.Hasher(ctx, plain)
}

// totpView is the one time that a secret is shown.
type totpView struct {
	Secret string `json:"secret"`
	URL    string `json:"url"`
}

// String keeps the secret out of what is printed by accident.
func (totpView) String() string   { return "(secret)" }
func (totpView) GoString() string { return "(secret)" }

type noTOTPView struct {
	Client string `json:"client"`
	TOTP   bool   `json:"totp"`
}

// setTOTP gives a client a new second factor (RFC 6238: SHA-1, 30 s, 6
// digits); {"remove":true} takes it away.
func (b *Book) setTOTP(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := b.known(op.By, op.Name); err != nil {
		return nil, err
	}
	var remove bool
	said, err := readValues(op, "remove")
	if err == nil {
		err = said.read("remove", "true or false", &remove)
	}
	if err != nil {
		return nil, err
	}
	var view any = noTOTPView{op.Name, false}
	var secret schema.OTPSecret
	if !remove {
		if view, secret, err = newTOTP(op.Name); err != nil {
			return nil, err
		}
	}
	return b.alter(func() (any, error) {
		client, err := b.known(op.By, op.Name)
		if err != nil {
			return nil, err
		}
		own := b.secretsOf(op.Name)
		own.totp = secret
		if _, err := b.putClient(ctx, client, own, Change{TOTPChanged: op.Name}); err != nil {
			return nil, err
		}
		return view, nil
	})
}

func newTOTP(client string) (any, schema.OTPSecret, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: client})
	if err != nil {
		return nil, schema.OTPSecret{}, fmt.Errorf("make a TOTP secret for client %q: %w", client, err)
	}
	secret, good := store.OTPSecret(key.Secret())
	if !good {
		return nil, secret, fmt.Errorf("make a TOTP secret for client %q: what was made is not base32", client)
	}
	return totpView{key.Secret(), key.URL()}, secret, nil
}
