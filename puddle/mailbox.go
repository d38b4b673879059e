package puddle

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// mailbox takes what other goroutines have to the loop.
type mailbox struct {
	fd    int
	mu    sync.Mutex
	hits  []hit
	calls []func()
}

func newMailbox() (*mailbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &mailbox{fd: fd}, nil
}

// putHit takes a request of the desk to the loop.
func (m *mailbox) putHit(h hit) {
	m.mu.Lock()
	m.hits = append(m.hits, h)
	m.mu.Unlock()
	unix.Write(m.fd, one)
}

// call has something done in the loop.
func (m *mailbox) call(do func()) {
	m.mu.Lock()
	m.calls = append(m.calls, do)
	m.mu.Unlock()
	unix.Write(m.fd, one)
}

func (m *mailbox) open(each func(*hit)) {
	var b [8]byte
	unix.Read(m.fd, b[:])
	m.mu.Lock()
	hits, calls := m.hits, m.calls
	m.hits, m.calls = nil, nil
	m.mu.Unlock()
	for n := range hits {
		each(&hits[n])
	}
	for _, do := range calls {
		do()
	}
}
