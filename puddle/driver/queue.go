package driver

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/porthouse/porthouse/schema"
)

// Budget is how many bytes all drivers of a puddle may hold at once.
type Budget struct {
	most int64
	held atomic.Int64
}

// NewBudget makes one.
func NewBudget(most int) *Budget { return &Budget{most: int64(most)} }

func (b *Budget) take(n int) bool {
	if b.held.Add(int64(n)) > b.most {
		b.held.Add(int64(-n))
		return false
	}
	return true
}

func (b *Budget) give(n int) { b.held.Add(int64(-n)) }

// Queue is the bounded line of requests before one driver.
type Queue struct {
	driver Driver
	most   int // that wait
	budget *Budget

	mu      sync.Mutex
	wakes   sync.Cond
	waiting []waiting
	closed  bool
	rest    sync.WaitGroup
}

// waiting is a request with who is to hear its answer.
type waiting struct {
	ctx     context.Context
	request *Request
	done    func(Answer)
}

// NewQueue begins to serve a driver, which it closes in its time. A request
// takes from budget as long as it waits or is done.
func NewQueue(d Driver, most int, budget *Budget) *Queue {
	q := &Queue{driver: d, most: most, budget: budget}
	q.wakes.L = &q.mu
	for range d.Together() {
		q.rest.Go(q.serve)
	}
	return q
}

// Ask has a request done. done is called once, from another goroutine, and
// must not block; a request whose ctx has ended is refused. false: as many
// wait as may, and nothing happens.
func (q *Queue) Ask(ctx context.Context, r *Request, done func(Answer)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= q.most || !q.budget.take(len(r.Message.Data)) {
		return false
	}
	q.waiting = append(q.waiting, waiting{ctx, r, done})
	q.wakes.Signal()
	return true
}

// Close takes no more requests. Those that wait are done before the driver is
// closed, unless their ctx ends. It does not wait for that.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.wakes.Broadcast()
	go func() {
		q.rest.Wait()
		q.driver.Close()
	}()
}

func (q *Queue) serve() {
	for {
		w, ok := q.next()
		if !ok {
			return
		}
		size := len(w.request.Message.Data)
		answer := q.do(w)
		q.budget.give(size)
		w.done(answer)
	}
}

func (q *Queue) next() (w waiting, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.closed {
			return w, false
		}
		q.wakes.Wait()
	}
	w = q.waiting[0]
	q.waiting[0] = waiting{}
	q.waiting = q.waiting[1:]
	return w, true
}

// do keeps a defect that something foreign has found in the driver from ending
// the puddle.
func (q *Queue) do(w waiting) (answer Answer) {
	defer func() {
		if fault := recover(); fault != nil {
			answer = refuse(schema.Unavailable, "the room's driver failed: %.100s", fmt.Sprint(fault))
		}
	}()
	if w.ctx.Err() != nil {
		return refuse(schema.Unavailable, "this puddle goes: send it again")
	}
	return q.driver.Do(w.ctx, w.request)
}
