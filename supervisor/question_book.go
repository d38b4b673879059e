package supervisor

import (
	"context"
	"encoding/json"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// do does an operation, from any goroutine but the select's. When it returns,
// puddles have been told what it changed.
func (s *supervisor) do(ctx context.Context, op schema.Operation) (any, *schema.Refusal, error) {
	result, refusal, err := s.book.Do(ctx, op)
	if refusal == nil && err == nil {
		s.inSelect(func() {})
	}
	return result, refusal, err
}

// operate does an operation that a puddle asks for and has nothing to tell.
func (s *supervisor) operate(a asking, tried string, op schema.Operation) {
	s.beside(a, func(ctx context.Context) func() {
		_, refusal, err := s.book.Do(ctx, op)
		if then := s.refused(a, tried, refusal, err); then != nil {
			return then
		}
		return func() { s.answer(a, ipc.Reply{}) }
	})
}

func (s *supervisor) askEndpoint(a asking, ask *ipc.AskEndpoint) {
	op := schema.Operation{Noun: "endpoint", Verb: "remove", Name: ask.Host, By: identityOf(ask.Asker)}
	if ask.Room != "" {
		op.Verb = "add"
		op.Values, _ = json.Marshal(map[string]string{"room": ask.Room}) // strings always marshal
	}
	s.operate(a, "changing an endpoint", op)
}

// askEnd closes a sequence: the asker's client's own, or itself; an admin any.
func (s *supervisor) askEnd(a asking, ask *ipc.AskEnd) {
	q, found := s.registry.where(ask.Sequence)
	own := ask.Asker.Client != "" && q.client == ask.Asker.Client || ask.Asker.Sequence == ask.Sequence
	if !found || !own && !ask.Asker.Admin {
		s.refuse(a, &schema.Refusal{Code: schema.NotFound, Message: "no such sequence of yours: WHOAMI and WHO tell them"})
		return
	}
	reason := "closed by an admin"
	if own {
		reason = "closed by its client"
	}
	if q.slot >= len(s.slots) {
		s.answer(a, ipc.Reply{})
		return
	}
	s.say(s.slots[q.slot], ipc.ToPuddle{Close: &ipc.Close{Sequence: ask.Sequence, Code: schema.ClosePutOut, Reason: reason}})
	s.answer(a, ipc.Reply{})
}
