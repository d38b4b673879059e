package puddle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

// deskLimits are what the desk runs under; 0 is the default's.
type deskLimits struct {
	connections int // open at once; one more is answered 503
	headBytes   int // a request's head
	bodyMost    int // a body, bytes; a larger one is answered 413
	heldMost    int // all bodies at once, bytes; beyond it 503

	headTime   time.Duration // a head must be whole within this
	bodyTime   time.Duration // a body, counted from the end of its head
	answerTime time.Duration // the loop must have answered a hit
	writeTime  time.Duration // the client must have taken the answer
	idleTime   time.Duration // a connection without a request is closed

	plain bool // the loop answers hitPlain; if not, such a request is 405
	page  bool // browsers are shown the page
}

var deskDefaults = deskLimits{
	connections: 1024,
	headBytes:   8 << 10,
	bodyMost:    1 << 20,
	heldMost:    64 << 20,
	headTime:    10 * time.Second,
	bodyTime:    30 * time.Second,
	answerTime:  15 * time.Second,
	writeTime:   10 * time.Second,
	idleTime:    60 * time.Second,
}

func (l deskLimits) filled() deskLimits {
	fill(&l.connections, deskDefaults.connections)
	fill(&l.headBytes, deskDefaults.headBytes)
	fill(&l.bodyMost, deskDefaults.bodyMost)
	fill(&l.heldMost, deskDefaults.heldMost)
	fill(&l.headTime, deskDefaults.headTime)
	fill(&l.bodyTime, deskDefaults.bodyTime)
	fill(&l.answerTime, deskDefaults.answerTime)
	fill(&l.writeTime, deskDefaults.writeTime)
	fill(&l.idleTime, deskDefaults.idleTime)
	return l
}

func fill[T comparable](limit *T, otherwise T) { *limit = cmp.Or(*limit, otherwise) }

// desk answers plain HTTP beside the loop: what has a body to read, or waits
// for an answer. The loop gives it connections and answers its hits.
type desk struct {
	limits deskLimits
	ask    func(hit)
	left   func(netip.AddrPort) // a connection has ended
	server *http.Server
	held   atomic.Int64 // bytes of bodies

	mutex   sync.Mutex
	open    int
	stopped bool          // no more connections are taken
	closed  bool          // the queue is
	queue   chan net.Conn // taken, and not yet served; never full
	empty   chan struct{} // closed once stopped with none open
}

// newDesk opens a desk. ask takes a hit to the loop and never blocks.
func newDesk(limits deskLimits, ask func(hit)) *desk {
	limits = limits.filled()
	d := &desk{
		limits: limits,
		ask:    ask,
		left:   func(netip.AddrPort) {},
		queue:  make(chan net.Conn, limits.connections),
		empty:  make(chan struct{}),
	}
	d.server = &http.Server{
		Handler:                      d,
		ReadHeaderTimeout:            limits.headTime,
		WriteTimeout:                 limits.bodyTime + limits.answerTime + limits.writeTime,
		IdleTimeout:                  limits.idleTime,
		MaxHeaderBytes:               limits.headBytes,
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, hitFrom{}, c)
		},
	}
	go d.server.Serve(deskQueue{d})
	return d
}

// hitFrom is the key of its connection in a request's context.
type hitFrom struct{}

var (
	errDeskFull    = errors.New("the desk has all the connections that it may have: answered 503")
	errDeskStopped = errors.New("the desk is stopping: answered 503")
)

// take has a connection answered that has sent first, of which nothing was
// answered yet. address is the client's, behind proxies; clear tells that what
// it says crosses a network in clear. The descriptor is the
// desk's from here on, also where take returns an error; it must be in no
// epoll set any more. take never blocks and keeps nothing of first.
func (d *desk) take(fd int, first []byte, address netip.AddrPort, clear bool) error {
	if err := d.reserve(); err != nil {
		turnFrom(fd)
		return err
	}
	file := os.NewFile(uintptr(fd), "hit")
	if file == nil {
		d.release()
		return fmt.Errorf("desk: %d is no descriptor", fd)
	}
	inner, err := net.FileConn(file) // a duplicate
	file.Close()
	if err != nil {
		d.release()
		return fmt.Errorf("desk: taking a connection of %s: %w", address, err)
	}
	return d.enqueue(newHitConn(inner, first, address, clear, func() { d.release(); d.left(address) }))
}

func (d *desk) enqueue(c *hitConn) error {
	d.mutex.Lock()
	if d.closed {
		d.mutex.Unlock()
		c.Close()
		return errDeskStopped
	}
	d.queue <- c
	d.mutex.Unlock()
	return nil
}

// reserve takes one of the places for connections.
func (d *desk) reserve() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch {
	case d.stopped:
		return errDeskStopped
	case d.open == d.limits.connections:
		return errDeskFull
	}
	d.open++
	return nil
}

// release gives the place of a closed connection back.
func (d *desk) release() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.open--
	if d.stopped && d.open == 0 {
		close(d.empty)
	}
}

// crowded tells that half of the places are taken; connections are then not
// kept for another request.
func (d *desk) crowded() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.open > d.limits.connections/2
}

// stop takes no more connections, lets those that wait for an answer have it,
// and closes the others; at the end of ctx it closes all.
func (d *desk) stop(ctx context.Context) {
	d.mutex.Lock()
	if !d.stopped {
		d.stopped = true
		if d.open == 0 {
			close(d.empty)
		}
	}
	d.mutex.Unlock()
	// Not Server.Shutdown: it forgets requests that it has not begun to read.
	d.server.SetKeepAlivesEnabled(false)
	select {
	case <-d.empty:
	case <-ctx.Done():
	}
	d.server.Close()
}

var deskBusy = hitRefused(&schema.Refusal{Code: schema.Unavailable,
	Message: "too many requests at once, or the house is stopping: try again soon"}, 1)

// turnFrom answers a connection 503 and closes it, without waiting for anything.
func turnFrom(fd int) {
	unix.SendmsgN(fd, deskBusy.whole(), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	unix.Shutdown(fd, unix.SHUT_WR)
	// Bytes that nobody has read would turn the close into a reset, which may
	// overtake the answer.
	var rest [4 << 10]byte
	for range 16 {
		if n, _, err := unix.Recvfrom(fd, rest[:], unix.MSG_DONTWAIT); n <= 0 || err != nil {
			break
		}
	}
	unix.Close(fd)
}
