package supervisor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// house is what was noted, as the database ought to have it in the end.
type house struct {
	sequences map[schema.SequenceID]store.Sequence
	joined    map[schema.SequenceID]map[string]bool
	rooms     map[string]store.Room
	puddles   map[int]store.Puddle
}

func newHouse() *house {
	return &house{
		sequences: make(map[schema.SequenceID]store.Sequence),
		joined:    make(map[schema.SequenceID]map[string]bool),
		rooms:     make(map[string]store.Room),
		puddles:   make(map[int]store.Puddle),
	}
}

func (h *house) note(changes ...change) {
	for _, c := range changes {
		switch c := c.(type) {
		case sequenceRow:
			h.sequences[c.ID] = store.Sequence(c)
			if h.joined[c.ID] == nil {
				h.joined[c.ID] = make(map[string]bool)
			}
		case sequenceGone:
			delete(h.sequences, schema.SequenceID(c))
			delete(h.joined, schema.SequenceID(c))
		case roomJoined:
			if rooms := h.joined[c.Sequence]; rooms != nil {
				rooms[c.Room] = true
			}
		case roomLeft:
			delete(h.joined[c.Sequence], c.Room)
		case roomMade:
			h.rooms[c.Name] = store.Room(c)
		case roomGone:
			delete(h.rooms, string(c))
		case puddleRow:
			h.puddles[c.Slot] = store.Puddle(c)
		case puddleGone:
			delete(h.puddles, int(c))
			for id, row := range h.sequences {
				if row.Slot == int(c) {
					h.note(sequenceGone(id))
				}
			}
		}
	}
}

// compare fails unless the database holds the house, no more and no less.
func (h *house) compare(t *testing.T, st *store.Store) {
	t.Helper()
	have := newHouse()
	sequences, err := st.Sequences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range sequences {
		have.joined[row.ID] = make(map[string]bool)
		for _, room := range row.Rooms {
			have.joined[row.ID][room] = true
		}
		row.Rooms = nil
		have.sequences[row.ID] = row
	}
	rooms, err := st.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rooms {
		have.rooms[row.Name] = row
	}
	puddles, err := st.Puddles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range puddles {
		have.puddles[row.Slot] = row
	}
	compareMaps(t, "sequences", have.sequences, h.sequences)
	compareMaps(t, "subscriptions", have.joined, h.joined)
	compareMaps(t, "rooms", have.rooms, h.rooms)
	compareMaps(t, "puddles", have.puddles, h.puddles)
	counts, err := st.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscriptions := 0
	for _, rooms := range h.joined {
		subscriptions += len(rooms)
	}
	if counts["subscriptions"] != subscriptions {
		t.Errorf("%d rows of subscriptions, want %d", counts["subscriptions"], subscriptions)
	}
}

func compareMaps[K comparable, V any](t *testing.T, what string, have, want map[K]V) {
	t.Helper()
	wrong := 0
	for key := range maps.Keys(have) {
		if _, found := want[key]; !found {
			wrong++
			t.Logf("%s: %v is there and should not be", what, key)
		}
	}
	for key, value := range want {
		if found, exists := have[key]; !exists || !reflect.DeepEqual(found, value) {
			wrong++
			t.Logf("%s: %v is %v, want %v", what, key, found, value)
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d rows differ", what, wrong, len(want))
	}
}

// diary is a slog.Handler that keeps what was said.
type diary struct {
	mu   sync.Mutex
	said []string
}

func (d *diary) Enabled(context.Context, slog.Level) bool { return true }
func (d *diary) WithAttrs([]slog.Attr) slog.Handler       { return d }
func (d *diary) WithGroup(string) slog.Handler            { return d }

func (d *diary) Handle(_ context.Context, record slog.Record) error {
	line := record.Message
	record.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, line)
	return nil
}

// trouble is the kinds logged and how often it was said that all is well.
func (d *diary) trouble() (kinds []string, healed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.said {
		if _, rest, found := strings.Cut(line, "trouble="); found {
			kinds = append(kinds, strings.Fields(rest)[0])
		} else if strings.Contains(line, "writes again") {
			healed++
		}
	}
	return kinds, healed
}

type bench struct {
	*registry
	st    *store.Store
	path  string
	diary *diary
}

