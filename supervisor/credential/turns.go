package credential

import (
	"context"
	"sync"
	"time"
)

const (
	turnsMost      = 4096 // names that wrong tries are remembered of
	turnsShare     = 64   // who may wait of one address, over all names
	turnsWaiting   = 4096 // who may wait, over all names
	turnWaiting    = 64   // who may wait for one name
	turnShare      = 16   // of them, of one address
	turnsForgotten = 10 * time.Minute
)

// turns has the tries for one name (a client, or who else is asked) judged one
// at a time, later and later after wrong ones. Whose address had the fewest
// wrong tries goes first, so that a storm delays others by one pause at most.
type turns struct {
	mu      sync.Mutex
	rank    func(from string) int // wrong tries of an address
	names   map[string]*turn
	waiting int
	held    map[string]int // who waits, by address
}

// turn is the state of one name.
type turn struct {
	name    string
	wrong   int       // tries since the last right one
	last    time.Time // of them
	busy    bool      // a try is being judged
	waiting queue
	timer   *time.Timer // set while the pause lasts and somebody waits
}

func newTurns(rank func(from string) int) *turns {
	return &turns{rank: rank, names: map[string]*turn{}, held: map[string]int{}}
}

// pause is how long after so many wrong tries the next one is judged.
func pause(wrong int) time.Duration {
	const first, longest = 250 * time.Millisecond, 5 * time.Second
	switch {
	case wrong < 2:
		return 0
	case wrong >= 7:
		return longest
	}
	return min(longest, first<<(wrong-2))
}

// take waits until a try for name may be judged. Without an error done must
// follow.
func (t *turns) take(ctx context.Context, name, from string) error {
	t.mu.Lock()
	n := t.of(name)
	if !n.busy && n.waiting.length == 0 && time.Since(n.last) >= pause(n.wrong) {
		n.busy = true
		t.mu.Unlock()
		return nil
	}
	w, err := t.push(n, from)
	t.mu.Unlock()
	if err != nil {
		return errCrowded
	}
	select {
	case err := <-w.told:
		return err
	case <-ctx.Done():
		t.giveUp(n, w)
		return ctx.Err()
	}
}

func (t *turns) push(n *turn, from string) (*waiter, error) {
	if t.waiting >= turnsWaiting || t.held[from] >= turnsShare {
		return nil, errCrowded
	}
	w, displaced, err := n.waiting.push(from)
	if err != nil {
		return nil, err
	}
	if displaced != nil {
		t.gone(displaced)
		displaced.told <- errCrowded
	}
	t.waiting++
	t.held[from]++
	t.next(n)
	return w, nil
}

func (t *turns) giveUp(n *turn, w *waiter) {
	t.mu.Lock()
	waited := n.waiting.remove(w)
	if waited {
		t.gone(w)
	}
	t.mu.Unlock()
	if !waited && <-w.told == nil {
		t.done(n.name, untried)
	}
}

// gone counts one that waits no more.
func (t *turns) gone(w *waiter) {
	t.waiting--
	if t.held[w.from]--; t.held[w.from] == 0 {
		delete(t.held, w.from)
	}
}

// outcome is what became of a try.
type outcome int

const (
	untried outcome = iota // it was not judged
	right
	wrong
)

// done ends what take began.
func (t *turns) done(name string, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.names[name]
	n.busy = false
	switch o {
	case right:
		n.wrong = 0
	case wrong:
		n.wrong, n.last = n.wrong+1, time.Now()
	}
	t.next(n)
	if n.idle() && n.wrong == 0 {
		delete(t.names, name)
	}
}

// next gives the turn to who is next, now or when the pause is over.
func (t *turns) next(n *turn) {
	if n.busy || n.waiting.length == 0 || n.timer != nil {
		return
	}
	if left := pause(n.wrong) - time.Since(n.last); left > 0 {
		n.timer = time.AfterFunc(left, func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			n.timer = nil
			t.next(n)
		})
		return
	}
	w := n.waiting.pop(t.rank)
	t.gone(w)
	n.busy = true
	w.told <- nil
}

// of finds the state of a name. Wrong tries of long ago do not count.
func (t *turns) of(name string) *turn {
	n := t.names[name]
	if n == nil {
		if len(t.names) >= turnsMost {
			dropOldest(t.names, func(n *turn) (time.Time, bool) { return n.last, n.idle() })
		}
		n = &turn{name: name, waiting: queue{most: turnWaiting, share: turnShare}}
		t.names[name] = n
	}
	if time.Since(n.last) > turnsForgotten {
		n.wrong = 0
	}
	return n
}

// idle tells whether nobody holds or awaits it.
func (n *turn) idle() bool { return !n.busy && n.waiting.length == 0 && n.timer == nil }
