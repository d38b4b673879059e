package supervisor

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

const (
	groupWindow = 5 * time.Millisecond   // from a first change to its commit
	crowdWindow = 100 * time.Millisecond // the same while a crowd comes or goes
	crowdRows   = 64                     // a commit of more rows is a crowd's
	chunkRows   = 2048                   // of one commit, so that it stays short
	retryFirst  = 10 * time.Millisecond
	retryMost   = time.Second
)

// registry projects what lives in the house into the database, behind the
// event: note merges changes into pending ones, one goroutine commits them in
// groups. A pending change stays where it is until a commit has succeeded
// with it, so a failed commit has nothing to undo.
//
// What is kept in memory is what a live sequence needs (its slot and rooms,
// to know which rows there are) and what differs from that, by key.
type registry struct {
	st  *store.Store
	log *slog.Logger

	wake    chan struct{}
	closing chan struct{} // commit what is pending, then stop
	abandon chan struct{} // stop as it is
	stopped chan struct{}

	mu         sync.Mutex
	closed     bool
	queue      *list.List // of entry, the oldest change first
	flight     []entry    // in the commit under way, the oldest first
	sequences  map[schema.SequenceID]*sequenceEntry
	most       int                                // of sequences, since it was made
	held       map[schema.SequenceID]heldSequence // the rows there are
	attendance finder                             // by room, what is true now
	clients    finder                             // by client, likewise
	puddles    *rowTable[int, store.Puddle]
	rooms      *rowTable[string, store.Room]
	lastErr    error // of the last attempt

	// of the goroutine alone
	swept        bool
	crowd        bool          // the last commit was a crowd's
	backoff      time.Duration // 0 after a success
	retryAt      time.Time
	troubleSince time.Time
	troubles     map[string]bool // kinds that were logged since
}

// newRegistry starts the goroutine that from now on is the only writer of the
// live tables. The first thing it commits is a sweep of them: whoever is
// still there (puddles that outlived their supervisor) is to be noted again.
func newRegistry(st *store.Store, log *slog.Logger) *registry {
	r := emptyRegistry(st, log)
	go r.run()
	return r
}

func emptyRegistry(st *store.Store, log *slog.Logger) *registry {
	return &registry{
		st:         st,
		log:        log,
		wake:       make(chan struct{}, 1),
		closing:    make(chan struct{}),
		abandon:    make(chan struct{}),
		stopped:    make(chan struct{}),
		queue:      list.New(),
		sequences:  make(map[schema.SequenceID]*sequenceEntry),
		held:       make(map[schema.SequenceID]heldSequence),
		attendance: make(finder),
		clients:    make(finder),
		puddles:    newRowTable(putPuddle),
		rooms:      newRowTable(putRoom),
		troubles:   make(map[string]bool),
	}
}

// note takes changes, in the order in which they happened. It never waits
// for the database; any goroutine may call it. After close it does nothing.
func (r *registry) note(changes ...change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	idle := r.queue.Len() == 0
	for _, c := range changes {
		c.merge(r)
	}
	if idle && r.queue.Len() > 0 {
		select {
		case r.wake <- struct{}{}:
		default: // woken already
		}
	}
}

// lag is the age of the oldest change that is not committed, 0 if none is.
func (r *registry) lag() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest, pending := r.oldest()
	if !pending {
		return 0
	}
	return time.Since(oldest)
}

// close commits what is pending and stops. Should ctx end first, the commit
// under way is the last, and the error tells how much was left and why.
func (r *registry) close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.closing)
	}
	r.mu.Unlock()
	select {
	case <-r.stopped:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.abandoned() {
		close(r.abandon)
	}
	left := r.queue.Len() + len(r.flight)
	if r.lastErr == nil {
		return fmt.Errorf("registry stopped with %d entries unwritten: %w", left, ctx.Err())
	}
	return fmt.Errorf("registry stopped with %d entries unwritten: %w: %w", left, ctx.Err(), r.lastErr)
}

// entryOf finds or makes the pending entry of a sequence.
func (r *registry) entryOf(id schema.SequenceID) *sequenceEntry {
	e := r.sequences[id]
	if e == nil {
		e = &sequenceEntry{id: id}
		r.sequences[id] = e
		r.most = max(r.most, len(r.sequences))
	}
	return e
}

// lives tells whether a sequence was noted and is not gone.
func (r *registry) lives(id schema.SequenceID) bool {
	if e := r.sequences[id]; e != nil && (e.gone || e.row != nil) {
		return e.row != nil
	}
	_, held := r.held[id]
	return held
}

// touch queues an entry that was just changed, or drops it where that left
// nothing to do. What is in flight is judged when it has landed.
func (r *registry) touch(e entry) {
	p := e.place()
	if !p.flying && e.idle(r) {
		r.drop(e)
		return
	}
	if p.queued == nil {
		p.since = time.Now()
		p.queued = r.queue.PushBack(e)
	}
}

func (r *registry) drop(e entry) {
	if p := e.place(); p.queued != nil {
		r.queue.Remove(p.queued)
		p.queued = nil
	}
	e.forget(r)
}

func (r *registry) oldest() (since time.Time, pending bool) {
	if len(r.flight) > 0 {
		return r.flight[0].place().flownSince, true
	}
	if front := r.queue.Front(); front != nil {
		return front.Value.(entry).place().since, true
	}
	return time.Time{}, false
}

// run is the writer.
func (r *registry) run() {
	defer close(r.stopped)
	for r.await() {
		if err := r.commit(); err != nil {
			r.trouble(err)
		} else {
			r.healed()
		}
	}
}

// await waits until something is to be committed and its window, or the
// pause after a failure, is over; false when the registry is to stop.
func (r *registry) await() bool {
	closing := r.closing
	for {
		due, pending := r.due(closing == nil)
		var timer <-chan time.Time
		if pending {
			timer = time.After(time.Until(due))
		} else if closing == nil {
			return false
		}
		select {
		case <-r.abandon:
			return false
		case <-closing:
			closing = nil
		case <-r.wake:
		case <-timer:
			return true
		}
	}
}

// due is when to commit next, if there is anything to commit.
func (r *registry) due(closing bool) (at time.Time, pending bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest, pending := r.oldest()
	sweep := !r.swept && !closing
	switch {
	case r.backoff > 0:
		at = r.retryAt
	case !sweep && !closing:
		at = oldest.Add(r.window())
	}
	return at, pending || sweep
}

// window is how long a change may wait for others to be committed with. While
// a crowd comes or goes it is longer: a row costs less in a larger group, and
// who came and went within it is never written.
func (r *registry) window() time.Duration {
	if r.crowd {
		return crowdWindow
	}
	return groupWindow
}

// commit writes everything that is pending now, in chunks.
func (r *registry) commit() error {
	if !r.swept {
		if err := r.st.Sweep(context.Background()); err != nil {
			return err
		}
		r.swept = true
	}
	rows := 0
	for cutoff := time.Now(); !r.abandoned(); {
		batch := r.takeOff(cutoff)
		if batch.Len() == 0 {
			break
		}
		rows += batch.Len()
		err := r.st.Apply(context.Background(), batch)
		r.land(&batch, err)
		if err != nil {
			return err
		}
	}
	r.crowd = rows > crowdRows
	return nil
}

func (r *registry) abandoned() bool {
	select {
	case <-r.abandon:
		return true
	default:
		return false
	}
}