// start makes a store in folder and a registry that has swept it.
func start(t *testing.T, folder string) *bench {
	t.Helper()
	b := &bench{path: filepath.Join(folder, "house.db"), diary: &diary{}}
	var err error
	if b.st, err = store.Open(t.Context(), b.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.st.Close() })
	b.registry = newRegistry(b.st, slog.New(b.diary))
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		b.close(ended)
		<-b.stopped
	})
	b.note(puddleRow{Slot: -1})
	b.settled(t)
	b.note(puddleGone(-1))
	b.settled(t)
	return b
}

// until waits for something that is bound to come.
func until(t *testing.T, what string, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !come(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a minute passed without %s", what)
		}
	}
}

// settled waits until all is committed, and checks that nothing is kept
// beyond what the database holds.
func (b *bench) settled(t *testing.T) {
	t.Helper()
	until(t, "a commit of everything", func() bool { return b.lag() == 0 })
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := len(b.sequences) + len(b.puddles.pending) + len(b.rooms.pending) + b.queue.Len() + len(b.flight); left > 0 {
		t.Errorf("%d pending entries after everything was committed", left)
	}
}

// heldRows compares what the registry believes of the database with it.
func (b *bench) heldRows(t *testing.T, h *house) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	joined := make(map[schema.SequenceID]map[string]bool)
	for id, held := range b.held {
		if row := h.sequences[id]; row.Slot != int(held.slot) {
			t.Errorf("%v is held in slot %d, want %d", id, held.slot, row.Slot)
		}
		joined[id] = make(map[string]bool)
		for _, room := range held.rooms.names() {
			joined[id][room] = true
		}
	}
	compareMaps(t, "held", joined, h.joined)
	if len(b.puddles.held) != len(h.puddles) || len(b.rooms.held) != len(h.rooms) {
		t.Errorf("%d puddles and %d rooms are held, want %d and %d",
			len(b.puddles.held), len(b.rooms.held), len(h.puddles), len(h.rooms))
	}
}

// lock takes the database's write lock, as another program would.
func (b *bench) lock(t *testing.T) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", b.path+"?_busy_timeout=60000")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		conn.Close()
		db.Close()
	})
}

var since = time.UnixMilli(1_700_000_000_123)

func row(id schema.SequenceID, slot int) sequenceRow {
	return sequenceRow{ID: id, Slot: slot, State: schema.InRoom, Address: "10.0.0.1:4000", Since: since}
}

func madeRoom(name, owner string) roomMade {
	return roomMade{Name: name, Kind: store.Transient, Owner: owner, Rules: "{}", Made: since}
}

// both notes the changes in a registry and in the model of it.
func both(b *bench, h *house, changes ...change) {
	b.note(changes...)
	h.note(changes...)
}

func TestRegistryChanges(t *testing.T) {
	b, h := start(t, t.TempDir()), newHouse()
	step := func(changes ...change) {
		t.Helper()
		both(b, h, changes...)
		b.settled(t)
		h.compare(t, b.st)
		b.heldRows(t, h)
	}
	step(puddleRow{Slot: 0, PID: 5, Generation: 1, State: "serving", Since: since},
		row(1, 0), roomJoined{1, "a"}, roomJoined{1, "b"}, row(2, 0), madeRoom("a", "alice"))
	step(roomLeft{1, "a"}, roomJoined{2, "a"}, sequenceRow{ID: 2, Slot: 0, Client: "bob", State: schema.Closing, Since: since})
	step(sequenceGone(1), row(1, 0), roomJoined{1, "c"})                  // the id comes again
	step(sequenceGone(1), row(1, 0), sequenceGone(1), sequenceGone(2))    // and goes
	step(row(3, 0), roomJoined{3, "a"}, sequenceGone(3), roomGone("a"))   // came and went
	step(row(4, 0), roomJoined{4, "a"}, row(5, 0), roomJoined{5, "a"})    //
	step(row(4, 1), puddleGone(0))                                        // 4 moved in time
	step(row(4, 0))                                                       //
	step(row(4, 1), puddleGone(0), row(4, 0), roomJoined{4, "b"})         // there and back
	step(puddleGone(0), row(4, 0), roomJoined{4, "z"})                    // adopted anew
	step(roomJoined{99, "a"}, roomLeft{99, "b"}, sequenceGone(99))        // nobody's
	step(roomJoined{4, "z"}, roomLeft{4, "nowhere"}, roomGone("nowhere")) // nothing new
	step(roomLeft{4, "z"}, roomJoined{4, "z"}, roomJoined{4, "y"}, roomLeft{4, "y"})
	step(madeRoom("m", ""), roomGone("m"), madeRoom("m", "eve"), puddleGone(7))
}

func TestRegistrySweepsFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "house.db")
	st, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	dead := store.Batch{Sequences: []store.Sequence{{ID: 1, Since: since}}, Puddles: []store.Puddle{{Slot: 3, Since: since}}}
	if err := st.Apply(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	r := newRegistry(st, slog.New(&diary{}))
	h := newHouse()
	live := []change{row(2, 0), roomJoined{2, "a"}}
	r.note(live...)
	h.note(live...)
	if err := r.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.compare(t, st)
}

// TestRegistryFlights notes random changes of a few keys before and during
// commits that succeed or fail.
func TestRegistryFlights(t *testing.T) {
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b, h := &bench{registry: emptyRegistry(st, slog.New(&diary{})), st: st}, newHouse()
	b.swept = true // nobody was there
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 4000 {
		for range random.IntN(6) {
			both(b, h, anyChange(random))
		}
		batch := b.takeOff(time.Now())
		fails := random.IntN(3) == 0
		for range random.IntN(6) {
			both(b, h, anyChange(random))
		}
		if fails {
			b.land(&batch, errors.New("refused"))
			continue
		}
		if err := st.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		b.land(&batch, nil)
		if random.IntN(4) > 0 {
			continue
		}
		if err := b.commit(); err != nil {
			t.Fatal(err)
		}
		b.settled(t)
		h.compare(t, st)
		b.heldRows(t, h)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// anyChange is of one of very few keys, so that they meet.
func anyChange(random *rand.Rand) change {
	id, slot := schema.SequenceID(random.IntN(4)), random.IntN(3)
	room := string(rune('a' + random.IntN(3)))
	switch n := random.IntN(100); {
	case n < 25:
		q := row(id, slot)
		q.Address = fmt.Sprint(random.IntN(1000))
		return q
	case n < 37:
		return sequenceGone(id)
	case n < 62:
		return roomJoined{id, room}
	case n < 80:
		return roomLeft{id, room}
	case n < 86:
		return madeRoom(room, fmt.Sprint(random.IntN(1000)))
	case n < 91:
		return roomGone(room)
	case n < 96:
		return puddleRow{Slot: slot, PID: 1 + random.IntN(1000), State: "serving", Since: since}
	}
	return puddleGone(slot)
}

// TestRegistryOldest has a change in flight grow no younger by its failure.
func TestRegistryOldest(t *testing.T) {
	b := &bench{registry: emptyRegistry(nil, slog.New(&diary{}))}
	b.note(row(1, 0))
	first, _ := b.oldest()
	b.note(row(2, 0), row(3, 0))
	batch := b.takeOff(time.Now())
	b.note(row(1, 1), sequenceGone(2), row(4, 0)) // 2 was never there, had it not flown
	if now, _ := b.oldest(); !now.Equal(first) {
		t.Errorf("oldest in flight is of %v, want %v", now, first)
	}
	b.land(&batch, errors.New("refused"))
	if now, _ := b.oldest(); !now.Equal(first) {
		t.Errorf("oldest after the failure is of %v, want %v", now, first)
	}
	var order []schema.SequenceID
	for e := b.queue.Front(); e != nil; e = e.Next() {
		order = append(order, e.Value.(*sequenceEntry).id)
	}
	if want := []schema.SequenceID{1, 3, 4}; !slices.Equal(order, want) {
		t.Errorf("queued are %v, want %v", order, want)
	}
	batch = b.takeOff(time.Now())
	b.note(row(3, 5))
	again := b.sequences[3].since
	b.land(&batch, nil)
	if now, pending := b.oldest(); !pending || !now.Equal(again) || !again.After(first) {
		t.Errorf("oldest after the success is of %v, want %v", now, again)
	}
}

// TestRegistryStorm notes changes from several goroutines, each with slots,
// sequences and rooms of its own, while the database is locked now and then.
func TestRegistryStorm(t *testing.T) {
	const writers, each = 4, 25_000
	b := start(t, t.TempDir())
	houses := make([]*house, writers)
	var noted sync.WaitGroup
	for w := range writers {
		houses[w] = newHouse()
		noted.Go(func() { storm(b, houses[w], w, each) })
	}
	done := make(chan struct{})
	go func() { noted.Wait(); close(done) }()
	for locking := true; locking; {
		unlock := b.lock(t)
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		unlock()
		select {
		case <-done:
			locking = false
		case <-time.After(time.Duration(rand.IntN(100)) * time.Millisecond):
		}
	}
	b.settled(t)
	all := newHouse()
	for _, h := range houses {
		maps.Copy(all.sequences, h.sequences)
		maps.Copy(all.joined, h.joined)
		maps.Copy(all.rooms, h.rooms)
		maps.Copy(all.puddles, h.puddles)
	}
	t.Logf("%d sequences, %d rooms, %d puddles in the end", len(all.sequences), len(all.rooms), len(all.puddles))
	all.compare(t, b.st)
	b.heldRows(t, all)
	if err := b.close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func storm(b *bench, h *house, writer, changes int) {
	random := rand.New(rand.NewPCG(uint64(writer), 7))
	slot := func() int { return writer*10 + random.IntN(3) }
	for i := range changes {
		id := schema.SequenceID(uint64(writer+1)<<62 + uint64(random.IntN(1500))) // comes again and again
		room := fmt.Sprintf("w%d-%d", writer, random.IntN(20))
		if i%500 == 499 {
			time.Sleep(20 * time.Millisecond) // so that some of it is committed between
		}
		switch n := random.IntN(1000); {
		case n < 350:
			q := row(id, slot())
			q.State, q.Since = schema.State(1+random.IntN(6)), time.UnixMilli(int64(i))
			both(b, h, q)
		case n < 500:
			both(b, h, sequenceGone(id))
		case n < 750:
			both(b, h, roomJoined{id, room})
		case n < 900:
			both(b, h, roomLeft{id, room})
		case n < 940:
			both(b, h, madeRoom(room, fmt.Sprint(i)))
		case n < 970:
			both(b, h, roomGone(room))
		case n < 997:
			both(b, h, puddleRow{Slot: slot(), PID: i, Generation: uint64(i), State: "serving", Since: time.UnixMilli(int64(i))})
		default:
			both(b, h, puddleGone(slot()))
		}
	}
}

func TestRegistryLocked(t *testing.T) {
	b, h := start(t, t.TempDir()), newHouse()
	both(b, h, row(1, 0), roomJoined{1, "a"})
	b.settled(t)
	unlock := b.lock(t)
	defer unlock()
	both(b, h, roomLeft{1, "a"}, row(2, 0))
	until(t, "rising lag", func() bool { return b.lag() > 500*time.Millisecond })
	for id := range schema.SequenceID(10_000) {
		both(b, h, row(id+10, 1), roomJoined{id + 10, "b"})
	}
	both(b, h, sequenceGone(2), puddleRow{Slot: 1, State: "serving", Since: since})
	if lag := b.lag(); lag < 500*time.Millisecond {
		t.Errorf("lag fell to %v without a commit", lag)
	}
	if kinds, healed := b.diary.trouble(); !slices.Equal(kinds, []string{"locked"}) || healed != 0 {
		t.Errorf("said %v, healed %d, want one locked", kinds, healed)
	}
	unlock()
	b.settled(t)
	h.compare(t, b.st)
	b.heldRows(t, h)
	until(t, "the word that it writes again", func() bool { _, healed := b.diary.trouble(); return healed > 0 })
	if kinds, healed := b.diary.trouble(); len(kinds) != 1 || healed != 1 {
		t.Errorf("said %v, healed %d, want each once", kinds, healed)
	}
}

// TestRegistryBound lets a hundred thousand sequences, rooms and joins come
// and go while nothing can be committed.
func TestRegistryBound(t *testing.T) {
	b, h := start(t, t.TempDir()), newHouse()
	both(b, h, row(1, 0), roomJoined{1, "a"}, row(2, 0))
	b.settled(t)
	unlock := b.lock(t)
	defer unlock()
	both(b, h, row(3, 0))
	until(t, "trouble", func() bool { kinds, _ := b.diary.trouble(); return len(kinds) > 0 })
	for i := range 100_000 {
		id, room := schema.SequenceID(100+i), fmt.Sprint("passing-", i)
		both(b, h, madeRoom(room, ""), row(id, 0), roomJoined{id, room}, roomJoined{1, room}, roomJoined{3, room})
		both(b, h, roomLeft{1, room}, roomLeft{3, room}, sequenceGone(id), roomGone(room))
	}
	entries := func() (n int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		n = len(b.sequences) + len(b.rooms.pending)
		for _, e := range b.sequences {
			n += len(e.rooms)
		}
		return n
	}
	// what came during an attempt is dropped when it has failed
	until(t, "pending entries down to the live", func() bool { return entries() == 1 })
	both(b, h, sequenceGone(2))
	unlock()
	b.settled(t)
	h.compare(t, b.st)
}

func TestRegistryClose(t *testing.T) {
	b, h := start(t, t.TempDir()), newHouse()
	for id := range schema.SequenceID(3 * chunkRows) { // more than one chunk
		both(b, h, row(id+1, 0))
	}
	if err := b.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.close(t.Context()); err != nil {
		t.Errorf("closed again: %v", err)
	}
	b.note(row(1<<50, 0)) // late
	if lag := b.lag(); lag != 0 {
		t.Errorf("lag is %v after close", lag)
	}
	h.compare(t, b.st)
}

func TestRegistryCloseGivesUp(t *testing.T) {
	b := start(t, t.TempDir())
	defer b.lock(t)()
	b.note(row(1, 0), row(2, 0))
	until(t, "trouble", func() bool { kinds, _ := b.diary.trouble(); return len(kinds) > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := b.close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrLocked) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v, want one line with the deadline and the lock", err)
	}
	<-b.stopped
	b.note(row(3, 0))
}

// TestRegistryDiskFails has the kernel refuse to let any file grow.
func TestRegistryDiskFails(t *testing.T) {
	b, h := start(t, t.TempDir()), newHouse()
	both(b, h, row(1, 0), roomJoined{1, "a"})
	b.settled(t)

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	heal := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 128 << 10, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer heal()
	for id := range schema.SequenceID(5000) {
		both(b, h, row(id+10, 1), roomJoined{id + 10, "b"})
	}
	until(t, "trouble", func() bool { kinds, _ := b.diary.trouble(); return len(kinds) > 0 })
	both(b, h, roomLeft{1, "a"}, sequenceGone(10), puddleGone(2), row(11, 2))
	heal()
	b.settled(t)
	h.compare(t, b.st)
	b.heldRows(t, h)
	until(t, "the word that it writes again", func() bool { _, healed := b.diary.trouble(); return healed > 0 })
	if kinds, _ := b.diary.trouble(); !slices.Equal(kinds, []string{"io"}) {
		t.Errorf("said %v, want io once", kinds)
	}
}

const smallDisk = "PORTHOUSE_TEST_SMALL_DISK" // set in the process that may mount

// TestRegistryDiskFull fills a small disk: a tmpfs, in a mount namespace of
// a process of its own.
func TestRegistryDiskFull(t *testing.T) {
	if os.Getenv(smallDisk) != "" {
		fillSmallDisk(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRegistryDiskFull$", "-test.v")
	child.Env = append(os.Environ(), smallDisk+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	said, err := child.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Fatalf("%v\n%s", err, said)
	case err != nil:
		t.Skipf("no namespaces here: %v", err)
	case strings.Contains(string(said), "--- SKIP"):
		t.Skipf("%s", said)
	}
	t.Logf("%s", said)
}

func fillSmallDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("porthouse", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	b, h := start(t, disk), newHouse()
	both(b, h, row(1, 0), roomJoined{1, "a"})
	b.settled(t)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk did not fill: %v", err)
	}
	for id := range schema.SequenceID(1000) {
		both(b, h, row(id+10, 1), roomJoined{id + 10, "b"})
	}
	until(t, "trouble", func() bool { kinds, _ := b.diary.trouble(); return len(kinds) > 0 })
	both(b, h, roomLeft{1, "a"}, sequenceGone(10), row(11, 2))
	until(t, "rising lag", func() bool { return b.lag() > 200*time.Millisecond })
	if kinds, healed := b.diary.trouble(); !slices.Equal(kinds, []string{"full"}) || healed != 0 {
		t.Errorf("said %v, healed %d, want full once", kinds, healed)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.settled(t)
	h.compare(t, b.st)
	b.heldRows(t, h)
}
