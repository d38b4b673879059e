package supervisor

import (
	"context"
	"net/http"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// hits are messages from the admin API and the command line that a puddle
// sends and has not answered yet, by their IDs.
type hits struct {
	last    uint64
	waiting map[uint64]waitingHit
}

type waitingHit struct {
	slot  int
	heard chan ipc.HitDone // has room for it
}

func newHits() *hits { return &hits{waiting: map[uint64]waitingHit{}} }

var noPuddle = &schema.Refusal{Code: schema.Unavailable, Message: "no puddle can send this just now: try again"}

var hitLost = &schema.Refusal{
	Code: schema.Unavailable, Message: "the puddle ended before it answered, and may have sent it: try again, with the same key if there was one",
}

// send has a puddle send a message and tells its answer, as HTTP, from any
// goroutine but the select's. 503 where no puddle serves, or ctx ends first.
func (s *supervisor) send(ctx context.Context, hit ipc.Hit) (status int, json []byte) {
	heard := make(chan ipc.HitDone, 1)
	sent := s.inSelect(func() { s.hit(&hit, heard) })
	if sent {
		select {
		case done := <-heard:
			return done.Status, done.JSON
		case <-ctx.Done():
			s.inSelect(func() { delete(s.hits.waiting, hit.ID) })
		case <-s.leave:
		}
	}
	return http.StatusServiceUnavailable, noPuddle.JSON()
}

// hit gives a message to the next puddle that serves.
func (s *supervisor) hit(hit *ipc.Hit, heard chan ipc.HitDone) {
	s.hits.last++
	hit.ID = s.hits.last
	for n := range s.slots {
		slot := s.slots[(int(hit.ID%uint64(len(s.slots)))+n)%len(s.slots)]
		if slot.state == serving {
			s.hits.waiting[hit.ID] = waitingHit{slot.number, heard}
			s.say(slot, ipc.ToPuddle{Hit: hit})
			return
		}
	}
	heard <- ipc.HitDone{Status: http.StatusServiceUnavailable, JSON: noPuddle.JSON()}
}

func (h *hits) done(word *ipc.HitDone) {
	if waiting, known := h.waiting[word.ID]; known {
		delete(h.waiting, word.ID)
		waiting.heard <- *word
	}
}

// vacate answers for a slot whose process is gone.
func (h *hits) vacate(slot int) {
	for id, waiting := range h.waiting {
		if waiting.slot == slot {
			h.done(&ipc.HitDone{ID: id, Status: http.StatusServiceUnavailable, JSON: hitLost.JSON()})
		}
	}
}
