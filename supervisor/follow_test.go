package supervisor

import (
	"testing"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

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
