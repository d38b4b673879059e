package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

func small(t testing.TB) *Table {
	t.Helper()
	made, err := Create(3, Geometry{Sockets: 64, Rooms: 64, ReadBytes: 4096, LogBytes: 1 << 16, SlabBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

// again maps the same memory a second time, as another process would.
func again(t testing.TB, of *Table) *Table {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(of.Descriptor()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

func TestSizesOfEntries(t *testing.T) {
	for name, is := range map[string][2]int{"socket": {socketSize, 120}, "room": {roomSize, 288}, "extent": {extentSize, 16}} {
		if is[0] != is[1] {
			t.Errorf("a %s has %d bytes; want %d", name, is[0], is[1])
		}
	}
	if headerSize > 2*page || recordSize%align != 0 {
		t.Errorf("header %d bytes, record %d", headerSize, recordSize)
	}
}

func TestOpenRefuses(t *testing.T) {
	made := small(t)
	made.h.layout = Layout + 1
	fd, _ := unix.FcntlInt(uintptr(made.Descriptor()), unix.F_DUPFD_CLOEXEC, 0)
	defer unix.Close(fd)
	if _, err := Open(fd); err == nil || err.Error() != fmt.Sprintf("table: layout %d, this binary knows %d", Layout+1, Layout) {
		t.Errorf("a newer layout: %v", err)
	}
	made.h.layout, made.h.magic = Layout, 1
	if _, err := Open(fd); err == nil {
		t.Error("another file's memory was taken for a table")
	}
}

// The log is a queue: what was committed is read again, in order and whole,
// however it wraps, pads and starts again at the front.
func TestLogAgainstModel(t *testing.T) {
	made := small(t)
	random := rand.New(rand.NewPCG(1, 2))
	type kept struct {
		at   uint64
		text []byte
	}
	var model []kept
	for range 200_000 {
		if random.IntN(3) > 0 {
			text := make([]byte, random.IntN(3000))
			binary.PutUvarint(append(text[:0], make([]byte, 10)...), random.Uint64())
			record := made.Reserve(Message, random.IntN(30), len(text))
			if record == nil {
				if made.Used() < made.LogBytes()/3 {
					t.Fatalf("no room for %d bytes with %d used", len(text), made.Used())
				}
				made.MoveOn(made.Head())
				model = model[:0]
				continue
			}
			copy(made.Bytes(made.ReservedAt(record), record), text)
			at, _ := made.Commit(record)
			model = append(model, kept{at, text})
		} else if len(model) > 0 {
			n := random.IntN(len(model))
			made.MoveOn(model[n].at)
			model = model[n:]
		}
		n := 0
		for at := made.Tail(); at < made.Head(); {
			r := made.At(at)
			if r.Kind != Pad {
				if n >= len(model) || model[n].at != at || !bytes.Equal(made.Bytes(at, r), model[n].text) {
					t.Fatalf("record %d of %d at %d is not what was committed", n, len(model), at)
				}
				n++
			}
			at += uint64(r.Size)
		}
		if n != len(model) {
			t.Fatalf("%d records are there; want %d", n, len(model))
		}
	}
}

func TestEmptyLogStartsAtTheFront(t *testing.T) {
	made := small(t)
	for made.Head()&(made.LogBytes()-1) < rewindBeyond-8192 {
		made.Commit(made.Reserve(Message, 0, 4000))
	}
	made.MoveOn(made.Head())
	if at := made.Head(); at&(made.LogBytes()-1) == 0 {
		t.Fatal("it starts again too early")
	}
}

// Replaying every record from tail to head changes nothing: each holds what
// is true after it.
func TestReplayIsIdempotent(t *testing.T) {
	made := small(t)
	random := rand.New(rand.NewPCG(3, 4))
	r, _ := made.TakeRoom("chat")
	for n := range uint32(8) {
		i, _ := made.TakeSocket()
		made.Sockets[i] = Socket{ID: schema.SequenceID(100 + n), Room: NoRoom}
		record := made.Reserve(Join, 0, 100)
		record.Socket, record.ID, record.Room, record.State = i, schema.SequenceID(100+n), r, schema.InRoom
		record.Lane = uint8(n % Lanes)
		record.Base = 100 - made.Rooms[r].Count[record.Lane]
		made.Commit(record)
	}
	for n := range 220 {
		i := uint32(random.IntN(8))
		s := &made.Sockets[i]
		if n%50 == 49 {
			s.ID += 1000 // the entry has another holder now
		}
		kind, size := Message, 50+random.IntN(50)
		if random.IntN(4) == 0 {
			kind = Own
		}
		record := made.Reserve(kind, 0, size)
		record.Socket, record.ID, record.Room, record.State = i, s.ID, r, schema.InRoom
		record.In, record.Ctl = s.In+uint64(size), s.Ctl
		record.Base, record.Count = s.Base+uint64(size), made.Rooms[r].Count
		if kind == Message {
			record.Base = s.Base - uint64(size)
			for lane := range record.Count {
				record.Count[lane] += uint64(size + lane)
			}
		}
		made.Commit(record)
	}
	sockets, rooms := append([]Socket(nil), made.Sockets...), append([]Room(nil), made.Rooms...)
	for from := made.Tail(); from < made.Head(); from += uint64(made.At(from).Size) {
		for at := from; at < made.Head(); at += uint64(made.At(at).Size) {
			made.apply(made.At(at))
		}
	}
	for i := range sockets {
		if sockets[i] != made.Sockets[i] {
			t.Errorf("socket %d was %+v, is %+v", i, sockets[i], made.Sockets[i])
		}
	}
	if rooms[r] != made.Rooms[r] {
		t.Error("the room's count changed")
	}
}

// Spans against plain byte slices.
func TestSlabAgainstModel(t *testing.T) {
	made := small(t)
	random := rand.New(rand.NewPCG(5, 6))
	type held struct {
		span Span
		from uint64
		text []byte
	}
	var model [20]held
	for range 100_000 {
		m := &model[random.IntN(len(model))]
		switch {
		case random.IntN(6) == 0:
			made.Drop(&m.span)
			*m = held{}
		default:
			more := bytes.Repeat([]byte{byte(random.Uint32())}, random.IntN(2000))
			skip := 0
			if len(m.text) > 0 {
				skip = random.IntN(len(m.text))
			}
			if m.span.Empty() {
				m.from = random.Uint64N(1 << 40)
			}
			if !made.Grow(&m.span, skip, m.from, more[:len(more)/2], more[len(more)/2:]) {
				made.Drop(&m.span)
				*m = held{}
				continue
			}
			m.text = append(m.text, more...)
			got, from := made.SpanBytes(m.span)
			if from < m.from || from > m.from+uint64(skip) {
				t.Fatalf("it begins at %d; was %d, %d were of no use", from, m.from, skip)
			}
			m.text, m.from = m.text[from-m.from:], from
			if !bytes.Equal(got, m.text) {
				t.Fatal("it holds other bytes")
			}
		}
	}
	for i := range model {
		made.Drop(&model[i].span)
	}
	if made.SlabUsed() != 0 || made.slab.live != 0 {
		t.Errorf("%d bytes, %d extents leak", made.SlabUsed(), made.slab.live)
	}
}

func TestSlabFull(t *testing.T) {
	made := small(t)
	var span Span
	if made.Grow(&span, 0, 0, make([]byte, 2<<20)) || !span.Empty() {
		t.Error("2 MiB went into a slab of 1 MiB")
	}
}

func commitNews(made *Table, kind Kind, id schema.SequenceID, name string) {
	extra := len(name)
	if kind == Join {
		extra = JoinExtra("", name)
	}
	record := made.Reserve(kind, extra, 0)
	record.ID = id
	bytes := made.ExtraBytes(made.ReservedAt(record), record)
	if kind == Join {
		(&Socket{Addr: [16]byte{10: 255, 11: 255, 12: 127, 15: 1}, Port: 4711, Since: 1234}).PutJoin(bytes, "")
	}
	PutName(bytes, name)
	made.Commit(record)
}

// TestNewsOfWhatHappened looks for news at each point of a commit: of a record
// that a death at that point would undo there are none.
func TestNewsOfWhatHappened(t *testing.T) {
	made := small(t)
	other := again(t, made)
	points, undone := 0, 0
	Point = func() {
		points++
		heard := false
		other.News(func(News) { heard = true })
		if committed := made.Head() > 0; !committed {
			undone++
			if heard {
				t.Errorf("point %d: heard of a record that is not committed", points)
			}
		}
	}
	defer func() { Point = nil }()
	commitNews(made, Hold, 0, "chat")
	if undone == 0 || points == undone {
		t.Errorf("%d of %d points are before the commit", undone, points)
	}
	Point = nil
	heard := 0
	other.News(func(News) { heard++ })
	if heard != 1 {
		t.Errorf("heard %d news after the commit, want 1", heard)
	}
}

func TestNewsAcrossProcesses(t *testing.T) {
	made := small(t)
	other := again(t, made)
	read := func() (all []News, resync bool) {
		resync = other.News(func(n News) { all = append(all, n) })
		return all, resync
	}
	commitNews(made, Hold, 0, "chat")
	commitNews(made, Join, 7, "chat")
	all, resync := read()
	if resync || len(all) != 2 || all[0].Kind != Hold || all[0].Room != "chat" || all[1].Room != "chat" ||
		all[1].ID != 7 || all[1].Address.String() != "127.0.0.1:4711" || all[1].Since.UnixMilli() != 1234 {
		t.Fatalf("read %+v, %v", all, resync)
	}
	// Messages alone never wait for the reader, though it is not called.
	for range 1000 {
		made.MoveOn(made.FollowedTo())
		if made.Reserve(Message, 0, 1000) == nil {
			t.Fatal("the registry holds the log up without any news")
		}
		made.Commit(made.Reserve(Message, 0, 1000))
	}
	commitNews(made, Leave, 7, "chat")
	if all, resync = read(); resync || len(all) != 1 || all[0].Kind != Leave {
		t.Fatalf("after many messages: %+v, %v", all, resync)
	}
	// A reader that lags is left behind, and told.
	commitNews(made, Gone, 7, "")
	if made.FollowedTo() == made.Head() {
		t.Fatal("unread news do not hold the log")
	}
	made.LeaveFollower()
	made.MoveOn(made.FollowedTo())
	if all, resync = read(); !resync {
		t.Fatalf("news were lost and nobody says so: %+v", all)
	}
	commitNews(made, Hold, 0, "again")
	if all, resync = read(); resync || len(all) != 1 || all[0].Room != "again" {
		t.Fatalf("after the resync: %+v, %v", all, resync)
	}
}

func TestSequencesAcrossProcesses(t *testing.T) {
	made := small(t)
	other := again(t, made)
	r, _ := made.TakeRoom("alice/notes")
	for n := range 3 {
		i, _ := made.TakeSocket()
		made.Sockets[i] = Socket{ID: schema.SequenceID(n + 1), State: schema.InRoom, Room: r, Since: 99}
	}
	made.FreeSocket(1)
	var ids []schema.SequenceID
	for seen := range other.Sequences {
		ids = append(ids, seen.ID)
		if seen.Room != "alice/notes" || seen.State != schema.InRoom {
			t.Errorf("saw %+v", seen)
		}
	}
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 3 {
		t.Errorf("saw %v; want 1 and 3", ids)
	}
}

func TestResetKeepsCounters(t *testing.T) {
	made := small(t)
	epoch := made.Epoch()
	made.Add(Deliveries, 5)
	made.Add(OutboxBytes, 5)
	commitNews(made, Hold, 0, "chat")
	made.TakeRoom("chat")
	if err := made.Reset(); err != nil {
		t.Fatal(err)
	}
	if made.Count(Deliveries) != 5 || made.Count(OutboxBytes) != 0 || made.Head() != 0 || made.Epoch() == epoch || made.Rooms[0].Ref != 0 {
		t.Error("a clean start keeps what it should not, or loses what it should keep")
	}
}

func TestAside(t *testing.T) {
	made := small(t)
	var want []uint64
	for n := range 20 {
		record := made.Reserve(Message, 3, n)
		record.Peers = uint64(1 << (n % 2))
		at, _ := made.Commit(record)
		if n%2 == 1 {
			want = append(want, at)
		}
	}
	if !made.SetAside(1, made.Tail()) {
		t.Fatal("no room")
	}
	n := 0
	made.Aside(1, func(at uint64, r *Record, extra, frame []byte) {
		if at != want[n] || len(frame) != 2*n+1 || len(extra) != 3 {
			t.Errorf("record %d stands at %d with %d bytes", n, at, len(frame))
		}
		n++
	})
	if n != len(want) {
		t.Errorf("%d records are set aside; want %d", n, len(want))
	}
}
