package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

var (
	alice = ipc.Asker{Client: "alice", Owner: true, Sequence: 11}
	eve   = ipc.Asker{Client: "eve", Sequence: 66}
	root  = ipc.Asker{Client: "root", Admin: true, Sequence: 1}
)

func repliesNo(reply *ipc.Reply, code schema.ErrorCode) bool {
	return reply.Refused != nil && reply.Refused.Code == code && reply.Refused.Message != ""
}

func TestAskWho(t *testing.T) {
	d := newDesk(t, 1, nil)
	who := func(c ipc.Credential) *ipc.Reply {
		return d.asks(0, ipc.Question{Who: &ipc.AskWho{Credential: c, Address: "10.0.0.1"}})
	}
	if r := who(ipc.Credential{Client: "alice", Password: "right"}); r.Identity == nil || r.Identity.Client != "alice" {
		t.Errorf("%+v", r)
	}
	if r := who(ipc.Credential{Client: "alice"}); !repliesNo(r, schema.Rate) || r.After != 7 || r.Refused.Message != "from 10.0.0.1" {
		t.Errorf("%+v", r)
	}
	pass := d.pass()
	if r := who(ipc.Credential{Token: pass}); r.Identity == nil || !r.Identity.Admin || r.Identity.Client != "" {
		t.Errorf("%+v", r)
	}
	for _, token := range []string{pass, "pho_x", d.pass() + "x"} { // a pass is good once
		if r := who(ipc.Credential{Token: token}); !repliesNo(r, schema.Unauthorized) {
			t.Errorf("%+v", r)
		}
	}
}

func TestAskHome(t *testing.T) {
	d := newDesk(t, 1, nil)
	d.does("client", "add", "alice", `{"admits":["bob"]}`)
	if r := d.asks(0, ipc.Question{Home: &ipc.AskHome{Client: "alice"}}); r.Home == nil || r.Home.Client != "alice" || !slices.Equal(r.Home.Admits, []string{"bob"}) {
		t.Errorf("%+v", r)
	}
	d.does("client", "add", "Bob@work", "")
	for _, name := range []string{"nobody", "Bob@work", ""} {
		if r := d.asks(0, ipc.Question{Home: &ipc.AskHome{Client: name}}); !repliesNo(r, schema.NotFound) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAskOpenBatch(t *testing.T) {
	d := newDesk(t, 2, nil)
	d.says(0, ipc.FromPuddle{Questions: []ipc.Question{
		{ID: 1, Open: &ipc.AskOpen{Room: "a", Create: true}},
		{ID: 2, Look: &ipc.AskLook{Room: "a"}},
		{ID: 3, Look: &ipc.AskLook{Room: "b"}},
		{ID: 4},
	}})
	d.lastID = 4
	made, look := d.reply(0, 1).Room, d.reply(0, 2).Room
	if made == nil || look == nil || !made.Made || look.Made || made.Grant == 0 || look.Grant != 0 || made.Incarnation != look.Incarnation {
		t.Errorf("%+v %+v", made, look)
	}
	if _, refusal := schema.Unseal(made.Rules); refusal != nil {
		t.Error(refusal)
	}
	if r := d.reply(0, 3); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
	if r := d.reply(0, 4); !repliesNo(r, schema.Unknown) {
		t.Errorf("%+v", r)
	}
	d.says(0, ipc.FromPuddle{Released: []ipc.Released{{Room: "a", Grant: made.Grant}}})
	if r := d.asks(0, ipc.Question{Look: &ipc.AskLook{Room: "a"}}); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
}

// TestAskOfTheDead has a process end while what it asked is under way: nobody
// is answered, and no room is made for nobody.
func TestAskOfTheDead(t *testing.T) {
	d := newDesk(t, 2, nil)
	hashing, goOn := make(chan bool), make(chan bool)
	d.book.Hasher = func(_ context.Context, p schema.PlainPassword) (schema.PasswordHash, error) {
		close(hashing)
		<-goOn
		return schema.StoredPassword("hash"), nil
	}
	d.says(0, ipc.FromPuddle{Questions: []ipc.Question{{ID: 1, Make: &ipc.AskMake{Room: "a", Rules: []byte(`{"password":"x"}`), Asker: alice}}}})
	<-hashing
	d.dies(0)
	close(goOn)
	d.working.Wait()
	if told := d.hears(0); len(told) > 0 || len(d.fakes[0].replies) > 0 {
		t.Errorf("the next process hears %v, %v", told, d.fakes[0].replies)
	}
	if r := d.asks(1, ipc.Question{Look: &ipc.AskLook{Room: "a"}}); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
}

func TestAskProve(t *testing.T) {
	d := newDesk(t, 1, nil)
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "a", Rules: []byte(`{"password":"x","otp":true}`), Asker: alice}})
	if r := d.asks(0, ipc.Question{Prove: &ipc.AskProve{Room: "a"}}); r.Proof == nil || *r.Proof != (ipc.Proof{Proved: 1, Failed: 2}) {
		t.Errorf("%+v", r)
	}
	if r := d.asks(0, ipc.Question{Prove: &ipc.AskProve{Room: "b"}}); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
}

