// Package supervisor stands a house up and keeps it: it makes the listeners,
// starts, watches and replaces puddles, is the only writer of the registry,
// answers puddles' questions about rooms and credentials, the control socket
// and the admin address. It serves no socket.
// One select owns all of its state; policy.go says what happens to a puddle.
package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/porthouse/porthouse/ipc/heap"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
	"github.com/porthouse/porthouse/supervisor/book"
	"github.com/porthouse/porthouse/supervisor/console"
	"github.com/porthouse/porthouse/supervisor/credential"
)

// SlotsMost is how many puddles a house can have.
const SlotsMost = table.Slots

// garbagePercent is Go's: memory counts for more here than time.
const (
	garbagePercent = 50
	garbageRoom    = 8 << 20
)

// AdminOff is the admin address of a house without one.
const AdminOff = "off"

// Config is what a house is.
type Config struct {
	Listen   []string // addresses of the shared port; CheckListen tells their form
	Puddles  int      // 1 to SlotsMost
	Data     string   // the data folder
	Admin    string   // address of the metrics, or AdminOff
	Settings schema.Settings
	Primary  string          // the primary host, lowercase; "": every host is
	Defaults schema.Said     // of rules (--defaults)
	Ceilings schema.Ceilings // of rules
	Keys     credential.Config
	Drain    time.Duration // how long a stop waits for sockets to end
	Version  string

	Log      *slog.Logger
	LogLevel slog.Level // of the puddles
	LogJSON  bool       // of the puddles; text otherwise

	Gather     int                    // rooms of so many members live in one puddle; 0: they may be anywhere
	Unkept     bool                   // no keepers: sockets end with their puddle, reloads are refused
	Executable string                 // what puddles run; "": this binary
	Signals    <-chan os.Signal       // those the house acts on; nil: none
	Reread     func() (Config, error) // the configuration as it is now, for a reload; nil: it cannot change
	Up         func(Front)            // called once the house is up; may be nil
}

// Front is where a house can be reached.
type Front struct {
	Listen []string
	Admin  string // "" where there is none
	Data   string
}

// phase is where the house stands.
type phase uint8

const (
	phaseStarting phase = iota
	phaseUp
	phaseStopping
)

var phaseNames = [...]string{"starting", "up", "stopping"}

var phaseWords = [...]table.House{table.Starting, table.Up, table.Stopping}

// supervisor is a house. All of it is the select's, but for config, which
// never changes, and what says so.
type supervisor struct {
	config Config
	log    *slog.Logger
	begun  time.Time
	phase  phase
	failed error         // why it could not start
	drain  time.Duration // of the stop under way

	folder    *folder
	store     *store.Store
	registry  *registry // locks itself
	doors     []*door
	tables    *tables // locks itself
	slots     []*slot
	rooms     census
	handover  *handover // of the reload under way
	moves     moves
	gather    gathering
	reloading *reload
	handovers *handovers // may be used from everywhere
	wanted    int        // puddles, where others were taken over; 0: as many as there are
	again     string     // the binary to become, once all is handed over
	count     roomCount  // atomic: how many rooms, for the metrics
	rest      heap.Rest
	told      uint64 // how often there was news of a puddle
	closings  closings

	book      *book.Book // locks itself
	verifier  verifier   // may be used from everywhere
	directory *directory
	siblings  *siblings
	callers   *callers
	claims    *claims
	hits      *hits
	passes    *passes  // locks itself
	changes   *changes // locks itself

	life    context.Context // of what runs beside the select
	end     context.CancelFunc
	working sync.WaitGroup

	admin   *admin
	console *console.Console
	control *control

	reports chan report
	pokes   chan int // slots with news
	errands chan errand
	leave   chan struct{} // closed when the select is over
}

// errand is something that another goroutine wants done by the select.
type errand struct {
	do   func()
	done chan struct{}
}

// Run stands a house up and returns when it has stopped: nil if it was asked
// to, by ctx, a signal or the control socket.
func Run(ctx context.Context, config Config) error {
	heap.Room(garbageRoom, garbagePercent)
	signal.Ignore(syscall.SIGPIPE) // who reads the log may go
	s, err := build(ctx, config)
	if err == nil {
		s.warn()
		err = s.run(ctx)
	}
	s.tearDown()
	if err == nil && s.again != "" {
		return become(s.again, s.bequeath(), config.Signals)
	}
	return err
}

// warn logs what of this machine stands in a house's way.
func (s *supervisor) warn() {
	for _, f := range Limits(s.config) {
		if f.Verdict != OK {
			s.log.Warn(f.Subject+": "+f.Found, "change", f.Change)
		}
	}
}

