package console

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/porthouse/porthouse/ipc"
)

// Room is the reserved room that the console hears: no client can name it, it
// is on the admin address alone, and only the house speaks in it.
const Room = "-console"

const (
	handoversMost = 50 // that a new listener is told of
	linesMost     = 300
	listenersMost = 16
	waitingMost   = 256 // envelopes that a listener may be behind
	snapshotEvery = time.Second
)

// feed is the room -console.
type feed struct {
	house House

	mu        sync.Mutex
	listeners map[*listener]bool
	closed    bool
	ticking   bool
	handovers []Handover
	lines     []json.RawMessage // of the log
}

// listener is one socket in it.
type listener struct {
	envelopes chan []byte
	over      chan struct{} // closed where it was too slow, or the house stops
	once      sync.Once
	slow      bool
}

func newFeed() *feed { return &feed{listeners: map[*listener]bool{}} }

// said is a message of the feed; Kind tells which of the others is set.
type said struct {
	Kind     string            `json:"kind"`
	Snapshot *Snapshot         `json:"snapshot,omitempty"`
	Handover *Handover         `json:"handover,omitempty"`
	Past     []Handover        `json:"past,omitempty"`
	Line     json.RawMessage   `json:"line,omitempty"`
	Lines    []json.RawMessage `json:"lines,omitempty"`
	Progress *step             `json:"progress,omitempty"`
	Failed   *string           `json:"failed,omitempty"` // of reloaded; "": it did not
}

type step struct {
	Slot    int     `json:"slot"`
	Step    string  `json:"step"`
	Sockets int     `json:"sockets"`
	Lost    int     `json:"lost"`
	Stall   float64 `json:"stall"` // seconds
}

func envelope(s said) []byte {
	text, _ := json.Marshal(struct { // of what always marshals
		Room string `json:"room"`
		Data said   `json:"data"`
	}{Room, s})
	return text
}

// join lets a listener in and tells it what was; nil: there are too many, or
// the house stops.
func (f *feed) join() (l *listener, members int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.listeners) >= listenersMost {
		return nil, 0
	}
	l = &listener{envelopes: make(chan []byte, waitingMost), over: make(chan struct{})}
	f.listeners[l] = true
	l.envelopes <- envelope(said{Kind: "past", Past: f.handovers, Lines: f.lines})
	if !f.ticking {
		f.ticking = true
		go f.tick()
	}
	return l, len(f.listeners)
}

func (f *feed) leave(l *listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, l)
}

// tick takes a picture every second, as long as somebody looks.
func (f *feed) tick() {
	ticker := time.NewTicker(snapshotEvery)
	defer ticker.Stop()
	for {
		picture, up := f.house.Snapshot()
		if !f.goesOn(up) {
			return
		}
		f.tell(said{Kind: "snapshot", Snapshot: &picture})
		<-ticker.C
	}
}

// goesOn ends the ticking where nobody looks any more.
func (f *feed) goesOn(up bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ticking = up && !f.closed && len(f.listeners) > 0
	return f.ticking
}

// tell says something to all. It never waits: who is too far behind is out.
func (f *feed) tell(what said) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tellLocked(what)
}

func (f *feed) tellLocked(what said) {
	if len(f.listeners) == 0 {
		return
	}
	text := envelope(what)
	for l := range f.listeners {
		select {
		case l.envelopes <- text:
		default:
			delete(f.listeners, l)
			l.end(true)
		}
	}
}

func (l *listener) end(slow bool) {
	l.once.Do(func() {
		l.slow = slow
		close(l.over)
	})
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for l := range f.listeners {
		l.end(false)
	}
}

func (f *feed) handedOver(h Handover) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handovers = append(f.handovers, h)
	f.handovers = f.handovers[max(0, len(f.handovers)-handoversMost):]
	f.tellLocked(said{Kind: "handover", Handover: &h})
}

func (f *feed) progress(p ipc.Progress) {
	f.tell(said{Kind: "progress", Progress: &step{p.Slot, p.Step, p.Sockets, len(p.Lost), p.Stall.Seconds()}})
}

func (f *feed) reloaded(failed string) { f.tell(said{Kind: "reloaded", Failed: &failed}) }

// Write takes one line of the log, JSON.
func (f *feed) Write(line []byte) (int, error) {
	kept := json.RawMessage(append([]byte(nil), line...))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, kept)
	f.lines = f.lines[max(0, len(f.lines)-linesMost):]
	f.tellLocked(said{Kind: "line", Line: kept})
	return len(line), nil
}
