package supervisor

import (
	"errors"
	"time"

	"github.com/porthouse/porthouse/schema/store"
)

// trouble sets the pause before the next attempt, and logs a kind of trouble
// once until it has healed.
func (r *registry) trouble(err error) {
	now := time.Now()
	if r.backoff == 0 {
		r.troubleSince = now
	}
	r.setLast(err)
	r.backoff = min(max(2*r.backoff, retryFirst), retryMost)
	r.retryAt = now.Add(r.backoff)
	kind := troubleKind(err)
	if r.troubles[kind] {
		return
	}
	r.troubles[kind] = true
	r.log.Error("registry cannot write and tries again; sockets are served on", "trouble", kind, "error", err)
}

func (r *registry) healed() {
	if r.backoff == 0 {
		return
	}
	r.backoff = 0
	r.setLast(nil)
	clear(r.troubles)
	r.log.Info("registry writes again", "after", time.Since(r.troubleSince).Round(time.Millisecond))
}

func (r *registry) setLast(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastErr = err
}

func troubleKind(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return "full"
	case errors.Is(err, store.ErrLocked):
		return "locked"
	case errors.Is(err, store.ErrIO):
		return "io"
	case errors.Is(err, store.ErrCorrupt):
		return "corrupt"
	case errors.Is(err, store.ErrUnwritable):
		return "unwritable"
	}
	return "other"
}