// run is the select.
func (s *supervisor) run(ctx context.Context) error {
	for _, slot := range s.slots {
		if slot.process == nil {
			s.happen(slot, due)
		}
	}
	s.linkAll()
	s.upIfReady()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for !s.over() {
		timer := s.nextTimer()
		select {
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx)
			s.log.Info("the house stops: its context ended")
			s.stop(s.config.Drain)
		case received := <-s.config.Signals:
			s.signal(received)
		case r := <-s.reports:
			s.reported(r)
		case n := <-s.pokes:
			if s.told++; n < len(s.slots) {
				s.follow(s.slots[n])
			}
		case <-s.changes.wake:
			s.takeChanges()
		case e := <-s.errands:
			s.takeChanges() // an errand may come from who made them
			e.do()
			close(e.done)
		case <-timer:
			s.timers()
		case <-second.C:
			s.watch()
			s.watchHandover()
			s.retire()
			s.watchMove()
			s.expire()
			s.rest.Second(s.told)
		}
	}
	close(s.leave)
	return s.failed
}

// inSelect runs do in the select, from another goroutine; false: it is over.
func (s *supervisor) inSelect(do func()) bool {
	e := errand{do, make(chan struct{})}
	select {
	case s.errands <- e:
		<-e.done
		return true
	case <-s.leave:
		return false
	}
}

func (s *supervisor) over() bool {
	if s.again != "" {
		return true
	}
	if s.phase != phaseStopping {
		return false
	}
	for _, slot := range s.slots {
		if slot.state != down {
			return false
		}
	}
	return true
}

// enter tells every puddle, by its table, what the house does now.
func (s *supervisor) enter(p phase) {
	s.phase = p
	for _, slot := range s.slots {
		slot.table.SetHouse(phaseWords[p])
	}
}

// upIfReady ends the start once every puddle serves.
func (s *supervisor) upIfReady() {
	if s.phase != phaseStarting {
		return
	}
	for _, slot := range s.slots {
		if slot.state != serving {
			return
		}
	}
	s.enter(phaseUp)
	front := s.front()
	s.log.Info("the house is up", "listen", front.Listen, "admin", cmp.Or(front.Admin, AdminOff), "data", front.Data,
		"puddles", len(s.slots), "pid", os.Getpid(), "took", time.Since(s.begun).Round(time.Millisecond).String())
	if s.config.Up != nil {
		s.config.Up(front)
	}
	if s.wanted != 0 {
		if err := s.scale(s.wanted); err != nil {
			s.log.Error("scale failed", "reason", err)
		}
	}
}

func (s *supervisor) front() Front {
	f := Front{Data: s.folder.path, Listen: []string{}}
	for _, d := range s.doors {
		f.Listen = append(f.Listen, d.address.String())
	}
	if s.admin != nil {
		f.Admin = s.admin.address
	}
	return f
}

// stop asks every puddle to end within drain.
func (s *supervisor) stop(drain time.Duration) {
	if s.phase == phaseStopping {
		return
	}
	if s.handover != nil {
		s.cancelHandover(s.handover.slot, "the house stops")
	}
	s.endReload("the house stops")
	s.enter(phaseStopping) // /-/ready is 503 from here on
	s.drain = drain
	for _, slot := range s.slots {
		s.happen(slot, stop)
	}
}

// stopAtOnce ends every puddle now.
func (s *supervisor) stopAtOnce() {
	s.stop(0)
	for _, slot := range s.slots {
		s.happen(slot, overdue)
	}
}

// fail ends a start that came to nothing.
func (s *supervisor) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
	s.stopAtOnce()
}

func (s *supervisor) signal(received os.Signal) {
	switch received {
	case syscall.SIGINT, syscall.SIGTERM:
		if s.phase == phaseStopping {
			if received == syscall.SIGINT {
				s.log.Info("the house stops at once", "signal", received.String())
				s.stopAtOnce()
			}
			return
		}
		s.log.Info("the house stops", "signal", received.String(), "drain", s.config.Drain.String())
		s.stop(s.config.Drain)
	case syscall.SIGQUIT:
		s.log.Info("the house stops at once", "signal", received.String())
		s.stopAtOnce()
	case syscall.SIGHUP:
		s.reloadBySignal(false)
	case syscall.SIGTTIN, syscall.SIGTTOU:
		s.scaleBySignal(received == syscall.SIGTTIN)
	case syscall.SIGUSR2:
		s.reloadBySignal(true)
	default:
		s.log.Warn(fmt.Sprintf("%s does nothing", received))
	}
}
