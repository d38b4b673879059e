package keeper

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// owe has the feed hear of an entry.
func (k *keeper) owe(index uint32) {
	if e := &k.all[index]; k.feed >= 0 && !e.due && e.id != e.fed {
		e.due = true
		k.due = append(k.due, index)
	}
}

// beginFeed feeds everything from the start.
func (k *keeper) beginFeed(fd int) {
	k.endFeed()
	k.feed, k.fedEnd = fd, false
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, feedBuffer)
	k.watch(fd, 0)
	for index := range k.all {
		k.owe(uint32(index))
	}
}

func (k *keeper) endFeed() {
	if k.feed < 0 {
		return
	}
	k.letGo(k.feed)
	k.feed, k.due, k.full = -1, nil, false
	for index := range k.all {
		k.all[index].fed, k.all[index].due = 0, false
	}
}

// pump tells the feed what it must hear, as far as the kernel takes it, and
// the end once the puddle before it has ended.
func (k *keeper) pump() {
	for k.feed >= 0 && len(k.due) > 0 {
		if err := k.feedSome(); err != nil {
			k.hold(err)
			return
		}
	}
	if k.full {
		k.full = false
		k.change(k.feed, 0)
	}
	if k.feed < 0 || k.fedEnd || !k.serving.ended() {
		return
	}
	k.out.begin(opEnded)
	k.out.body = binary.LittleEndian.AppendUint32(k.out.body, uint32(k.count))
	if err := k.out.send(k.feed); err != nil {
		k.hold(err)
		return
	}
	k.fedEnd = true
}

// hold waits until the feed takes more.
func (k *keeper) hold(err error) {
	switch stuckBy(err) {
	case full:
		k.full = true
		k.change(k.feed, unix.EPOLLOUT)
	case crowded:
		k.crowded = true
		k.change(k.feed, 0)
	default:
		k.complain("a successor's feed ended", err)
		k.endFeed()
	}
}

// feedSome tells the feed of as many entries as one message of each kind takes:
// what is gone first.
func (k *keeper) feedSome() error {
	some := k.due[:min(len(k.due), descriptorsMost)]
	if err := k.feedEach(some, opDrop); err != nil {
		return err
	}
	if err := k.feedEach(some, opKeep); err != nil {
		return err
	}
	for _, index := range some {
		k.all[index].due = false
	}
	if k.due = k.due[len(some):]; len(k.due) == 0 {
		k.due = nil
	}
	return nil
}

// feedEach sends one message of what is to be said of some entries.
func (k *keeper) feedEach(some []uint32, what op) error {
	k.out.begin(what)
	for _, index := range some {
		switch e := &k.all[index]; {
		case e.id == e.fed:
		case what == opDrop && e.fed != 0:
			k.out.held(Held{index, e.fed})
		case what == opKeep && e.id != 0:
			k.out.held(Held{index, e.id})
			k.out.descriptor(e.fd)
		}
	}
	if len(k.out.body) == 1 {
		return nil
	}
	if err := k.out.send(k.feed); err != nil {
		return err
	}
	for _, index := range some {
		e := &k.all[index]
		switch {
		case what == opKeep:
			e.fed = e.id
		case e.fed != e.id:
			e.fed = 0
		}
	}
	return nil
}
