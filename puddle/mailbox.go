package puddle

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
)

// mailbox takes words from other goroutines to the loop.
type mailbox struct {
	fd    int
	mu    sync.Mutex
	words []letter
	hits  []hit
	calls []func()
}

type letter struct {
	word        ipc.ToPuddle
	descriptors []int
}

func newMailbox() (*mailbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &mailbox{fd: fd}, nil
}

func (m *mailbox) put(word ipc.ToPuddle, descriptors []int) {
	m.mu.Lock()
	m.words = append(m.words, letter{word, descriptors})
	m.mu.Unlock()
	unix.Write(m.fd, one)
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

func (m *mailbox) open(word func(ipc.ToPuddle, []int), each func(*hit)) {
	var b [8]byte
	unix.Read(m.fd, b[:])
	m.mu.Lock()
	words, hits, calls := m.words, m.hits, m.calls
	m.words, m.hits, m.calls = nil, nil, nil
	m.mu.Unlock()
	for _, l := range words {
		word(l.word, l.descriptors)
	}
	for n := range hits {
		each(&hits[n])
	}
	for _, do := range calls {
		do()
	}
}
