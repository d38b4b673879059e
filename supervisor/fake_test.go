package supervisor

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// A house of these tests has puddles that serve nobody: the test binary,
// started again, which speaks the link as fakeManners says.
const fakeManners = "PORTHOUSE_TEST_PUDDLE"

// What a fake puddle can do.
const (
	fakeGood     = "good"
	fakeFails    = "fails"    // ends with an error, which it says
	fakePanics   = "panics"   // to the runtime's last words, as far as they go
	fakeSilent   = "silent"   // never starts
	fakeStubborn = "stubborn" // does not end when it is asked to
	fakeOnce     = "once"     // fails in the first process of a slot
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == PuddleCommand {
		if err := fakePuddle(os.Getenv(fakeManners)); err != nil {
			fmt.Fprintln(os.NewFile(LastWordsDescriptor, "last words"), err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "no such command here:", os.Args[1])
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func fakePuddle(manners string) error {
	link, err := ipc.ConnOf(ipc.LinkDescriptor, "link")
	if err != nil {
		return err
	}
	var word ipc.ToPuddle
	descriptors, err := link.Receive(&word)
	if err != nil {
		return err
	}
	t, err := table.Open(descriptors[0])
	if err != nil {
		return err
	}
	switch {
	case manners == fakeFails:
		return fmt.Errorf("slot %d will not do\nand more", word.Start.Slot)
	case manners == fakePanics:
		last := os.NewFile(LastWordsDescriptor, "last words")
		fmt.Fprint(last, "panic: out of luck\n\ngoroutine 1 [running]:\n", strings.Repeat("x", 1<<20))
		os.Exit(2)
	case manners == fakeOnce && t.Generation() == 0:
		t.Begin()
		return fmt.Errorf("the first time it fails")
	case manners == fakeSilent:
		time.Sleep(time.Hour)
	}
	t.Begin()
	go func() {
		for ; ; time.Sleep(100 * time.Millisecond) {
			t.Beat()
		}
	}()
	fake := &fake{slot: word.Start.Slot, link: link, table: t, poke: descriptors[1], stubborn: manners == fakeStubborn}
	return fake.serve(len(descriptors) - 3)
}

type fake struct {
	slot     int
	link     *ipc.Conn
	table    *table.Table
	poke     int
	stubborn bool
	joining  sync.Mutex
}

func (f *fake) serve(listeners int) error {
	if listeners == 0 {
		return fmt.Errorf("no listeners")
	}
	f.link.Send(ipc.FromPuddle{Started: &ipc.Started{Pid: os.Getpid()}})
	for {
		var word ipc.ToPuddle
		descriptors, err := f.link.Receive(&word)
		if err == io.EOF {
			return nil // the supervisor is gone
		}
		if err != nil {
			return err
		}
		switch {
		case word.Peer != nil && len(descriptors) == 1:
			f.meet(word.Peer.Slot, descriptors[0])
		case word.PeerGone != nil:
			f.join(200+word.PeerGone.Slot, "gone") // what it saw, for the test to see
		case word.Serve != nil:
			f.join(100+f.slot, "here")
			f.link.Send(ipc.FromPuddle{Ready: &ipc.Ready{}})
		case word.Close != nil:
			f.link.Send(ipc.FromPuddle{Closed: &ipc.Closed{Sequence: word.Close.Sequence, Found: true}})
			if word.Close.Sequence == 101 { // the test's word for: say that your peer hangs
				f.link.Send(ipc.FromPuddle{Hung: &ipc.Hung{Slot: 1 - f.slot}})
			}
		case word.Stop != nil && !f.stubborn:
			return nil
		}
	}
}

// meet has both ends say who they are.
func (f *fake) meet(slot, fd int) {
	end := os.NewFile(uintptr(fd), "peer")
	fmt.Fprintf(end, "%d", f.slot)
	go func() {
		var said [1]byte
		if n, _ := end.Read(said[:]); n == 1 && int(said[0]-'0') == slot {
			f.join(300+slot, "met")
		}
	}()
}

// join puts a socket into the table and its log, as if it had come in.
func (f *fake) join(id int, room string) {
	f.joining.Lock()
	defer f.joining.Unlock()
	i, _ := f.table.TakeSocket()
	r, _ := f.table.TakeRoom(room)
	s := &f.table.Sockets[i]
	s.State, s.Room, s.Since, s.Port = schema.InRoom, r, time.Now().UnixMilli(), 80
	s.ID = schema.SequenceID(id)
	f.table.Add(table.StateGauge+table.Counter(schema.InRoom), 1)
	f.table.Add(table.RoomsHere, 1)

	record := f.table.Reserve(table.Hold, len(room), 0)
	table.PutName(f.table.ExtraBytes(f.table.ReservedAt(record), record), room)
	record.Room = r
	f.table.Commit(record)

	record = f.table.Reserve(table.Join, table.JoinExtra("", room), 0)
	extra := f.table.ExtraBytes(f.table.ReservedAt(record), record)
	s.PutJoin(extra, "")
	table.PutName(extra, room)
	record.Socket, record.ID, record.Room, record.State = i, s.ID, r, s.State
	f.table.Commit(record)
	unix.Write(f.poke, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}