// TestAskWhoIsThere asks the registry through the words.
func TestAskWhoIsThere(t *testing.T) {
	d := newDesk(t, 2, nil)
	for slot := range 2 {
		d.asks(slot, ipc.Question{Open: &ipc.AskOpen{Room: "chat", Create: true}})
	}
	there := d.enters(0, 21, "alice", "chat", table.NoRoom)
	d.enters(0, 22, "", "chat", there)
	d.enters(1, 23, "alice", "chat", table.NoRoom)
	d.enters(1, 24, "alice", "other", table.NoRoom)
	id := func(n schema.SequenceID) string { return n.String() }
	r := d.asks(0, ipc.Question{Members: &ipc.AskMembers{Room: "chat"}})
	want := fmt.Sprintf(`[{"client":"alice","sequence":"%s"},{"client":null,"sequence":"%s"},{"client":"alice","sequence":"%s"}]`, id(21), id(22), id(23))
	if string(r.JSON) != want {
		t.Errorf("%s, want %s", r.JSON, want)
	}
	spaces := d.asks(1, ipc.Question{Spaces: &ipc.AskSpaces{}})
	if !strings.Contains(string(spaces.JSON), `"room":"chat","members":3,`) {
		t.Errorf("%s", spaces.JSON)
	}

	for _, c := range []struct {
		ask    ipc.AskPutOut
		number int
	}{
		{ipc.AskPutOut{Room: "chat", Client: "alice"}, 2},
		{ipc.AskPutOut{Room: "chat", Sequence: 22}, 1},
		{ipc.AskPutOut{Room: "chat", Sequence: 24}, 0},
		{ipc.AskPutOut{Room: "chat", Client: "bob"}, 0},
		{ipc.AskPutOut{Room: "chat"}, 0},
		{ipc.AskPutOut{Room: "none", Client: "alice"}, 0},
	} {
		for slot := range 2 {
			d.hears(slot)
		}
		r := d.asks(1, ipc.Question{PutOut: &c.ask})
		if r.Number != c.number || repliesNo(r, schema.NotFound) != (c.number == 0) {
			t.Errorf("%+v: %+v, want %d", c.ask, r, c.number)
		}
		for slot := range 2 {
			told := d.hears(slot)
			if want := fmt.Sprintf("put out chat %s %d", c.ask.Client, c.ask.Sequence); slices.Contains(told, want) != (c.number > 0) {
				t.Errorf("%+v: slot %d hears %q", c.ask, slot, told)
			}
		}
	}

	for _, c := range []struct {
		sequence schema.SequenceID
		asker    ipc.Asker
		want     string // what slot 0 hears
	}{
		{21, ipc.Asker{Client: "alice", Sequence: 23}, "close 21 4409 closed by its client"},
		{21, root, "close 21 4409 closed by an admin"},
		{22, ipc.Asker{Sequence: 22}, "close 22 4409 closed by its client"},
		{22, ipc.Asker{Sequence: 99}, ""},
		{21, eve, ""},
		{99, root, ""},
	} {
		r := d.asks(1, ipc.Question{End: &ipc.AskEnd{Sequence: c.sequence, Asker: c.asker}})
		told := strings.Join(d.hears(0), ", ")
		if told != c.want || repliesNo(r, schema.NotFound) != (c.want == "") {
			t.Errorf("%+v: %+v, slot 0 hears %q, want %q", c, r.Refused, told, c.want)
		}
	}
}

