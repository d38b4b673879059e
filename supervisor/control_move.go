package supervisor

import (
	"errors"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// errStays is why one socket did not move though others could.
var errStays = errors.New("the socket is in the middle of something, is the sibling of another (which moves with it), or has just gone: try again")

// move moves one sequence for the command line. What else moves meanwhile is
// waited for.
func (c *control) move(ask ipc.AskMove) ipc.Answer {
	slot, found := c.slotsOf([]schema.SequenceID{ask.Sequence})[ask.Sequence]
	if !found {
		return ipc.Answer{Refused: &schema.Refusal{Code: schema.NotFound, Message: "there is no sequence " + ask.Sequence.String() + ": see porthouse sequence list"}}
	}
	if slot == ask.Slot {
		return ipc.Answer{Done: true}
	}
	for deadline := time.Now().Add(moveTime); ; time.Sleep(10 * time.Millisecond) {
		err, waits := c.moveOnce(ask, slot)
		switch {
		case err == nil:
			return ipc.Answer{Done: true}
		case !waits || time.Now().After(deadline):
			return ipc.Answer{Refused: &schema.Refusal{Code: schema.Unavailable, Message: err.Error()}}
		}
	}
}

// moveOnce tells too whether it is worth to wait for another move's end.
func (c *control) moveOnce(ask ipc.AskMove, from int) (err error, waits bool) {
	ended := make(chan error, 1)
	up := c.house.inSelect(func() {
		waits = c.house.moves.now != nil
		err = c.house.moveSequences([]schema.SequenceID{ask.Sequence}, from, ask.Slot, func(moved []schema.SequenceID, failed string) {
			for _, id := range moved {
				c.house.gather.fixed[id] = struct{}{}
			}
			switch {
			case failed != "":
				ended <- errors.New(failed)
			case len(moved) == 0:
				ended <- errStays
			default:
				ended <- nil
			}
		})
	})
	if !up {
		return errors.New("the house is down"), false
	}
	if err != nil {
		return err, waits
	}
	return <-ended, false
}
