package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor/book"
)

// desk is a house without processes: its puddles are what the test says and
// hears. Its database, book, directory, registry and tables are real.
type desk struct {
	t *testing.T
	*supervisor
	fakes  []*fakeProcess
	lastID uint64
}

// fakeProcess is what a puddle's process was told.
type fakeProcess struct {
	*process
	replies map[uint64]*ipc.Reply
	words   []ipc.ToPuddle // others, in order
}

// fakeVerifier knows one password and one code.
type fakeVerifier struct {
	mu     sync.Mutex
	forgot []string
}

func (v *fakeVerifier) Who(_ context.Context, c ipc.Credential, address string) (schema.Identity, *schema.Refusal, int) {
	if c.Password != "right" {
		return schema.Identity{}, &schema.Refusal{Code: schema.Rate, Message: "from " + address}, 7
	}
	return schema.Identity{Client: c.Client, Owner: true}, nil, 0
}

func (v *fakeVerifier) Prove(_ context.Context, room string, password schema.PasswordHash, otp schema.OTP, ask ipc.AskProve) (ipc.Proof, *schema.Refusal, int) {
	if room != ask.Room || !password.Set() || otp.Kind != schema.OTPOwn {
		return ipc.Proof{}, &schema.Refusal{Code: schema.Unavailable, Message: "not what the room says"}, 0
	}
	return ipc.Proof{Proved: 1, Failed: 2}, nil, 0
}

func (v *fakeVerifier) ForgetClient(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forgot = append(v.forgot, name)
}

func newDesk(t *testing.T, puddles int, change func(*Config)) *desk {
	config := Config{Puddles: puddles, Settings: schema.DefaultSettings(), Primary: "chat.example.com"}
	config.Settings.Transient = schema.TransientAnyone
	if change != nil {
		change(&config)
	}
	d := &desk{t: t, supervisor: empty(config)}
	var err error
	if d.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "house.db")); err != nil {
		t.Fatal(err)
	}
	d.registry = newRegistry(d.store, d.log)
	if d.book, err = book.Open(t.Context(), d.store, config.Defaults, config.Ceilings); err != nil {
		t.Fatal(err)
	}
	d.verifier = &fakeVerifier{}
	d.book.Hasher = func(_ context.Context, p schema.PlainPassword) (schema.PasswordHash, error) {
		return schema.StoredPassword("hash of " + p.Reveal()), nil
	}
	d.book.OnChange(d.heard)
	d.buildDirectory()
	for number := range puddles {
		slot, err := newSlot(number, config.Settings)
		if err != nil {
			t.Fatal(err)
		}
		d.slots = append(d.slots, slot)
		d.fakes = append(d.fakes, nil)
		d.lives(number)
	}
	go d.turn()
	t.Cleanup(d.tidy)
	return d
}

// lives puts a fresh process into a slot.
func (d *desk) lives(number int) {
	fake := &fakeProcess{replies: map[uint64]*ipc.Reply{}}
	fake.process = &process{slot: number, words: newLetters(), gone: make(chan struct{})}
	d.slots[number].process, d.slots[number].state = fake.process, serving
	d.fakes[number] = fake
}

// turn is as much of the select as there is here.
func (d *desk) turn() {
	for {
		select {
		case e := <-d.errands:
			d.takeChanges()
			e.do()
			close(e.done)
		case <-d.changes.wake:
			d.takeChanges()
		case <-d.leave:
			return
		}
	}
}

func (d *desk) tidy() {
	d.end()
	d.working.Wait()
	close(d.leave)
	if err := d.closeRegistry(); err != nil {
		d.t.Error(err)
	}
	for _, slot := range d.slots {
		slot.poke.Close()
		slot.table.Close()
	}
}

// says has a slot's process say a word.
func (d *desk) says(slot int, word ipc.FromPuddle) {
	from := d.fakes[slot].process
	d.inSelect(func() { d.reported(report{from: from, word: &word}) })
}

// asks asks a question and waits for its reply.
func (d *desk) asks(slot int, q ipc.Question) *ipc.Reply {
	d.t.Helper()
	d.lastID++
	q.ID = d.lastID
	d.says(slot, ipc.FromPuddle{Questions: []ipc.Question{q}})
	return d.reply(slot, q.ID)
}

func (d *desk) reply(slot int, id uint64) *ipc.Reply {
	d.t.Helper()
	fake := d.fakes[slot]
	for fake.replies[id] == nil {
		fake.take(fake.next(d.t))
	}
	return fake.replies[id]
}