func TestAskPlace(t *testing.T) {
	d := newDesk(t, 2, nil)
	var refs [2]uint64
	var index [2]uint32
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "chat", Rules: []byte(`{"members":3}`), Asker: alice}})
	d.asks(1, ipc.Question{Open: &ipc.AskOpen{Room: "chat"}})
	for slot := range 2 {
		index[slot] = d.enters(slot, schema.SequenceID(21+slot), "", "chat", table.NoRoom)
		refs[slot] = d.slots[slot].table.Rooms[index[slot]].Ref
	}
	ask := func(slot int) *ipc.Reply {
		return d.asks(slot, ipc.Question{Place: &ipc.AskPlace{Room: "chat", Index: index[slot], Ref: refs[slot]}})
	}
	if r := ask(1); r.Refused != nil || r.Number != 3 {
		t.Errorf("%+v", r)
	}
	if r := ask(0); !repliesNo(r, schema.Full) { // after it was looked at again and again
		t.Errorf("%+v", r)
	}
	d.dies(1)
	if r := ask(0); r.Refused != nil || r.Number != 2 {
		t.Errorf("%+v", r)
	}
	if r := ask(1); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
}

// TestMakerEnds has a room end with the socket that made it.
func TestMakerEnds(t *testing.T) {
	d := newDesk(t, 2, nil)
	d.asks(0, ipc.Question{Make: &ipc.AskMake{Room: "chat", Rules: []byte(`{"ends":"owner"}`), Asker: alice}})
	d.asks(1, ipc.Question{Open: &ipc.AskOpen{Room: "chat"}})
	d.enters(0, alice.Sequence, "alice", "chat", table.NoRoom)
	d.enters(1, 99, "", "chat", table.NoRoom)
	d.ends(1, 99)
	if r := d.asks(0, ipc.Question{Look: &ipc.AskLook{Room: "chat"}}); r.Refused != nil {
		t.Errorf("%+v", r)
	}
	d.ends(0, alice.Sequence)
	if r := d.asks(0, ipc.Question{Look: &ipc.AskLook{Room: "chat"}}); !repliesNo(r, schema.NotFound) {
		t.Errorf("%+v", r)
	}
	for slot := range 2 {
		if told := d.hears(slot); !slices.Equal(told, []string{"gone chat"}) {
			t.Errorf("slot %d hears %q", slot, told)
		}
	}
}

func TestAskEndpoint(t *testing.T) {
	d := newDesk(t, 2, nil)
	d.does("client", "add", "alice", `{"owner":true}`)
	for _, c := range []struct {
		host, room string
		asker      ipc.Asker
		want       schema.ErrorCode
		told       string
	}{
		{"notes.example.org", "alice/notes", alice, "", "house chat.example.com notes.example.org/=alice/notes"},
		{"notes.example.org", "alice/notes", alice, schema.Exists, ""},
		{"eve.example.org", "eve/notes", eve, schema.Denied, ""},
		{"eve.example.org:80", "alice/notes", alice, schema.Malformed, ""},
		{"none.example.org", "", alice, schema.NotFound, ""},
		{"notes.example.org", "", alice, "", "house chat.example.com"},
	} {
		r := d.asks(0, ipc.Question{Endpoint: &ipc.AskEndpoint{Host: c.host, Room: c.room, Asker: c.asker}})
		if c.want == "" && r.Refused != nil || c.want != "" && !repliesNo(r, c.want) {
			t.Errorf("%+v: %v", c, r.Refused)
		}
		for slot := range 2 {
			told := slices.DeleteFunc(d.hears(slot), func(word string) bool { return strings.HasPrefix(word, "client") })
			if strings.Join(told, ", ") != c.told {
				t.Errorf("%+v: slot %d hears %q", c, slot, told)
			}
		}
	}
}
