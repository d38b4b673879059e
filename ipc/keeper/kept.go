package keeper

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// kept is what the keeper has of one entry of the table.
type kept struct {
	id  schema.SequenceID // 0: nothing
	fd  int32
	due bool // the feed must hear of it
}

// sheet is a stretch of entries: that they grow by sheets leaves no garbage,
// which would be most of what a keeper is.
type sheet struct {
	kept [sheetSize]kept
	fed  *[sheetSize]schema.SequenceID // what the feed was told, 0: nothing; nil without a feed
}

const sheetSize = 1 << 9

// at is an entry, which must be among k.size.
func (k *keeper) at(index uint32) *kept { return &k.sheets[index/sheetSize].kept[index%sheetSize] }

// fed is what the feed was told of an entry. There must be a feed.
func (k *keeper) fed(index uint32) *schema.SequenceID {
	s := k.sheets[index/sheetSize]
	if s.fed == nil {
		s.fed = new([sheetSize]schema.SequenceID)
	}
	return &s.fed[index%sheetSize]
}

// size is how many entries there are.
func (k *keeper) size() uint32 { return uint32(len(k.sheets)) * sheetSize }

// keep takes in a descriptor.
func (k *keeper) keep(h Held, fd int32) {
	if h.Index >= indexMost {
		unix.Close(int(fd))
		return
	}
	for h.Index >= k.size() {
		k.sheets = append(k.sheets, new(sheet))
	}
	e := k.at(h.Index)
	if e.id != 0 { // its drop was lost
		unix.Close(int(e.fd))
		k.count--
	}
	e.id, e.fd = h.ID, fd
	k.count++
	k.owe(h.Index)
}

// drop closes a descriptor.
func (k *keeper) drop(h Held) {
	if h.Index >= k.size() || h.ID == 0 || k.at(h.Index).id != h.ID {
		return
	}
	e := k.at(h.Index)
	unix.Close(int(e.fd))
	e.id = 0
	k.count--
	k.owe(h.Index)
}

// dropAll closes everything.
func (k *keeper) dropAll() {
	for index := range k.size() {
		k.drop(Held{index, k.at(index).id})
	}
}

// puddle is a process that serves the slot, or did.
type puddle struct {
	fd   int // -1: its link is at its end
	pid  uint64
	said bool // End
}

func (p *puddle) linked() bool { return p != nil && p.fd >= 0 }

// ended tells whether it gives and drops no more.
func (p *puddle) ended() bool { return p != nil && (p.fd < 0 || p.said) }

// serve has another puddle give and drop from now on.
func (k *keeper) serve(fd int, pid uint64) {
	if k.serving.linked() {
		k.former = append(k.former, k.serving)
	}
	k.serving = &puddle{fd: fd, pid: pid}
	k.watch(fd, unix.EPOLLIN)
}

func (k *keeper) hearFormer(fd int) {
	rest := k.former[:0]
	for _, p := range k.former {
		if p.fd == fd {
			k.hearPuddle(p)
		}
		if p.linked() {
			rest = append(rest, p)
		}
	}
	k.former = rest
}

// hearPuddle takes in what a puddle gives and drops. After its End it has no
// say any more.
func (k *keeper) hearPuddle(p *puddle) {
	for {
		err := k.in.receive(p.fd)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			k.complain("a puddle's link ended", err)
			k.letGo(p.fd)
			p.fd = -1
			return
		}
		k.obeyPuddle(p)
		k.in.close()
	}
}

func (k *keeper) obeyPuddle(p *puddle) {
	body, fds := k.in.body, k.in.fds
	switch {
	case p.said || p != k.serving:
	case k.in.what == opEnd:
		p.said = true
	case k.in.what == opDrop:
		for len(body) >= heldBytes {
			var h Held
			h, body = takeHeld(body)
			k.drop(h)
		}
	case k.in.what == opKeep:
		if k.in.lost {
			k.lost += len(body)/heldBytes - len(fds)
			k.complain("at the limit of open files: some sockets are lost if the puddle ends", unix.EMFILE)
		}
		for n := 0; len(body) >= heldBytes && n < len(fds); n++ {
			var h Held
			h, body = takeHeld(body)
			k.keep(h, fds[n])
		}
		k.in.fds = fds[:0]
	}
}
