package supervisor

import (
	"context"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// besideTime is how long what runs beside the select may take; the puddle
// gives up a little later.
const besideTime = 28 * time.Second

// asking is a question that a process waits to have answered.
type asking struct {
	from *process
	id   uint64
}

// asked answers a puddle's questions: at once, or once what they need is done
// beside the select.
func (s *supervisor) asked(from *process, questions []ipc.Question) {
	s.followAll()
	for i := range questions {
		s.question(&questions[i], asking{from, questions[i].ID})
	}
}

func (s *supervisor) question(q *ipc.Question, a asking) {
	switch {
	case q.Who != nil:
		s.askWho(a, q.Who)
	case q.Home != nil:
		s.askHome(a, q.Home)
	case q.Open != nil:
		room, refusal := s.directory.open(a.from.slot, *q.Open)
		s.answer(a, ipc.Reply{Room: room, Refused: refusal})
	case q.Look != nil:
		room, refusal := s.directory.look(q.Look.Room)
		s.answer(a, ipc.Reply{Room: room, Refused: refusal})
	case q.Prove != nil:
		s.askProve(a, q.Prove)
	case q.Place != nil:
		s.askPlace(a, q.Place, placeTries)
	case q.Make != nil:
		s.askMake(a, q.Make)
	case q.Drop != nil:
		s.askDrop(a, q.Drop)
	case q.Rules != nil:
		s.askRules(a, q.Rules)
	case q.Spaces != nil:
		s.answer(a, ipc.Reply{JSON: s.directory.spaces(q.Spaces)})
	case q.Members != nil:
		s.askMembers(a, q.Members)
	case q.PutOut != nil:
		s.askPutOut(a, q.PutOut)
	case q.End != nil:
		s.askEnd(a, q.End)
	case q.Endpoint != nil:
		s.askEndpoint(a, q.Endpoint)
	case q.Register != nil:
		s.answer(a, ipc.Reply{Refused: s.siblings.register(q.Register, a.from.slot, time.Now())})
	case q.Sibling != nil:
		s.answer(a, s.siblings.find(q.Sibling, time.Now()))
	case q.Claim != nil:
		s.answer(a, ipc.Reply{Claim: s.claims.claim(q.Claim, a.from, time.Now())})
	case q.Claimed != nil:
		s.claims.claimed(q.Claimed)
		s.answer(a, ipc.Reply{})
	case q.Call != nil:
		s.askCall(a, q.Call)
	default:
		s.refuse(a, &schema.Refusal{Code: schema.Unknown, Message: "the supervisor does not know this question: it is another version"})
	}
}

// answer replies to the process that asked, if it is still there.
func (s *supervisor) answer(a asking, reply ipc.Reply) {
	reply.ID = a.id
	if s.waits(a) {
		s.say(s.slots[a.from.slot], ipc.ToPuddle{Reply: &reply})
	}
}

func (s *supervisor) refuse(a asking, refusal *schema.Refusal) {
	s.answer(a, ipc.Reply{Refused: refusal})
}

// waits tells whether the process that asked is still there.
func (s *supervisor) waits(a asking) bool {
	return a.from.slot < len(s.slots) && s.slots[a.from.slot].process == a.from
}

// beside runs what burns or waits in a goroutine. What it returns is done in
// the select, if the process that asked is still there.
func (s *supervisor) beside(a asking, work func(context.Context) (then func())) {
	s.working.Go(func() {
		ctx, cancel := context.WithTimeout(s.life, besideTime)
		defer cancel()
		then := work(ctx)
		s.inSelect(func() {
			if s.waits(a) {
				then()
			}
		})
	})
}

// refused is what to do about a refusal, or a failure that is logged and not
// told; nil where there is neither.
func (s *supervisor) refused(a asking, tried string, refusal *schema.Refusal, err error) (then func()) {
	if err != nil {
		s.log.Error(tried+" failed", "error", err)
		refusal = &schema.Refusal{Code: schema.Unavailable, Message: tried + " failed: the house's log tells why; try again"}
	}
	if refusal == nil {
		return nil
	}
	return func() { s.refuse(a, refusal) }
}

// identityOf is an asker as the book judges it.
func identityOf(a ipc.Asker) schema.Identity {
	return schema.Identity{Client: a.Client, Owner: a.Owner, Primary: a.Primary, Admin: a.Admin, Rooms: a.Rooms}
}
