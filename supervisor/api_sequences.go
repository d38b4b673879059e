package supervisor

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// listed are the sequences of a room and of a client, where they are said.
func (s *supervisor) listed(ask ipc.AskSequences) (all []ipc.Sequence) {
	type found struct {
		slot int
		seen table.Seen
	}
	var seen []found
	s.tables.look(func(slot, _ int, t *table.Table) {
		for one := range t.Sequences {
			if one.State != schema.Handshake {
				seen = append(seen, found{slot, one})
			}
		}
	})
	s.inSelect(s.followAll) // the registry then knows all that was seen
	inRoom, ofClient := s.registry.in(ask.Room), s.registry.of(ask.Client)
	for _, f := range seen {
		if ask.Room != "" && f.seen.Room != ask.Room && !has(inRoom, f.seen.ID) || ask.Client != "" && !has(ofClient, f.seen.ID) {
			continue
		}
		all = append(all, s.sequenceOf(f.slot, f.seen))
	}
	return all
}

// has looks into a sorted list.
func has(sorted []schema.SequenceID, id schema.SequenceID) bool {
	_, found := slices.BinarySearch(sorted, id)
	return found
}

func (s *supervisor) sequenceOf(slot int, seen table.Seen) ipc.Sequence {
	q := ipc.Sequence{
		ID: seen.ID, Slot: slot, State: seen.State.String(), Rooms: []string{},
		Address: seen.Address.String(), Since: seen.Since.UTC(),
	}
	client, rooms, known := s.registry.sequence(seen.ID)
	switch {
	case known && client != "":
		q.Client = &client
		fallthrough
	case known:
		q.Rooms = append(q.Rooms, rooms...)
	case seen.Room != "":
		q.Rooms = append(q.Rooms, seen.Room)
	}
	return q
}

// closed closes sequences with 4409 and tells which there were.
func (c *control) closed(ids []schema.SequenceID) ipc.ClosedAnswer {
	slots := c.slotsOf(ids)
	answer := ipc.ClosedAnswer{Closed: []schema.SequenceID{}, Missing: []schema.SequenceID{}}
	for _, id := range ids {
		if slot, found := slots[id]; found && c.closeSequence(slot, id) {
			answer.Closed = append(answer.Closed, id)
		} else {
			answer.Missing = append(answer.Missing, id)
		}
	}
	return answer
}

// listSequences: an owner sees its own.
func (a *api) listSequences(c *apiCall) apiAnswer {
	query := c.r.URL.Query()
	ask := ipc.AskSequences{Room: query.Get("room"), Client: query.Get("client")}
	if !c.by.Admin && ask.Client == "" {
		ask.Client = c.by.Client
	}
	if !c.reaches(ask.Client) {
		return answerRefused(schema.Denied, "an owner lists its own sequences: leave client away")
	}
	return answered(http.StatusOK, append([]ipc.Sequence{}, a.house.sequences(ask)...))
}

func (a *api) closeSequence(c *apiCall) apiAnswer {
	id, err := schema.ParseSequenceID(c.name())
	if err != nil {
		return answerRefused(schema.Malformed, err.Error())
	}
	closed := ipc.ClosedAnswer{}
	if client, found := a.house.clientOf(id); found && c.reaches(client) {
		closed = a.house.close([]schema.SequenceID{id})
	}
	if len(closed.Closed) == 0 {
		return answerRefused(schema.NotFound, "there is no sequence "+id.String()+" of yours: GET /api/sequences lists them")
	}
	return answered(http.StatusOK, closed)
}

// moveSequence moves a sequence to another puddle.
func (a *api) moveSequence(c *apiCall) apiAnswer {
	id, err := schema.ParseSequenceID(c.name())
	if err != nil {
		return answerRefused(schema.Malformed, err.Error())
	}
	var said struct {
		Slot *int `json:"slot"`
	}
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil || said.Slot == nil {
		return answerRefused(schema.Malformed, `the body must be {"slot":N}, the number of a puddle: GET /api/status lists them`)
	}
	if refusal := a.house.move(id, *said.Slot); refusal != nil {
		return answerRefusal(refusal)
	}
	return answered(http.StatusOK, moved{Sequence: id, Slot: *said.Slot})
}

// moved is where a sequence has moved.
type moved struct {
	Sequence schema.SequenceID `json:"sequence"`
	Slot     int               `json:"slot"`
}

func (a *api) listSockets(c *apiCall) apiAnswer {
	if !c.reaches(c.name()) {
		return noSuchClient(c.name())
	}
	return answered(http.StatusOK, append([]ipc.Sequence{}, a.house.sequences(ipc.AskSequences{Client: c.name()})...))
}

func (a *api) closeSockets(c *apiCall) apiAnswer {
	if !c.reaches(c.name()) {
		return noSuchClient(c.name())
	}
	return answered(http.StatusOK, a.house.close(a.house.sequencesOf(c.name())))
}

func noSuchClient(name string) apiAnswer {
	text, _ := json.Marshal(name) // a string always marshals
	return answerRefused(schema.NotFound, "there is no client "+string(text)+" of yours")
}
