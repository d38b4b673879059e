package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor/book"
	"github.com/porthouse/porthouse/supervisor/console"
	"github.com/porthouse/porthouse/supervisor/credential"
)

// registryTime is how long a stop waits for the registry's last commit.
const registryTime = 5 * time.Second

// build makes everything that a house stands on, and no process. What it
// returns can be torn down, with an error or without.
func build(ctx context.Context, config Config) (s *supervisor, err error) {
	s = empty(config)
	if config.Puddles < 1 || config.Puddles > SlotsMost {
		return s, fmt.Errorf("%d puddles: 1 to %d", config.Puddles, SlotsMost)
	}
	if s.config.Executable == "" {
		if s.config.Executable, err = os.Executable(); err != nil {
			return s, fmt.Errorf("find the path of this binary, which puddles run: %w", err)
		}
	}
	for _, part := range []func(context.Context) error{
		s.buildFolder, s.buildStore, s.buildBook, s.buildDoors, s.buildSlots, s.buildFaces,
	} {
		if err := part(ctx); err != nil {
			return s, err
		}
	}
	return s, nil
}

// empty is a house with nothing in it.
func empty(config Config) *supervisor {
	s := &supervisor{
		config: config, log: config.Log, begun: time.Now(),
		tables: &tables{}, rooms: census{}, closings: closings{},
		handovers: newHandovers(), siblings: newSiblings(), callers: newCallers(config.Settings), moves: newMoves(), gather: newGathering(), claims: newClaims(), hits: newHits(), passes: newPasses(), changes: newChanges(),
		reports: make(chan report, SlotsMost), pokes: make(chan int), errands: make(chan errand),
		leave: make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.console = console.New()
	s.log = s.console.Hear(s.log)
	return s
}

func (s *supervisor) buildFolder(context.Context) (err error) {
	s.folder, err = openFolder(s.config.Data)
	return err
}

func (s *supervisor) buildStore(ctx context.Context) (err error) {
	if s.store, err = store.Open(ctx, s.folder.file(databaseFile)); err != nil {
		return err
	}
	if err := s.store.Sweep(ctx); err != nil { // a full disk is found out now
		return err
	}
	s.registry = newRegistry(s.store, s.log)
	return nil
}

// buildBook opens the book, and the directory with the rooms in it.
func (s *supervisor) buildBook(ctx context.Context) (err error) {
	if s.book, err = book.Open(ctx, s.store, s.config.Defaults, s.config.Ceilings); err != nil {
		return err
	}
	credentials, err := credential.New(s.config.Keys, clients{s.book, s.log})
	if err != nil {
		return err
	}
	credentials.HashApart(credential.Apart{Executable: s.config.Executable, Log: s.log})
	s.working.Go(func() {
		<-s.life.Done()
		credentials.Close()
	})
	s.verifier = credentials
	s.book.Hasher, s.book.Primary = credentials.Hash, s.config.Primary
	s.book.OnChange(s.heard)
	s.buildDirectory()
	return nil
}

func (s *supervisor) buildDirectory() {
	s.directory = newDirectory(s.config.Settings.Transient, s.book.Defaults(false))
	s.directory.tell, s.directory.note, s.directory.indexOf = s.tell, s.registry.note, s.rooms.index
	s.directory.present = func(slot int, index uint32, ref uint64) (table.Presence, bool) {
		if slot >= len(s.slots) {
			return table.Presence{}, false // it has retired
		}
		return s.slots[slot].table.Present(index, ref)
	}
	for _, room := range s.book.Rooms() {
		s.keep(room)
	}
}

func (s *supervisor) buildDoors(ctx context.Context) (err error) {
	if found := s.findKeepers(); len(found) > 0 {
		s.log.Info("taking over a house whose supervisor is gone", "puddles", len(found))
		return s.inherit(found)
	}
	s.doors, err = openDoors(ctx, s.config.Listen, s.config.Puddles)
	if err == nil && len(s.doors) == 0 {
		err = errors.New("no address to listen on: give --listen one")
	}
	return err
}

func (s *supervisor) buildSlots(context.Context) error {
	for number := len(s.slots); number < s.config.Puddles; number++ {
		slot, err := newSlot(number, s.config.Settings)
		if err != nil {
			return err
		}
		s.addSlot(slot)
	}
	s.inheritBinaries()
	s.enter(phaseStarting)
	return nil
}

func (s *supervisor) addSlot(slot *slot) {
	s.slots = append(s.slots, slot)
	s.tables.add(slot.table)
	go s.listen(slot)
}

// buildFaces opens what operators speak with.
func (s *supervisor) buildFaces(ctx context.Context) (err error) {
	if s.config.Admin != AdminOff {
		if s.admin, err = openAdmin(ctx, s.config.Admin, metrics(s, s.log), s.log); err != nil {
			return err
		}
	}
	s.control, err = openControl(s)
	return err
}

// tearDown takes everything away, the registry and the lock last. What fails
// in it is logged: the house is down all the same.
func (s *supervisor) tearDown() {
	select {
	case <-s.leave:
	default:
		close(s.leave)
	}
	s.end()
	s.working.Wait() // the database is not looked at any more
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.stopListening())
	}
	s.console.Close()
	if s.admin != nil {
		errs = append(errs, s.admin.close())
	}
	s.tables.shut()
	if s.again == "" {
		errs = append(errs, s.dismissKeepers())
	}
	closeDoors(s.doors)
	for _, slot := range s.slots {
		errs = append(errs, slot.poke.Close())
		<-slot.deaf // the table is not looked at any more
		errs = append(errs, slot.table.Close())
		s.registry.note(puddleGone(slot.number))
	}
	errs = append(errs, s.closeRegistry())
	if s.folder != nil {
		errs = append(errs, s.folder.release())
	}
	if err := errors.Join(errs...); err != nil {
		s.log.Warn("not all could be put away", "error", err)
	}
	if s.phase == phaseStopping {
		s.log.Info("the house is down", "was_up", time.Since(s.begun).Round(time.Millisecond).String())
	}
	if s.control != nil {
		s.control.letGo()
	}
}

func (s *supervisor) closeRegistry() (err error) {
	if s.registry != nil {
		ctx, cancel := context.WithTimeout(context.Background(), registryTime)
		defer cancel()
		err = s.registry.close(ctx)
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

func closeDescriptors(descriptors []int) {
	for _, fd := range descriptors {
		unix.Close(fd)
	}
}
