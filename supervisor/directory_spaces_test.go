package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

func TestSpaces(t *testing.T) {
	f := newFakeSlots(schema.TransientAnyone)
	f.opens(t, 0, "open")
	f.opens(t, 1, "open")
	f.sits(0, "open", 3, fakeEntry{1, table.Presence{Members: 2}})
	f.sits(1, "open", 4, fakeEntry{1, table.Presence{Members: 3}})
	f.sits(2, "open", 4, fakeEntry{1, table.Presence{Members: 9}}) // does not hold it
	hidden := rulesOf(t, `{"visible":false}`)
	f.make(0, "mine", ipc.Asker{Client: "alice"}, hidden, schema.DefaultRules(), nil)
	f.make(0, "made", ipc.Asker{Sequence: 7}, hidden, schema.DefaultRules(), nil)
	f.make(0, "secret", ipc.Asker{Client: "bob"}, hidden, schema.DefaultRules(), nil)
	f.persist("club", "bob", rulesOf(t, `{"password":"x","otp":true,"access":"authenticated"}`), schema.DefaultRules())
	for _, c := range []struct {
		ask  ipc.AskSpaces
		want string
	}{
		{ipc.AskSpaces{}, "club open"},
		{ipc.AskSpaces{In: []string{"secret", "nowhere"}}, "club open secret"},
		{ipc.AskSpaces{Asker: ipc.Asker{Client: "alice"}}, "club mine open"},
		{ipc.AskSpaces{Asker: ipc.Asker{Sequence: 7}}, "club made open"},
		{ipc.AskSpaces{Asker: ipc.Asker{Admin: true}}, "club made mine open secret"},
	} {
		var list []space
		if err := json.Unmarshal(f.spaces(&c.ask), &list); err != nil {
			t.Fatal(err)
		}
		have := ""
		for _, s := range list {
			have += " " + s.Room
		}
		if strings.TrimSpace(have) != c.want {
			t.Errorf("%+v: %s, want %s", c.ask, have, c.want)
		}
	}
	want := `[{"room":"club","members":0,"kind":"persistent","access":"authenticated","asks":["password","otp"]},` +
		`{"room":"open","members":5,"kind":"transient","access":"anyone","asks":[]}]`
	if have := string(f.spaces(&ipc.AskSpaces{})); have != want {
		t.Errorf("%s, want %s", have, want)
	}
	none := newFakeSlots("")
	if have := string(none.spaces(&ipc.AskSpaces{})); have != "[]" {
		t.Error(have)
	}
}

func TestSpacesAreBounded(t *testing.T) {
	f := newFakeSlots(schema.TransientAnyone)
	for n := range spacesMost + 10 {
		f.opens(t, 0, fmt.Sprintf("r%05d", n))
	}
	var list []space
	if err := json.Unmarshal(f.spaces(&ipc.AskSpaces{}), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != spacesMost || list[0].Room != "r00000" || list[spacesMost-1].Room != fmt.Sprintf("r%05d", spacesMost-1) {
		t.Errorf("%d, %s to %s", len(list), list[0].Room, list[len(list)-1].Room)
	}
}
