package supervisor

import (
	"slices"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Who may make what: askers by name, rooms by name.
var (
	askers = map[string]ipc.Asker{
		"anonymous": {Sequence: 1},
		"alice":     {Client: "alice"},
		"primary":   {Client: "alice", Primary: true},
		"owner":     {Client: "alice", Owner: true},
		"admin":     {Client: "root", Admin: true},
		"operator":  {Admin: true},
	}
	rooms = []string{"chat", "alice/notes", "alice/home", "bob/notes", "bob/home"}
)

func TestMayWalkIn(t *testing.T) {
	may := map[string]map[string]string{
		schema.TransientNobody: {
			"alice": "alice/home", "primary": "alice/home", "owner": "alice/notes alice/home",
		},
		schema.TransientPrimary: {
			"alice": "alice/home", "primary": "chat alice/notes alice/home", "owner": "chat alice/notes alice/home",
			"admin": "chat alice/notes alice/home bob/notes bob/home", "operator": "chat alice/notes alice/home bob/notes bob/home",
		},
		schema.TransientAuthenticated: {
			"alice": "chat alice/notes alice/home", "primary": "chat alice/notes alice/home", "owner": "chat alice/notes alice/home",
			"admin": "chat alice/notes alice/home bob/notes bob/home", "operator": "chat alice/notes alice/home bob/notes bob/home",
		},
		schema.TransientAnyone: {
			"anonymous": "chat",
			"alice":     "chat alice/notes alice/home", "primary": "chat alice/notes alice/home", "owner": "chat alice/notes alice/home",
			"admin": "chat alice/notes alice/home bob/notes bob/home", "operator": "chat alice/notes alice/home bob/notes bob/home",
		},
	}
	for setting, byAsker := range may {
		for name, asker := range askers {
			for _, room := range rooms {
				f := newFakeSlots(setting)
				_, refusal := f.open(0, ipc.AskOpen{Room: room, Create: true, Asker: asker})
				if want := slices.Contains(strings.Fields(byAsker[name]), room); (refusal == nil) != want {
					t.Errorf("%s, %s: %s: %v, want %v", setting, name, room, refusal == nil, want)
				}
			}
		}
	}
}

func TestMayMake(t *testing.T) {
	may := map[string]map[string]string{ // by setting; the rest as for nobody
		schema.TransientNobody: {
			"alice": "alice/home", "primary": "chat alice/notes alice/home", "owner": "chat alice/notes alice/home",
			"admin": "chat alice/notes alice/home bob/notes bob/home", "operator": "chat alice/notes alice/home bob/notes bob/home",
		},
		schema.TransientAuthenticated: {"alice": "chat alice/notes alice/home"},
		schema.TransientAnyone:        {"alice": "chat alice/notes alice/home", "anonymous": "chat"},
	}
	keep := map[string]string{
		"owner": "alice/notes alice/home",
		"admin": "chat alice/notes alice/home bob/notes bob/home", "operator": "chat alice/notes alice/home bob/notes bob/home",
	}
	for _, setting := range []string{schema.TransientNobody, schema.TransientPrimary, schema.TransientAuthenticated, schema.TransientAnyone} {
		for name, asker := range askers {
			allowed, said := may[setting][name]
			if !said {
				allowed = may[schema.TransientNobody][name]
			}
			for _, room := range rooms {
				f := newFakeSlots(setting)
				refusal := f.mayMake(&ipc.AskMake{Room: room, Asker: asker})
				if want := slices.Contains(strings.Fields(allowed), room); (refusal == nil) != want {
					t.Errorf("%s, %s: %s: %v, want %v", setting, name, room, refusal, want)
				}
				refusal = f.mayMake(&ipc.AskMake{Room: room, Asker: asker, Keep: true})
				if want := slices.Contains(strings.Fields(keep[name]), room); (refusal == nil) != want {
					t.Errorf("%s, %s keeps %s: %v, want %v", setting, name, room, refusal, want)
				}
			}
		}
	}
}