// next waits for the next word to a process.
func (f *fakeProcess) next(t *testing.T) letter {
	t.Helper()
	late := make(chan struct{})
	timer := time.AfterFunc(20*time.Second, func() { close(late) })
	defer timer.Stop()
	l, ok := f.process.words.next(late)
	if !ok {
		t.Fatal("no word")
	}
	return l
}

func (f *fakeProcess) take(l letter) {
	if l.word.Reply != nil {
		f.replies[l.word.Reply.ID] = l.word.Reply
		for n := range l.word.Replies {
			f.replies[l.word.Replies[n].ID] = &l.word.Replies[n]
		}
	} else {
		f.words = append(f.words, l.word)
	}
	l.close()
}

// hears are the words that a slot was told up to now, replies left out, as
// JSON without what is empty.
func (d *desk) hears(slot int) (told []string) {
	fake := d.fakes[slot]
	d.inSelect(func() {}) // what was to be said before was said
	for l, ok := fake.process.words.take(); ok; l, ok = fake.process.words.take() {
		fake.take(l)
	}
	for _, word := range fake.words {
		told = append(told, d.brief(word))
	}
	fake.words = nil
	return told
}

func (d *desk) brief(word ipc.ToPuddle) string {
	switch {
	case word.Room != nil:
		return fmt.Sprintf("room %s owner=%s grant=%d", word.Room.Name, word.Room.Owner, word.Room.Grant)
	case word.RoomGone != nil:
		return "gone " + word.RoomGone.Name
	case word.PutOut != nil:
		return fmt.Sprintf("put out %s %s %d", word.PutOut.Room, word.PutOut.Client, word.PutOut.Sequence)
	case word.Close != nil:
		return fmt.Sprintf("close %d %d %s", word.Close.Sequence, word.Close.Code, word.Close.Reason)
	case word.Client != nil:
		return fmt.Sprintf("client %s owner=%v", word.Client.Identity.Client, word.Client.Identity.Owner)
	case word.Revoked != nil:
		return fmt.Sprintf("revoked %s token=%v", word.Revoked.Client, word.Revoked.Token != "")
	case word.House != nil:
		text := "house " + word.House.Primary
		for _, e := range word.House.Endpoints {
			text += fmt.Sprintf(" %s/%s=%s%s", e.Host, e.Name, e.Room, e.Client)
		}
		return text
	case word.Hit != nil:
		return "hit " + string(word.Hit.Data)
	case word.Carried != nil:
		return "carried " + string(word.Carried.Bytes)
	case word.PeerGone != nil:
		return fmt.Sprint("peer gone ", word.PeerGone.Slot)
	}
	return fmt.Sprintf("%+v", word)
}

// dies ends a slot's process; the next one is there at once.
func (d *desk) dies(slot int) {
	d.inSelect(func() {
		d.clearUp(d.slots[slot])
		d.lives(slot)
	})
}

// does does an operation of the operator's.
func (d *desk) does(noun, verb, name, values string) any {
	d.t.Helper()
	op := schema.Operation{Noun: noun, Verb: verb, Name: name, By: schema.Identity{Admin: true}}
	if values != "" {
		op.Values = json.RawMessage(values)
	}
	result, refusal, err := d.do(d.t.Context(), op)
	if refusal != nil || err != nil {
		d.t.Fatal(noun, verb, name, refusal, err)
	}
	return result
}

// enters puts a socket into a slot's table and its log, as if it had come in;
// hold: it is the room's first there. It tells the room's entry.
func (d *desk) enters(slot int, id schema.SequenceID, client, room string, index uint32) uint32 {
	t := d.slots[slot].table
	i, _ := t.TakeSocket()
	if index == table.NoRoom {
		index, _ = t.TakeRoom(room)
		record := t.Reserve(table.Hold, len(room), 0)
		table.PutName(t.ExtraBytes(t.ReservedAt(record), record), room)
		record.Room = index
		t.Commit(record)
	}
	s := &t.Sockets[i]
	s.State, s.Room, s.Since, s.Port = schema.InRoom, index, time.Now().UnixMilli(), 80
	s.ID = id
	record := t.Reserve(table.Join, table.JoinExtra(client, room), 0)
	extra := t.ExtraBytes(t.ReservedAt(record), record)
	s.PutJoin(extra, client)
	table.PutName(extra, room)
	record.Socket, record.ID, record.Room, record.State = i, id, index, s.State
	t.Commit(record)
	t.Rooms[index].Members++
	if client == "" {
		t.Rooms[index].Anonymous++
	}
	return index
}

// ends logs that a sequence is no more.
func (d *desk) ends(slot int, id schema.SequenceID) {
	t := d.slots[slot].table
	record := t.Reserve(table.Gone, 0, 0)
	record.ID = id
	t.Commit(record)
}
