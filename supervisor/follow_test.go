package supervisor

import (
	"slices"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// TestRecount has the registry fall behind a slot: whose a socket is stays
// known, who went meanwhile is gone with what was its, who came is there.
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

	for id, want := range map[schema.SequenceID]struct {
		client string
		rooms  []string
	}{21: {"alice", []string{"chat"}}, 22: {"bob", []string{"chat"}}, 24: {"", []string{"chat"}}, 31: {"alice", []string{"chat"}}} {
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

// TestStand has a sequence be known before it is in a room, and by another
// client after.
func TestStand(t *testing.T) {
	d := newDesk(t, 1, nil)
	stand := func(client string) {
		here := d.slots[0].table
		s := table.Socket{ID: 21, State: schema.Space}
		record := here.Reserve(table.Stand, table.JoinExtra(client, ""), 0)
		s.PutJoin(here.ExtraBytes(here.ReservedAt(record), record), client)
		record.ID, record.State = s.ID, s.State
		here.Commit(record)
		d.inSelect(d.followAll)
	}
	for _, client := range []string{"", "alice", "bob"} {
		stand(client)
		if have, rooms, ok := d.registry.sequence(21); !ok || have != client || len(rooms) != 0 {
			t.Errorf("%q %v %v, want %q", have, rooms, ok, client)
		}
	}
	if of := d.registry.of("alice"); len(of) != 0 {
		t.Errorf("alice has %v", of)
	}
}
