package credential

import (
	"context"
	"sync"
)

// pool bounds how many hashes are made at once.
type pool struct {
	mu      sync.Mutex
	workers int
	busy    int
	waiting queue
	entered uint64 // how many ever were
}

func newPool(workers, waiting int) *pool {
	p := &pool{}
	p.resize(workers, waiting)
	return p
}

// resize changes the bounds. One address may take a quarter of the places to
// wait.
func (p *pool) resize(workers, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers, p.waiting.most, p.waiting.share = workers, waiting, max(1, waiting/4)
	p.grant()
}

// run waits for a place and has do done there. With ctx it returns at once;
// the place is free again when do is over.
func (p *pool) run(ctx context.Context, from string, do func() error) error {
	if err := p.enter(ctx, from); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := do()
		p.leave()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter waits for a place. With an error there is none to leave.
func (p *pool) enter(ctx context.Context, from string) error {
	p.mu.Lock()
	if p.busy < p.workers && p.waiting.length == 0 {
		p.busy++
		p.entered++
		p.mu.Unlock()
		return nil
	}
	w, displaced, err := p.waiting.push(from)
	if displaced != nil {
		displaced.told <- errCrowded
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-w.told:
		return err
	case <-ctx.Done():
		p.giveUp(w)
		return ctx.Err()
	}
}

func (p *pool) giveUp(w *waiter) {
	p.mu.Lock()
	waited := p.waiting.remove(w)
	p.mu.Unlock()
	if !waited && <-w.told == nil {
		p.leave()
	}
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	p.grant()
}

func (p *pool) grant() {
	for p.busy < p.workers {
		next := p.waiting.pop(func(string) int { return 0 })
		if next == nil {
			return
		}
		p.busy++
		p.entered++
		next.told <- nil
	}
}
