package supervisor

import (
	"fmt"
	"os"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// reload hands puddles over for the command line, which hears each step.
func (c *control) reload(conn *ipc.Conn, ask ipc.AskReload) {
	answers := make(chan ipc.Answer, 4*SlotsMost) // the select never waits
	end := func(failed string) {
		if failed != "" {
			answers <- ipc.Answer{Refused: &schema.Refusal{Code: schema.Unavailable, Message: failed}}
		} else {
			answers <- ipc.Answer{Done: true}
		}
		close(answers)
	}
	said := make(chan struct{})
	if !c.beginReload(ask, func(p ipc.Progress) { answers <- ipc.Answer{Progress: &p} }, end, said) {
		return
	}
	for answer := range answers {
		c.tell(conn, answer)
	}
	close(said)
}

// beginReload hands puddles over. tell hears each step, in the select, and
// end how it ended; an upgrade goes on once said is closed. False: the house
// is down.
func (c *control) beginReload(ask ipc.AskReload, tell func(ipc.Progress), end func(failed string), said <-chan struct{}) bool {
	return c.house.inSelect(func() {
		slots, err := c.house.chosen(ask.Slot)
		if err != nil {
			end(err.Error())
			return
		}
		c.house.reloadSlots(slots, tell, func(failed string) {
			if failed != "" || !ask.Upgrade {
				end(failed)
				return
			}
			go func() {
				c.house.awaitFormer()
				end("")
				<-said
				c.house.inSelect(c.house.become)
			}()
		})
	})
}

func (s *supervisor) chosen(number int) ([]*slot, error) {
	switch {
	case number < 0:
		return append([]*slot(nil), s.slots...), nil
	case number < len(s.slots):
		return s.slots[number : number+1 : number+1], nil
	}
	return nil, fmt.Errorf("there is no puddle %d: they are 0 to %d", number, len(s.slots)-1)
}

// reloadBySignal is SIGHUP, and with upgrade SIGUSR2.
func (s *supervisor) reloadBySignal(upgrade bool) {
	slots, _ := s.chosen(-1)
	s.log.Info("reloading", "puddles", len(slots), "upgrade", upgrade)
	s.reloadSlots(slots, func(ipc.Progress) {}, func(failed string) {
		switch {
		case failed != "":
			s.log.Error("reload failed", "reason", failed)
		case upgrade:
			go func() {
				s.awaitFormer()
				s.inSelect(s.become)
			}()
		}
	})
}

// scaleBySignal is SIGTTIN, one puddle more, and SIGTTOU, one fewer.
func (s *supervisor) scaleBySignal(more bool) {
	puddles := s.config.Puddles - 1
	if more {
		puddles += 2
	}
	if err := s.scale(puddles); err != nil {
		s.log.Error("scale failed", "reason", err)
	}
}

// scaleTo changes the number of puddles for the command line.
func (c *control) scaleTo(puddles int) ipc.Answer {
	var err error
	if !c.house.inSelect(func() { err = c.house.scale(puddles) }) {
		return ipc.Answer{Refused: &schema.Refusal{Code: schema.Unavailable, Message: "the house is down"}}
	}
	if err != nil {
		return ipc.Answer{Refused: &schema.Refusal{Code: schema.Unavailable, Message: err.Error()}}
	}
	return ipc.Answer{Done: true}
}

// formerTime is how long an upgrade waits for requests that processes before
// have begun to read: they are answered by way of this supervisor.
const formerTime = 5 * time.Second

// awaitFormer waits, beside the select, for processes that were replaced.
func (s *supervisor) awaitFormer() {
	for deadline := time.Now().Add(formerTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		some := false
		up := s.inSelect(func() {
			for _, slot := range s.slots {
				some = some || len(slot.former) > 0
			}
		})
		if !some || !up {
			return
		}
	}
}

// become has the supervisor go on as the binary that is on disk: the select
// ends, and leaves puddles and keepers as they are.
func (s *supervisor) become() {
	s.again = s.config.Executable
	s.log.Info("the supervisor becomes the binary on disk", "path", s.again, "pid", os.Getpid())
}
