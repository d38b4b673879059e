package keeper

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// owe has the feed hear of an entry.
func (k *keeper) owe(index uint32) {
	if k.feed < 0 {
		return
	}
	if e := k.at(index); !e.due && e.id != *k.fed(index) {
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
	for index := range k.size() {
		k.owe(index)
	}
}

func (k *keeper) endFeed() {
	if k.feed < 0 {
		return
	}
	k.letGo(k.feed)
	k.feed, k.due, k.full = -1, nil, false
	for index := range k.size() {
		k.at(index).due = false
	}
	for _, s := range k.sheets {
		s.fed = nil
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
		k.at(index).due = false
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
		switch e, fed := k.at(index), *k.fed(index); {
		case e.id == fed:
		case what == opDrop && fed != 0:
			k.out.held(Held{index, fed})
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
		e, fed := k.at(index), k.fed(index)
		switch {
		case what == opKeep:
			*fed = e.id
		case *fed != e.id:
			*fed = 0
		}
	}
	return nil
}
