package puddle

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/schema"
)

// What a successor fetches while another serves: the descriptors, from the
// keeper.

// succession is what a successor has before it serves.
type succession struct {
	feed    *keeper.Feed // nil: it serves
	fetched []fetched    // beside table.Sockets
	count   int
	came    int                 // of them and of those that are gone again
	expect  int                 // about so many come at once
	before  int                 // came, a second ago
	told    bool                // Fetched was said
	rooms   map[uint32]readRoom // before the table is ours
	words   []heardWord         // of the supervisor, for when it serves
	lost    []string

	expel     schema.SequenceID // ipc.Start.Expel
	closesAll bool
}

// heardWord is a word with its descriptors.
type heardWord struct {
	word        ipc.ToPuddle
	descriptors []int
}

// fetched is a descriptor and the sequence that it is of.
type fetched struct {
	id schema.SequenceID
	fd int32
}

// onFeed takes descriptors in, and the table over when all have come.
func (p *Puddle) onFeed() {
	su := &p.succession
	if su.feed == nil {
		return
	}
	err := su.feed.Hear(p.fetch, p.unfetch, func(int) { p.adopt() })
	switch {
	case su.feed == nil:
	case err != nil:
		p.log.Error("the keeper feeds no more", "error", err)
		os.Exit(1)
	case su.came >= su.expect-su.expect/64:
		p.sayFetched()
	}
}

// sayFetched says, once, that nearly all has come: the one before may freeze.
func (p *Puddle) sayFetched() {
	if su := &p.succession; !su.told {
		su.told = true
		p.readRooms()
		p.say(ipc.FromPuddle{Fetched: &ipc.Fetched{Sockets: su.count}})
	}
}

const (
	restTime = 50 * time.Millisecond // nothing has come for so long: no more is waited for
	fewHeld  = 64                    // descriptors come so fast that a feed which has not begun is none
)

// awaitRest notices soon that no more comes though more was expected.
func (p *Puddle) awaitRest() {
	su := &p.succession
	before := su.came
	time.AfterFunc(restTime, func() {
		p.box.call(func() {
			switch {
			case su.feed == nil || su.told:
			case su.came == before && (su.came > 0 || su.expect <= fewHeld):
				p.sayFetched()
			default:
				p.awaitRest()
			}
		})
	})
}

// fetchedAll notices, every second, that no more comes though more was
// expected: they were closed meanwhile.
func (p *Puddle) fetchedAll() {
	su := &p.succession
	if su.came == su.before {
		p.sayFetched()
	}
	su.before = su.came
}

func (p *Puddle) fetch(h keeper.Held, fd int) {
	su := &p.succession
	for int(h.Index) >= len(su.fetched) {
		su.fetched = append(su.fetched, fetched{fd: -1})
	}
	p.unfetch(keeper.Held{Index: h.Index, ID: su.fetched[h.Index].id})
	su.fetched[h.Index] = fetched{h.ID, int32(fd)}
	su.count++
	su.came++
	p.makeHand(h.Index)
	p.poll.addSocket(int32(fd), h.Index, uint64(h.ID), unix.EPOLLIN)
}

func (p *Puddle) unfetch(h keeper.Held) {
	su := &p.succession
	if h.ID == 0 || int(h.Index) >= len(su.fetched) || su.fetched[h.Index].id != h.ID {
		return
	}
	p.poll.dropSocket(su.fetched[h.Index].fd)
	unix.Close(int(su.fetched[h.Index].fd))
	su.fetched[h.Index] = fetched{fd: -1}
	su.count--
}
