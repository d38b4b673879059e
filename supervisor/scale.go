package supervisor

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// The number of puddles, changed while the house is up. A slot that is to go
// retires: no new connection is steered to it, its sockets move to the others,
// and it ends when its last one has gone. Slots go from the end, so that a slot's number is its
// listeners' place in their group.

// retireRest is how long a retiring slot must have been empty: a connection
// that was steered to it before may still be on its way through the kernel.
const retireRest = 2 * time.Second

// scale makes so many puddles serve new connections.
func (s *supervisor) scale(puddles int) error {
	switch {
	case s.phase != phaseUp:
		return fmt.Errorf("the house is %s", phaseNames[s.phase])
	case s.reloading != nil:
		return fmt.Errorf("a hand-over is under way: try again when it is over")
	case puddles < 1 || puddles > SlotsMost:
		return fmt.Errorf("%d puddles: 1 to %d", puddles, SlotsMost)
	}
	was := s.config.Puddles
	for len(s.slots) < puddles {
		if err := s.grow(); err != nil {
			return err
		}
	}
	for _, slot := range s.slots {
		slot.retires, slot.emptySince = slot.number >= puddles, time.Time{}
	}
	s.config.Puddles = puddles
	s.moves.evens = puddles > was
	if err := s.steer(); err != nil {
		return err
	}
	s.log.Info("scaled", "puddles", puddles, "were", was)
	return nil
}

// grow adds a slot, with a listener more behind each door.
func (s *supervisor) grow() error {
	number := len(s.slots)
	for _, d := range s.doors {
		fd, err := listenOn(d.address, true)
		if err != nil {
			return fmt.Errorf("one more listener at %s: %w", d.address, err)
		}
		d.listeners = append(d.listeners, fd)
	}
	slot, err := newSlot(number, s.config.Settings)
	if err != nil {
		return err
	}
	slot.table.SetHouse(phaseWords[s.phase])
	s.addSlot(slot)
	s.happen(slot, due)
	return nil
}

// steer has the kernel give new connections to the slots that do not retire,
// each as likely as the others (SO_ATTACH_REUSEPORT_CBPF, socket(7)).
func (s *supervisor) steer() error {
	const random = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(s.config.Puddles)},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	for _, d := range s.doors {
		if err := unix.SetsockoptSockFprog(d.listeners[0], unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &filter); err != nil {
			return fmt.Errorf("steer connections at %s: %w", d.address, err)
		}
	}
	return nil
}

// retire ends, every second, the last slot if it retires and has been empty
// for long enough.
func (s *supervisor) retire() {
	last := s.slots[len(s.slots)-1]
	switch {
	case !last.retires || s.phase != phaseUp || s.reloading != nil || s.handover != nil || s.moves.now != nil:
	case last.state == down:
		s.shrink(last)
	case last.state == stopping:
	case last.occupied() || last.orphans:
		last.emptySince = time.Time{}
	case last.emptySince.IsZero():
		last.emptySince = time.Now()
	case time.Since(last.emptySince) >= retireRest:
		s.log.Info("a retired puddle is empty and ends", "puddle", last.number)
		s.drain = time.Second
		s.happen(last, stop)
	}
}

func (slot *slot) occupied() bool {
	for state := schema.Handshake; state < schema.States; state++ {
		if slot.table.Count(table.StateGauge+table.Counter(state)) > 0 {
			return true
		}
	}
	return false
}

// shrink takes a slot away that has no process any more.
func (s *supervisor) shrink(last *slot) {
	for _, d := range s.doors {
		unix.Close(d.listeners[last.number])
		d.listeners = d.listeners[:last.number]
	}
	s.dismissKeeper(last)
	s.slots = s.slots[:last.number]
	s.tables.drop(last.number)
	last.poke.Close()
	go func() {
		<-last.deaf // the table is not looked at any more
		last.table.Close()
	}()
	s.registry.note(puddleGone(last.number))
}
