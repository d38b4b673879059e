package credential

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Apart is how passwords are hashed in a process of its own, which takes only
// the time that nobody else wants.
type Apart struct {
	Executable string        // whose HashCommand calls Burn
	Log        *slog.Logger  // nil: none
	Rest       time.Duration // after which a process that nobody needs ends; 0: 60 s
	Patience   time.Duration // with one that gets no time; 0: 2 s
}

const (
	defaultRest     = time.Minute
	defaultPatience = 2 * time.Second
	burnerPause     = time.Second // from the failure of a burner to the next one
)

// burners makes keys: in the burner, which is started when it is needed, or
// where there is none, in this process.
type burners struct {
	mu      sync.Mutex
	apart   Apart // Executable "": no burner
	workers int
	burner  *burner   // nil: none
	failed  time.Time // when the last one did
	warned  bool
}

// HashApart has passwords hashed in a process of its own from now on. Close
// ends it.
func (v *Verifier) HashApart(apart Apart) {
	if apart.Log == nil {
		apart.Log = slog.New(slog.DiscardHandler)
	}
	if apart.Rest <= 0 {
		apart.Rest = defaultRest
	}
	if apart.Patience <= 0 {
		apart.Patience = defaultPatience
	}
	v.burners.mu.Lock()
	defer v.burners.mu.Unlock()
	v.burners.apart = apart
}

// Close ends the process that hashes, at once. What is still to be verified is
// hashed in this one.
func (v *Verifier) Close() {
	if b := v.burners.close(); b != nil {
		b.command.Process.Kill()
		<-b.gone
	}
}

// key makes a key. It never fails, whatever becomes of the burner.
func (s *burners) key(j job) []byte {
	b := s.lend()
	if b == nil {
		return j.key()
	}
	key, err := b.key(j, s.patience())
	s.takeBack(b, err)
	if err != nil {
		return j.key()
	}
	return key
}

func (s *burners) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apart.Patience
}

// lend starts a burner where there is none. nil: there is none to be had.
func (s *burners) lend() *burner {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.burner != nil && s.burner.over() {
		s.fail(s.burner, errBurnerGone)
	}
	if s.burner == nil {
		s.start()
	}
	if s.burner != nil {
		s.burner.users++
		s.burner.rest.Stop()
	}
	return s.burner
}

func (s *burners) start() {
	if s.apart.Executable == "" || time.Since(s.failed) < burnerPause {
		return
	}
	b, err := startBurner(s.apart.Executable, s.workers)
	if err != nil {
		s.fail(nil, err)
		return
	}
	b.rest = time.AfterFunc(s.apart.Rest, func() { s.retire(b) })
	s.burner = b
}

// takeBack ends what lend began, and drops a burner that failed. One that was
// late only is kept: it is not its fault.
func (s *burners) takeBack(b *burner, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errBurnerLate) {
		s.warn(err)
	} else if err != nil {
		s.fail(b, err)
	}
	if b.users--; b.users > 0 {
		return
	}
	if b == s.burner {
		b.rest.Reset(s.apart.Rest)
	} else {
		b.end()
	}
}

// retire ends a burner that nobody needed for long.
func (s *burners) retire(b *burner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.burner == b && b.users == 0 {
		s.burner = nil
		b.end()
	}
}

// resize has another burner started where it is to do another number of jobs
// at once.
func (s *burners) resize(workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.burner; b != nil && workers != s.workers {
		s.burner = nil
		if b.users == 0 {
			b.end()
		}
	}
	s.workers = workers
}

func (s *burners) close() *burner {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.burner
	s.burner, s.apart.Executable = nil, ""
	return b
}

// fail counts a burner as failed, and drops it if it is still the one.
func (s *burners) fail(b *burner, err error) {
	if b != s.burner || s.apart.Executable == "" { // known, or meant
		return
	}
	if b != nil {
		b.rest.Stop()
		b.end()
	}
	s.burner, s.failed = nil, time.Now()
	s.warn(err)
}

// warn says once that logins burn what puddles need.
func (s *burners) warn(err error) {
	if !s.warned {
		s.warned = true
		s.apart.Log.Warn("passwords are hashed in the supervisor, which slows messages down", "reason", err)
	}
}
