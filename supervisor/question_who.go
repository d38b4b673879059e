package supervisor

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor/book"
)

// verifier is what the supervisor asks of credential.Verifier.
type verifier interface {
	Who(ctx context.Context, c ipc.Credential, address string) (schema.Identity, *schema.Refusal, int)
	Prove(ctx context.Context, room string, password schema.PasswordHash, otp schema.OTP, ask ipc.AskProve) (ipc.Proof, *schema.Refusal, int)
	ForgetClient(name string)
}

// who verifies a credential, from any goroutine but the select's. It may wait
// until ctx ends.
func (s *supervisor) who(ctx context.Context, c ipc.Credential, address string) (schema.Identity, *schema.Refusal, int) {
	if strings.HasPrefix(c.Token, passPrefix) {
		identity, refusal := s.passes.spend(c.Token)
		return identity, refusal, 0
	}
	return s.verifier.Who(ctx, c, address)
}

func (s *supervisor) askWho(a asking, ask *ipc.AskWho) {
	s.beside(a, func(ctx context.Context) func() {
		identity, refusal, after := s.who(ctx, ask.Credential, ask.Address)
		if refusal != nil {
			return func() { s.answer(a, ipc.Reply{Refused: refusal, After: after}) }
		}
		return func() { s.answer(a, ipc.Reply{Identity: &identity}) }
	})
}

func (s *supervisor) askProve(a asking, ask *ipc.AskProve) {
	r := s.directory.rooms[ask.Room]
	if r == nil {
		s.refuse(a, noSuchRoom(ask.Room))
		return
	}
	password, otp := r.rules.Password, r.rules.OTP
	s.beside(a, func(ctx context.Context) func() {
		proof, refusal, after := s.verifier.Prove(ctx, ask.Room, password, otp, *ask)
		if refusal != nil {
			return func() { s.answer(a, ipc.Reply{Refused: refusal, After: after}) }
		}
		return func() { s.answer(a, ipc.Reply{Proof: &proof}) }
	})
}

func (s *supervisor) askHome(a asking, ask *ipc.AskHome) {
	client, found := s.book.Client(ask.Client)
	if !found || !schema.IsClient(ask.Client) {
		s.refuse(a, &schema.Refusal{Code: schema.NotFound, Message: "no client has its endpoint here: porthouse client add makes one"})
		return
	}
	s.answer(a, ipc.Reply{Home: &ipc.Home{Client: client.Name, Admits: client.Admits}})
}

// clients is the book as credentials are verified with it.
type clients struct {
	*book.Book
	log *slog.Logger
}

// codeTime is how long a code waits to be noted where it outlives the house.
const codeTime = time.Second

// UseCode notes that a one-time code was used. What cannot be noted counts as
// fresh: the verifier remembers it, as long as this process lives.
func (c clients) UseCode(key [32]byte, step, past int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), codeTime)
	defer cancel()
	fresh, err := c.Book.UseCode(ctx, key, step, past)
	if err != nil {
		c.log.Warn("a one-time code that was used is not noted in the database: should the house start anew within 90 s, it is good again", "error", err)
	}
	return fresh || err != nil
}

// Client is a row: its name and flags.
func (c clients) Client(name string) (schema.Identity, bool) {
	client, found := c.Book.Client(name)
	return client.Identity(), found
}

// Token finds an opaque token by its hash.
func (c clients) Token(hash [32]byte) (id, client string, expires int64, rooms schema.TokenRooms, ok bool) {
	token, ok := c.Book.TokenByHash(hash)
	return token.ID, token.Client, token.Expires, token.Rooms, ok
}
