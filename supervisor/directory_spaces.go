package supervisor

import (
	"encoding/json"
	"slices"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// spacesMost is how many rooms SPACES tells, the first by name.
const spacesMost = 1000

// space is a room as SPACES tells it.
type space struct {
	Room    string         `json:"room"`
	Members int            `json:"members"`
	Kind    store.RoomKind `json:"kind"`
	Access  string         `json:"access"`
	Asks    []string       `json:"asks"`
}

// spaces are the rooms that the asker may see.
func (d *directory) spaces(ask *ipc.AskSpaces) []byte {
	list := []space{}
	for name := range d.names.all {
		r := d.rooms[name]
		if !r.rules.Visible && !r.rulesIt(ask.Asker) && !slices.Contains(ask.In, name) {
			continue
		}
		list = append(list, d.space(r))
		if len(list) == spacesMost {
			break
		}
	}
	text, _ := json.Marshal(list) // strings and numbers always marshal
	return text
}

func (d *directory) space(r *room) space {
	told := space{Room: r.name, Members: d.crowd(r).members, Kind: r.kind(), Access: r.rules.Access.String(), Asks: []string{}}
	if r.rules.Password.Set() {
		told.Asks = append(told.Asks, "password")
	}
	if r.rules.OTP.Kind != schema.OTPNone {
		told.Asks = append(told.Asks, "otp")
	}
	return told
}

func (r *room) kind() store.RoomKind {
	if r.persistent {
		return store.Persistent
	}
	return store.Transient
}

// rulesIt tells whether the room is the asker's.
func (r *room) rulesIt(a ipc.Asker) bool {
	return a.Admin || a.Client != "" && a.Client == r.owner || a.Sequence != 0 && a.Sequence == r.maker
}
