package supervisor

import (
	"slices"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// TestRecount has the registry fall behind a slot: until its puddle has told
// whose its sockets are, they are as they were known. Then who went meanwhile is
// gone with what was its, who came is there, and what was news while it told is
// newer than what it told.
func TestRecount(t *testing.T) {
	d := newDesk(t, 2, nil)
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "ends", Rules: []byte(`{"ends":"owner"}`), Asker: ipc.Asker{Sequence: 23}}})
	d.asks(1, ipc.Question{Open: &ipc.AskOpen{Room: "ends"}})
	d.asks(0, ipc.Question{Open: &ipc.AskOpen{Room: "chat", Create: true}})
	d.asks(0, ipc.Question{Register: &ipc.AskRegister{Key: [32]byte{1}, Sequence: 23}})
	chat := d.enters(0, 21, "alice", "chat", table.NoRoom)
	d.enters(0, 22, "bob", "chat", chat)
	d.enters(0, 23, "eve", "ends", table.NoRoom)
	d.enters(1, 31, "alice", "chat", table.NoRoom)
	d.inSelect(d.followAll)

	many := d.slots[0].table
	many.LeaveFollower()
	for i := range many.Sockets[:3] {
		s := &many.Sockets[i]
		switch s.ID {
		case 22: // in several rooms
			s.Room = table.NoRoom
		case 23:
			many.FreeSocket(uint32(i))
		}
	}
	d.enters(0, 24, "carol", "chat", chat)
	many.LeaveFollower()
	d.inSelect(d.followAll)
	if client, _, _ := d.registry.sequence(23); client != "eve" {
		t.Errorf("23 is %q's before all is told", client)
	}

	tell := func(word ipc.Stand) { d.says(0, ipc.FromPuddle{Stand: &word}) }
	tell(ipc.Stand{First: true, Sequences: []ipc.Standing{{ID: 21, Client: "mallory"}}})
	many.LeaveFollower() // what was told before does not count
	tell(ipc.Stand{Last: true})
	if client, _, _ := d.registry.sequence(21); client != "alice" {
		t.Errorf("21 is %q's by what was told before more was lost", client)
	}
	d.enters(0, 25, "dora", "chat", chat) // in the table, and news
	tell(ipc.Stand{First: true, Sequences: []ipc.Standing{{ID: 21, Client: "alice"}, {ID: 22, Client: "bob", Rooms: []string{"chat", "hall"}}}})
	left := many.Reserve(table.Leave, len("hall"), 0)
	table.PutName(many.ExtraBytes(many.ReservedAt(left), left), "hall")
	left.ID = 22
	many.Commit(left)
	d.inSelect(d.followAll)
	tell(ipc.Stand{Last: true, Sequences: []ipc.Standing{{ID: 24, Client: "carol"}}})

	for id, want := range map[schema.SequenceID]struct {
		client string
		rooms  []string
	}{21: {"alice", []string{"chat"}}, 22: {"bob", []string{"chat"}}, 24: {"carol", []string{"chat"}}, 25: {"dora", []string{"chat"}}, 31: {"alice", []string{"chat"}}} {
		if client, rooms, ok := d.registry.sequence(id); !ok || client != want.client || !slices.Equal(rooms, want.rooms) {
			t.Errorf("%d: %q %v %v, want %+v", id, client, rooms, ok, want)
		}
	}
	if d.registry.known(23) {
		t.Error("23 is still known")
	}
	if r := d.asks(1, ipc.Question{Look: &ipc.AskLook{Room: "ends"}}); !repliesNo(r, schema.NotFound) {
		t.Errorf("the room of 23: %+v", r)
	}
	if told := d.hears(1); !slices.Contains(told, "gone ends") {
		t.Errorf("who holds the room of 23 hears %q", told)
	}
	if r := d.asks(1, ipc.Question{Sibling: &ipc.AskSibling{Key: [32]byte{1}}}); !repliesNo(r, schema.Unauthorized) {
		t.Errorf("the key of 23: %+v", r)
	}
	if index, ok := d.rooms.index("chat", 0); !ok || index != chat {
		t.Errorf("chat is at %d %v, want %d", index, ok, chat)
	}
}
