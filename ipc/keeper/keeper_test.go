package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// The keeper of these tests is a real one: this binary, run again.
const leaseVariable = "PORTHOUSE_TEST_KEEPER_LEASE"

func TestMain(m *testing.M) {
	lease, keeper := os.LookupEnv(leaseVariable)
	if !keeper {
		os.Exit(m.Run())
	}
	span, err := time.ParseDuration(lease)
	if err == nil {
		unix.CloseOnExec(MasterDescriptor)
		unix.CloseOnExec(ListenerDescriptor)
		err = Run(Options{Master: MasterDescriptor, Listener: ListenerDescriptor, Lease: span})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bench is a keeper, its supervisor's end and its puddle's.
type bench struct {
	*testing.T
	path   string
	cmd    *exec.Cmd
	ended  chan error
	master *Master
	link   *Link
}

func newBench(t *testing.T, lease time.Duration) *bench {
	b := &bench{T: t, path: filepath.Join(t.TempDir(), "keeper.sock"), ended: make(chan error, 1)}
	ours, theirs := b.pair()
	door, err := Listen(b.path)
	b.must(err)
	end, listener := os.NewFile(uintptr(theirs), "end"), os.NewFile(uintptr(door), "door")
	b.cmd = exec.Command(os.Args[0])
	b.cmd.Env = append(os.Environ(), leaseVariable+"="+lease.String())
	b.cmd.ExtraFiles = []*os.File{end, listener}
	b.cmd.Stderr = os.Stderr
	b.must(b.cmd.Start())
	end.Close()
	listener.Close()
	go func() { b.ended <- b.cmd.Wait() }()
	t.Cleanup(func() { b.cmd.Process.Kill() })
	b.master = NewMaster(ours)
	b.link = b.serve(4711)
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) pair() (ours, theirs int) {
	b.Helper()
	ours, theirs, err := Pair()
	b.must(err)
	return ours, theirs
}

func (b *bench) serve(pid int) *Link {
	b.Helper()
	ours, theirs := b.pair()
	b.must(b.master.Serve(theirs, pid))
	unix.Close(theirs)
	return NewLink(ours)
}

func (b *bench) feed() *successor {
	b.Helper()
	ours, theirs := b.pair()
	b.must(b.master.Feed(theirs))
	unix.Close(theirs)
	return &successor{bench: b, feed: NewFeed(ours), has: map[Held]int{}, total: -1}
}

// socket is a connection of which b keeps far and is to keep near.
func (b *bench) socket() (near, far int) {
	b.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	b.must(err)
	b.Cleanup(func() { unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// keep keeps n sockets from an index on, closes them here, and returns their
// far ends.
func (b *bench) keep(from uint32, n int) (held []Held, far []int) {
	b.Helper()
	var near []int32
	for i := range n {
		one, other := b.socket()
		near, far = append(near, int32(one)), append(far, other)
		held = append(held, idOf(from+uint32(i)))
	}
	for sent := 0; sent < n; time.Sleep(time.Millisecond) {
		m, err := b.link.Keep(held[sent:], near[sent:])
		b.must(err)
		sent += m
	}
	closeAll(near)
	return held, far
}

func idOf(index uint32) Held { return Held{index, schema.SequenceID(1000 + index)} }

func (b *bench) eventually(what string, is func() bool) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("not within 10 s: %s", what)
		}
	}
}

func (b *bench) keeps(want int) {
	b.Helper()
	b.eventually(fmt.Sprintf("%d sockets are kept", want), func() bool {
		n, err := b.master.Sockets()
		b.must(err)
		return n == want
	})
}

// open tells whether somebody still has the other end.
func open(far int) bool {
	_, err := unix.Read(far, make([]byte, 1))
	return errors.Is(err, unix.EAGAIN)
}

// successor hears a feed.
type successor struct {
	*bench
	feed  *Feed
	has   map[Held]int
	total int // -1: not ended
}

func (s *successor) hear() error {
	return s.feed.Hear(
		func(h Held, fd int) {
			if _, twice := s.has[h]; twice {
				s.Errorf("%v is fed twice", h)
			}
			s.has[h] = fd
		},
		func(h Held) {
			fd, there := s.has[h]
			if !there {
				s.Errorf("%v is dropped that was not fed", h)
				return
			}
			unix.Close(fd)
			delete(s.has, h)
		},
		func(total int) { s.total = total },
	)
}

func (s *successor) hears(what string, is func() bool) {
	s.Helper()
	s.eventually(what, func() bool {
		s.must(s.hear())
		return is()
	})
}

func TestKeptUntilDropped(t *testing.T) {
	b := newBench(t, time.Minute)
	held, far := b.keep(0, 700) // three messages
	b.keeps(700)
	for i, fd := range far {
		if !open(fd) {
			t.Fatalf("socket %d is not kept open", i)
		}
	}
	wrong := Held{held[1].Index, held[1].ID + 1} // of an earlier life
	n, err := b.link.Drop([]Held{held[0], wrong, {Index: 1 << 20, ID: 7}})
	if n != 3 || err != nil {
		t.Fatal(n, err)
	}
	b.keeps(699)
	if open(far[0]) || !open(far[1]) {
		t.Errorf("dropped open: %t, kept open: %t", open(far[0]), open(far[1]))
	}
	again, _ := b.keep(0, 1) // the entry is used again
	b.keeps(700)
	if again[0] != held[0] {
		t.Fatal(again)
	}
}

func TestSuccessorIsFed(t *testing.T) {
	b := newBench(t, time.Minute)
	held, _ := b.keep(0, 600)
	s := b.feed()
	s.hears("what was there", func() bool { return len(s.has) == 600 })
	b.keep(600, 10)
	_, err := b.link.Drop(held[:5])
	b.must(err)
	s.hears("what came and went since", func() bool { return len(s.has) == 605 && s.has[held[0]] == 0 })
	if s.total != -1 {
		t.Fatal("the feed ended, and its puddle did not")
	}
	b.must(b.link.End())
	s.hears("the end", func() bool { return s.total == 605 })

	ours, theirs := b.pair()
	b.must(b.master.Promote(theirs, 4712))
	unix.Close(theirs)
	b.link = NewLink(ours)
	if err := s.hear(); !errors.Is(err, io.EOF) {
		t.Errorf("a feed after its promotion: %v", err)
	}
	_, err = b.link.Drop(held[5:6])
	b.must(err)
	b.keeps(604)
	inventory, _, err := b.master.Inventory()
	if err != nil || inventory.PuddlePid != 4712 || !inventory.PuddleLinked || inventory.Sockets != 604 || inventory.KeeperPid != b.cmd.Process.Pid {
		t.Errorf("%+v, %v", inventory, err)
	}
}

// A feed that is stopped, or whose successor ends, leaves the puddle serving;
// the next is fed everything from the start.
func TestFeedStopsAndBeginsAgain(t *testing.T) {
	b := newBench(t, time.Minute)
	b.keep(0, 300)
	first := b.feed()
	first.hears("something", func() bool { return len(first.has) > 0 })
	first.feed.Close()
	second := b.feed()
	second.hears("all", func() bool { return len(second.has) == 300 })
	b.must(b.link.End())
	second.hears("the end", func() bool { return second.total == 300 })
	b.must(b.master.StopFeed())
	b.keep(300, 1) // End is forgotten: it serves on
	b.keeps(301)
	third := b.feed()
	third.hears("all and the new one", func() bool { return len(third.has) == 301 })
	if third.total != -1 {
		t.Error("the end, of a puddle that serves")
	}
}

// What a puddle that was killed had said is fed, and then its end.
func TestDeadPuddleIsFed(t *testing.T) {
	b := newBench(t, time.Minute)
	b.keep(0, 3)
	b.must(b.link.Close())
	s := b.feed()
	s.hears("the end", func() bool { return s.total == 3 && len(s.has) == 3 })
}

// Who hears the end may close the feed: what has its number then is another's.
func TestEndedFeedIsNotRead(t *testing.T) {
	b := newBench(t, time.Minute)
	b.keep(0, 3)
	b.must(b.link.Close())
	s := b.feed()
	for ended := false; !ended; {
		b.must(s.feed.Hear(func(_ Held, fd int) { unix.Close(fd) }, func(Held) {}, func(int) {
			ended = true
			number := s.feed.Descriptor()
			b.must(s.feed.Close())
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			b.must(err)
			if pair[0] != number {
				b.must(unix.Dup3(pair[0], number, unix.O_CLOEXEC))
				unix.Close(pair[0])
			}
			_, err = unix.Write(pair[1], []byte("220 ready"))
			b.must(err)
			unix.Close(pair[1])
		}))
	}
	said := make([]byte, 20)
	if n, err := unix.Read(s.feed.Descriptor(), said); string(said[:max(n, 0)]) != "220 ready" {
		t.Errorf("%q, %v was left of what another was told", said[:max(n, 0)], err)
	}
}

func TestAnotherPuddleForgets(t *testing.T) {
	b := newBench(t, time.Minute)
	_, far := b.keep(0, 2)
	b.keeps(2)
	b.serve(4713)
	b.keeps(0)
	b.eventually("the socket is closed", func() bool { return !open(far[0]) })
}

func TestNextSupervisorFindsIt(t *testing.T) {
	b := newBench(t, time.Minute)
	memory, err := unix.MemfdCreate("held", unix.MFD_CLOEXEC)
	b.must(err)
	_, err = unix.Write(memory, []byte("what is held"))
	b.must(err)
	b.must(b.master.Hold(5, 17, "/bin/porthouse", memory))
	unix.Close(memory)
	b.keep(0, 4)
	b.keeps(4)
	if _, err := Dial(b.path); err == nil {
		t.Fatal("two supervisors")
	}
	b.must(b.master.Close())
	b.eventually("another supervisor is let in", func() bool {
		b.master, err = Dial(b.path)
		return err == nil
	})
	inventory, fds, err := b.master.Inventory()
	b.must(err)
	if inventory.Slot != 5 || inventory.Generation != 17 || inventory.Executable != "/bin/porthouse" || inventory.Sockets != 4 || len(fds) != 1 {
		t.Fatalf("%+v, %d descriptors", inventory, len(fds))
	}
	text := make([]byte, 32)
	n, err := unix.Pread(fds[0], text, 0)
	if err != nil || string(text[:n]) != "what is held" {
		t.Errorf("%q, %v", text[:n], err)
	}

	ours, theirs := b.pair()
	b.must(b.master.PassSupervisor(theirs))
	unix.Close(theirs)
	defer unix.Close(ours)
	heard := 0
	b.eventually("the puddle hears of it", func() bool {
		b.must(b.link.Hear(func(w Word, fd int) {
			if w == NewSupervisor {
				heard++
			}
			unix.Close(fd)
		}))
		return heard == 1
	})
	if open(ours) {
		t.Error("the puddle's end is held by somebody else too")
	}
}

func TestKeeperEnds(t *testing.T) {
	t.Run("dismissed", func(t *testing.T) {
		b := newBench(t, time.Minute)
		_, far := b.keep(0, 2)
		b.keeps(2)
		b.must(b.master.Dismiss())
		if err := <-b.ended; err != nil {
			t.Error(err)
		}
		b.eventually("its sockets are closed", func() bool { return !open(far[0]) && !open(far[1]) })
		if err := b.link.Hear(func(Word, int) {}); !errors.Is(err, io.EOF) {
			t.Errorf("the puddle's link: %v", err)
		}
	})
	t.Run("alone for its lease", func(t *testing.T) {
		b := newBench(t, 50*time.Millisecond)
		_, far := b.keep(0, 1)
		b.must(b.master.Close())
		time.Sleep(200 * time.Millisecond)
		if !open(far[0]) {
			t.Fatal("it let go while its puddle was there")
		}
		b.must(b.link.Close())
		select {
		case err := <-b.ended:
			if err == nil {
				t.Error("the end of its lease is no error")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it holds its sockets for ever")
		}
		b.eventually("its socket is closed", func() bool { return !open(far[0]) })
	})
	t.Run("not by the signals that end a service", func(t *testing.T) {
		b := newBench(t, time.Minute)
		b.keep(0, 1)
		b.keeps(1) // it runs, and ignores them by now
		for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
			b.must(b.cmd.Process.Signal(signal))
		}
		time.Sleep(50 * time.Millisecond)
		b.keeps(1)
	})
}

// A keeper that may open no more files says so, keeps what it has and goes on.
func TestKeeperAtItsLimit(t *testing.T) {
	b := newBench(t, time.Minute)
	b.keep(0, 20)
	b.keeps(20)
	limit := unix.Rlimit{Cur: 30, Max: 30}
	b.must(unix.Prlimit(b.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil))
	_, far := b.keep(20, 50)
	b.eventually("the rest is let go", func() bool { return !open(far[49]) })
	n, err := b.master.Sockets()
	if err != nil || n < 20 || n >= 30 {
		t.Errorf("%d sockets, %v", n, err)
	}
	held := []Held{}
	for i := range uint32(70) {
		held = append(held, idOf(i))
	}
	_, err = b.link.Drop(held)
	b.must(err)
	b.keeps(0)
	b.keep(0, 5)
	b.keeps(5)
}
