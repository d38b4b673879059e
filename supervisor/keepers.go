package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/keeper"
)

// warden is a slot's keeper, as its supervisor sees it.
type warden struct {
	master *keeper.Master
	pid    int
}

// keeperFile is the socket, in the data folder, at which a new supervisor
// finds a slot's keeper.
func keeperFile(slot int) string { return fmt.Sprintf("keeper-%d.sock", slot) }

// openKeeper starts a keeper for a slot, and gives it what outlives puddles.
func (s *supervisor) openKeeper(slot *slot) error {
	ours, theirs, err := keeper.Pair()
	if err != nil {
		return fmt.Errorf("keeper %d: %w", slot.number, err)
	}
	end := os.NewFile(uintptr(theirs), "keeper")
	defer end.Close()
	master := keeper.NewMaster(ours)
	door, err := keeper.Listen(s.folder.file(keeperFile(slot.number)))
	if err != nil {
		master.Close()
		return fmt.Errorf("keeper %d: %w", slot.number, err)
	}
	listener := os.NewFile(uintptr(door), "keeper")
	defer listener.Close()
	cmd := exec.Command(s.config.Executable, keeper.Command, strconv.Itoa(slot.number))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.ExtraFiles = []*os.File{end, listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		master.Close()
		return fmt.Errorf("start keeper %d: %w", slot.number, err)
	}
	slot.warden = &warden{master, cmd.Process.Pid}
	go s.awaitKeeper(slot, slot.warden, func() { cmd.Wait() })
	end.Close() // before the keeper is asked, so that its death is seen
	if err := slot.holdAll(s); err != nil {
		return err
	}
	return nil
}

// holdAll gives the keeper the slot's memory, poke and listeners.
func (slot *slot) holdAll(s *supervisor) error {
	held := []int{slot.table.Descriptor(), slot.pokeFD}
	for _, d := range s.doors {
		held = append(held, d.listeners[slot.number])
	}
	return slot.warden.master.Hold(slot.number, slot.table.Generation(), s.config.Executable, held...)
}

// awaitKeeper tells the select of a keeper's end.
func (s *supervisor) awaitKeeper(slot *slot, w *warden, end func()) {
	end()
	s.inSelect(func() { s.keeperGone(slot, w) })
}

// keeperGone gives a slot another keeper: its puddle serves on, and gives it
// everything.
func (s *supervisor) keeperGone(slot *slot, w *warden) {
	if slot.warden != w || s.phase == phaseStopping {
		return
	}
	s.log.Warn("a keeper is gone: starting another", "puddle", slot.number, "pid", w.pid)
	w.master.Close()
	slot.warden = nil
	s.cancelHandover(slot, "its keeper ended")
	if err := s.openKeeper(slot); err != nil {
		s.log.Error("no keeper: sockets are lost if this puddle ends", "puddle", slot.number, "error", err)
		return
	}
	if slot.process == nil {
		return
	}
	ours, theirs, err := keeper.Pair()
	if err == nil {
		err = slot.warden.master.Serve(ours, slot.process.pid)
		unix.Close(ours)
	}
	if err != nil {
		s.log.Error("the keeper does not take a puddle", "puddle", slot.number, "error", err)
		return
	}
	s.say(slot, ipc.ToPuddle{Keeper: &ipc.Keeper{}}, theirs)
}

// dismissKeepers ends all keepers: the house stops.
func (s *supervisor) dismissKeepers() error {
	var errs []error
	for _, slot := range s.slots {
		errs = append(errs, s.dismissKeeper(slot))
	}
	return errors.Join(errs...)
}

func (s *supervisor) dismissKeeper(slot *slot) error {
	w := slot.warden
	if w == nil {
		return nil
	}
	slot.warden = nil
	var errs []error
	if err := w.master.Dismiss(); err != nil {
		errs = append(errs, err, syscall.Kill(w.pid, syscall.SIGKILL))
	}
	errs = append(errs, w.master.Close())
	if err := os.Remove(s.folder.file(keeperFile(slot.number))); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// equip makes what a fresh process is given over its link: all of it is the
// letter's. adopt: it is fed with what the keeper has.
func (s *supervisor) equip(slot *slot, adopt bool) (descriptors []int, link int, err error) {
	fail := func(err error) ([]int, int, error) {
		closeDescriptors(descriptors)
		if link > 0 {
			unix.Close(link)
		}
		return nil, -1, err
	}
	if slot.warden == nil && adopt {
		return fail(errors.New("there is no keeper"))
	}
	give := func(fd int) error {
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			descriptors = append(descriptors, copied)
		}
		return err
	}
	if err := errors.Join(give(slot.table.Descriptor()), give(slot.pokeFD)); err != nil {
		return fail(err)
	}
	ours, theirs, err := keeper.Pair()
	if err != nil {
		return fail(err)
	}
	link, descriptors = ours, append(descriptors, theirs)
	if adopt {
		feed, fed, err := keeper.Pair()
		if err != nil {
			return fail(err)
		}
		descriptors = append(descriptors, fed)
		err = slot.warden.master.Feed(feed)
		unix.Close(feed)
		if err != nil {
			return fail(err)
		}
	}
	for _, d := range s.doors {
		if err := give(d.listeners[slot.number]); err != nil {
			return fail(err)
		}
	}
	return descriptors, link, nil
}

// start starts a process for a slot and gives it what it needs. link is the
// keeper's end of its link, which the keeper is yet to be given.
func (s *supervisor) start(slot *slot, adopt bool) (p *process, link int, err error) {
	descriptors, link, err := s.equip(slot, adopt)
	if err != nil {
		return nil, -1, err
	}
	kept := 0
	if adopt {
		kept, _ = slot.warden.master.Sockets() // a hint
	}
	p, err = spawn(s.binary(slot), slot.number, s.reports, s.leave)
	if err != nil {
		closeDescriptors(append(descriptors, link))
		return nil, -1, err
	}
	p.closesAll = slot.blame.closeAll
	p.say(letter{descriptors: descriptors, word: ipc.ToPuddle{Start: &ipc.Start{
		Slot:     slot.number,
		Adopt:    adopt,
		Fetch:    kept,
		Settings: s.config.Settings,
		LogLevel: int(s.config.LogLevel),
		LogJSON:  s.config.LogJSON,
		Expel:    slot.blame.expel,
		CloseAll: slot.blame.closeAll,
	}}})
	p.say(letter{word: s.addresses()})
	return p, link, nil
}
