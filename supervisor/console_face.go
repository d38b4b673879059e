package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor/console"
)

// consoleFace is the house as the console asks it.
type consoleFace struct{ c *control }

func (f consoleFace) Who(ctx context.Context, token, address string) (schema.Identity, *schema.Refusal, int) {
	if token == "" {
		return schema.Identity{}, &schema.Refusal{Code: schema.Unauthorized, Message: "give the token of an admin"}, 0
	}
	return f.c.house.who(ctx, ipc.Credential{Token: token}, address)
}

func (f consoleFace) Snapshot() (console.Snapshot, bool) {
	s := f.c.house
	picture := console.Snapshot{
		At: time.Now().UnixMilli(), Refused: map[string]uint64{}, Closes: map[string]uint64{},
		Moved: s.handovers.moved.Load(), Lost: s.handovers.lost.Load(),
	}
	var sum total
	s.tables.look(func(_, _ int, t *table.Table) { sum.add(t) })
	for row, reason := range table.RefusedReasons {
		picture.Refused[reason] = sum.refused[row]
	}
	for row, code := range schema.CountedCloses {
		name := "other"
		if code != 0 {
			name = strconv.Itoa(int(code))
		}
		picture.Closes[name] = sum.closes[row]
	}
	up := s.inSelect(func() { picture.Status = s.status() })
	return picture, up
}

func (f consoleFace) Spaces() (rooms json.RawMessage, up bool) {
	s := f.c.house
	up = s.inSelect(func() {
		s.followAll()
		rooms = s.directory.spaces(&ipc.AskSpaces{Asker: ipc.Asker{Admin: true}})
	})
	return rooms, up
}

func (f consoleFace) Sequences(ask ipc.AskSequences) []ipc.Sequence { return f.c.house.listed(ask) }

// Rules shows a room's rules, or changes them: a persistent room's in the
// book, a transient one's in the directory.
func (f consoleFace) Rules(ctx context.Context, name string, patch []byte, by schema.Identity) (json.RawMessage, *schema.Refusal) {
	s := f.c.house
	incarnation, persistent, refusal := f.find(name)
	if refusal != nil {
		return nil, refusal
	}
	if patch != nil && persistent {
		_, refusal, err := s.do(ctx, schema.Operation{
			Noun: "room", Verb: "set", Name: name, By: by, Values: fmt.Appendf(nil, `{"rules":%s}`, patch),
		})
		if refusal = consoleTrouble(s, refusal, err); refusal != nil {
			return nil, refusal
		}
	} else if patch != nil {
		said, refusal := schema.ParseRules(patch)
		if refusal != nil {
			return nil, refusal
		}
		said, err := s.book.Hashed(ctx, said)
		if refusal = consoleTrouble(s, nil, err); refusal != nil {
			return nil, refusal
		}
		if !s.inSelect(func() { _, refusal = s.ruleTransient(name, incarnation, said, by) }) || refusal != nil {
			return nil, refusal
		}
	}
	var rules json.RawMessage
	up := s.inSelect(func() {
		if r := s.directory.rooms[name]; r != nil {
			rules = r.rules.Public()
		} else {
			refusal = noSuchRoom(name)
		}
	})
	if !up {
		refusal = &schema.Refusal{Code: schema.Unavailable, Message: "the house stops"}
	}
	return rules, refusal
}

func (f consoleFace) find(name string) (incarnation uint64, persistent bool, refusal *schema.Refusal) {
	refusal = noSuchRoom(name)
	f.c.house.inSelect(func() {
		if r := f.c.house.directory.rooms[name]; r != nil {
			incarnation, persistent, refusal = r.incarnation, r.persistent, nil
		}
	})
	return incarnation, persistent, refusal
}

func consoleTrouble(s *supervisor, refusal *schema.Refusal, err error) *schema.Refusal {
	if err != nil {
		s.log.Error("console: changing a room's rules failed", "error", err)
		return &schema.Refusal{Code: schema.Unavailable, Message: "changing the rules failed: the house's log tells why; try again"}
	}
	return refusal
}

func (f consoleFace) Reload(ask ipc.AskReload, tell func(ipc.Progress), done func(failed string)) {
	told := make(chan struct{})
	close(told) // what it has told is on its way
	if !f.c.beginReload(ask, tell, done, told) {
		done("the house is down")
	}
}

func (f consoleFace) Scale(puddles int) (err error) {
	if !f.c.house.inSelect(func() { err = f.c.house.scale(puddles) }) {
		return fmt.Errorf("the house is down")
	}
	return err
}

// invite lets a browser into the console.
func (c *control) invite() ipc.Answer {
	if c.house.admin == nil {
		return ipc.Answer{Refused: &schema.Refusal{Code: schema.Unavailable, Message: "the house has no admin address, where the console would be: porthouse up --admin 127.0.0.1:8081"}}
	}
	return ipc.Answer{Invitation: &ipc.Invitation{Admin: c.house.admin.address, Code: c.house.console.Invite()}}
}
