package credential

import (
	"context"
	"errors"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// The bits of an ipc.Proof.
const (
	proofPassword = 1 << iota
	proofCode
)

// Prove verifies what entry to a room asks for, of what was given. A code is
// not looked at, and so not used up, where the password beside it is wrong.
// Refused: rate and unavailable, with the seconds until the next try.
func (v *Verifier) Prove(ctx context.Context, room string, password schema.PasswordHash, otp schema.OTP, ask ipc.AskProve) (ipc.Proof, *schema.Refusal, int) {
	from := origin(ask.Address)
	e := entry{v: v, ctx: ctx, from: from, room: room, ask: ask, otp: otp, hash: password.Reveal()}
	e.password = password.Set() && ask.Password != ""
	e.code = otp.Kind != schema.OTPNone && ask.OTP != ""
	e.pair = v.pairs.ofRoom(room, e.hash, ask.Password)
	e.recall()
	if !e.password && !e.code {
		return e.proof, nil, 0
	}
	err := v.attempt(ctx, e.name(), from, e.judge)
	if err != nil && !errors.Is(err, errWrong) {
		refusal, after := v.refuse(err, from)
		return ipc.Proof{}, refusal, after
	}
	return e.proof, nil, 0
}

// entry is one try to enter a room.
type entry struct {
	v    *Verifier
	ctx  context.Context
	from string
	room string
	ask  ipc.AskProve
	otp  schema.OTP
	hash string
	pair digest

	password, code bool // they are still to be judged
	proof          ipc.Proof
}

// name is whose tries are judged one at a time: the asker's in this room, or
// where its own code is asked for, its own in all of them. They are not those
// of who tries to be that client.
func (e *entry) name() string {
	if e.code && e.otp.Kind == schema.OTPOwn {
		return "code\x00" + e.ask.Client
	}
	return e.asker()
}

// asker is the client, or where there is none the address, in this room.
func (e *entry) asker() string {
	if e.ask.Client == "" {
		return "room\x00" + e.room + "\x00\x00" + e.from
	}
	return "room\x00" + e.room + "\x00" + e.ask.Client
}

// recall takes a password that was right before.
func (e *entry) recall() {
	if e.password && e.v.pairs.has(e.pair) {
		e.proof.Proved |= proofPassword
		e.password = false
	}
}

func (e *entry) judge() error {
	e.recall()
	if e.password {
		same, err := e.v.compare(e.ctx, e.from, e.hash, e.ask.Password)
		if err != nil {
			return err
		}
		if !same {
			e.proof.Failed |= proofPassword
			return errWrong
		}
		e.v.pairs.add(e.pair, "")
		e.proof.Proved |= proofPassword
	}
	if !e.code {
		return nil
	}
	if !e.spend() {
		e.proof.Failed |= proofCode
		return e.v.wrong(e.from)
	}
	e.proof.Proved |= proofCode
	return nil
}

// spend uses the code: of the client itself, which must have a secret, or of
// the room, where each client or address may use it once.
func (e *entry) spend() bool {
	if e.otp.Kind == schema.OTPRoom {
		return e.v.codes.spend(e.asker(), e.otp.Secret.Reveal(), e.ask.OTP, time.Now())
	}
	if e.ask.Client == "" {
		return false
	}
	secret, ok := e.v.clients.TOTPSecret(e.ask.Client)
	return ok && e.v.codes.spend(ownCode(e.ask.Client), secret, e.ask.OTP, time.Now())
}

// ownCode is the owner of a client's own secret.
func ownCode(client string) string { return "client\x00" + client }
