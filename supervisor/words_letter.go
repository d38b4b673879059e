package supervisor

import (
	"sync"

	"github.com/porthouse/porthouse/ipc"
)

// wordsMost is how many words may wait for a puddle that it did not ask for;
// beyond, it hangs.
const wordsMost = 4096

// repliesMost is how many replies more go with one.
const repliesMost = 256

// letter is a word to a puddle; its descriptors are closed once sent.
type letter struct {
	word        ipc.ToPuddle
	descriptors []int
	keep        bool // the descriptors
}

func (l letter) close() {
	if !l.keep {
		closeDescriptors(l.descriptors)
	}
}

// letters wait for a process to take them, in order. There may be as many
// replies as it asked questions. It locks itself.
type letters struct {
	wake chan struct{} // there may be one

	mu      sync.Mutex
	list    []letter
	unasked int // of list
}

func newLetters() *letters { return &letters{wake: make(chan struct{}, 1)} }

// put queues a letter; false: too many wait.
func (q *letters) put(l letter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.word.Reply == nil {
		if q.unasked == wordsMost {
			return false
		}
		q.unasked++
	}
	q.list = append(q.list, l)
	select {
	case q.wake <- struct{}{}:
	default: // woken already
	}
	return true
}

// take takes the first letter, if there is one; replies that follow a reply
// go with it.
func (q *letters) take() (l letter, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		q.list = nil
		return l, false
	}
	l, q.list[0] = q.list[0], letter{}
	q.list = q.list[1:]
	if l.word.Reply == nil {
		q.unasked--
		return l, true
	}
	for len(q.list) > 0 && q.list[0].word.Reply != nil && len(l.word.Replies) < repliesMost {
		l.word.Replies = append(l.word.Replies, *q.list[0].word.Reply)
		q.list[0], q.list = letter{}, q.list[1:]
	}
	return l, true
}

// next waits for the first letter; not ok: none came until gone.
func (q *letters) next(gone <-chan struct{}) (l letter, ok bool) {
	for {
		if l, ok = q.take(); ok {
			return l, true
		}
		select {
		case <-q.wake:
		case <-gone:
			return l, false
		}
	}
}

// drop closes what nobody will take.
func (q *letters) drop() {
	for l, ok := q.take(); ok; l, ok = q.take() {
		l.close()
	}
}
