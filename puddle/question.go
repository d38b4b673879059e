package puddle

import (
	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// What only the supervisor knows is asked, and what waits for the answer goes
// on when it is there. The loop never waits.

// questionTime is how long a question may go unanswered, seconds: the
// supervisor itself slows down who guesses.
const questionTime = 30

// pending is a question that was asked.
type pending struct {
	question ipc.Question
	since    uint32
	then     func(*ipc.Reply)
}

// questions are what the puddle wants to know.
type questions struct {
	last     uint64 // ID
	pending  map[uint64]pending
	asks     []ipc.Question // of this tick
	released []ipc.Released // of this tick
	came     []string       // of this tick: callers whose connection has moved here
	left     []string       // of this tick: callers whose connection has ended
}

var noAnswer = schema.Refusal{Code: schema.Unavailable, Message: "the house does not answer just now: try again"}

// ask puts a question; then is called with its reply, from the loop.
func (p *Puddle) ask(q ipc.Question, then func(*ipc.Reply)) {
	p.questions.last++
	q.ID = p.questions.last
	p.questions.pending[q.ID] = pending{q, p.now, then}
	p.questions.asks = append(p.questions.asks, q)
}

// askAll sends what the tick wants to know in one word.
func (p *Puddle) askAll() {
	q := &p.questions
	if p.untold || len(q.asks) == 0 && len(q.released) == 0 && len(q.came) == 0 && len(q.left) == 0 {
		return
	}
	word := ipc.FromPuddle{Questions: q.asks, Released: q.released, Came: q.came, Left: q.left}
	q.asks, q.released, q.came, q.left = nil, nil, nil, nil
	p.say(word)
}

func (p *Puddle) onReply(reply *ipc.Reply) {
	asked, known := p.questions.pending[reply.ID]
	if !known {
		return
	}
	delete(p.questions.pending, reply.ID)
	asked.then(reply)
}

// forgetQuestions answers those that nobody does.
func (p *Puddle) forgetQuestions() {
	for id, asked := range p.questions.pending {
		if p.now-asked.since > questionTime {
			delete(p.questions.pending, id)
			asked.then(&ipc.Reply{ID: id, Refused: &noAnswer})
		}
	}
	p.askAll()
}
