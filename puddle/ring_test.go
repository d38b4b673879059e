package puddle

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// A ring does what so many calls would have done.
func TestRingSends(t *testing.T) {
	r, err := newRing()
	if err != nil {
		t.Skip(err)
	}
	for _, sends := range []int{1, ringSends - 1, ringSends, 3} {
		var pairs [][2]int
		for range sends {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			Check(t, err)
			pairs = append(pairs, pair)
		}
		closed := sends / 2
		unix.Close(pairs[closed][1])
		text := bytes.Repeat([]byte("hello "), 1000)
		for n, pair := range pairs {
			r.add(uint32(n), int32(pair[0]), text)
		}
		if n := r.submit(); n != sends {
			t.Fatalf("%d of %d sends", n, sends)
		}
		for n, pair := range pairs {
			taken, errno := r.result(n)
			switch {
			case r.members[n] != uint32(n):
				t.Errorf("send %d is of member %d", n, r.members[n])
			case n == closed:
				if errno != unix.EPIPE {
					t.Errorf("to a closed one: %d, %v", taken, errno)
				}
			case taken != len(text) || errno != 0:
				t.Errorf("send %d took %d bytes, %v", n, taken, errno)
			default:
				heard := make([]byte, len(text)+1)
				if k, err := unix.Read(pair[1], heard); err != nil || !bytes.Equal(heard[:k], text) {
					t.Errorf("send %d: heard %d bytes, %v", n, k, err)
				}
				unix.Close(pair[1])
			}
			unix.Close(pair[0])
		}
	}
}

// A send to who takes no more comes back, and nothing waits for it.
func TestRingDoesNotWait(t *testing.T) {
	r, err := newRing()
	if err != nil {
		t.Skip(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	Check(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	text, last := make([]byte, 1<<16), syscall.Errno(0)
	for range 100 {
		r.add(0, int32(pair[0]), text)
		r.submit()
		if _, last = r.result(0); last != 0 {
			break
		}
	}
	if last != unix.EAGAIN {
		t.Errorf("a full socket: %v", last)
	}
}

// Everybody in a large room hears everything once, in order: those in step, who
// speak themselves, who read slowly, and who come and go; with a ring and
// without.
func TestManyHear(t *testing.T) {
	for _, ring := range []bool{true, false} {
		t.Run(fmt.Sprintf("ring %v", ring), func(t *testing.T) {
			h := newHouse(t, 1, func(s *schema.Settings) { s.Ring = ring })
			var all []*Client
			for range 140 {
				all = append(all, Join(t, h.address[0], "/chat"))
			}
			for range 10 {
				all = append(all, JoinNarrow(t, h.address[0], "/chat", 64<<10))
			}
			slow := all[len(all)-10:]
			const rounds = 60
			filler := string(bytes.Repeat([]byte("."), 6000))
			for n := range rounds {
				all[n].Text(fmt.Sprint(n, filler))
				if n%10 == 5 {
					Join(t, h.address[0], "/chat").Close()
				}
				for m, c := range all[:len(all)-10] {
					if m != n {
						c.Hears(OpText, fmt.Sprint(n, filler))
					}
				}
			}
			time.Sleep(10 * time.Millisecond)
			for _, c := range slow {
				for n := range rounds {
					c.Hears(OpText, fmt.Sprint(n, filler))
				}
			}
		})
	}
}
