package puddle

import (
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/porthouse/porthouse/schema/format"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/puddle/page"
	"github.com/porthouse/porthouse/schema"
)

// hit is a plain HTTP request that was read whole, for the loop to judge.
type hit struct {
	kind   hitKind
	method string
	path   string // as it was written, percent escapes too
	host   string // Host
	query  string // without ?; it may hold secrets
	domain string // hitHost: ?domain=

	browser bool // hitPlain: the page is wanted where there is one

	origin  []byte // nil: none
	address netip.AddrPort
	clear   bool // it crossed a network in clear

	credential ipc.Credential // the first one offered
	offered    bool           // there is one
	basic      bool           // it came as Authorization: Basic, which a browser may add unasked

	password, otp string // for entry to the room

	message format.Message
	file    string // of a form: the name of the file that the message is
	wraps   bool   // the answer is JSON, whatever it is
	to      []string
	key     string // Idempotency-Key; "": none

	// done takes the answer. The loop calls it once; it never blocks, and may
	// be called when nobody waits any more.
	done func(hitAnswer)
}

// String shows no more than this: a hit has secrets.
func (h hit) String() string { return "hit " + h.kind.String() + " " + h.path }

// GoString is String.
func (h hit) GoString() string { return h.String() }

// hitKind is what a hit wants.
type hitKind uint8

const (
	hitSend   hitKind = iota // POST /room
	hitSpaces                // GET /-/spaces
	hitHost                  // GET /-/host?domain=D
	hitCORS                  // may pages of the origin speak to the path's room?
	hitFile                  // GET of a file of the page, which the desk answers itself
	hitPlain                 // GET of what the loop would answer by itself, had the desk not the connection (deskLimits.plain)
)

func (k hitKind) String() string {
	return [...]string{"send", "spaces", "host", "cors", "file", "plain"}[k]
}

const (
	pathSpaces = "/-/spaces"
	pathHost   = "/-/host"
)

// lingerTime is how long a client that still sends what nobody reads may take
// to hear why.
const lingerTime = 500 * time.Millisecond

// ServeHTTP reads a request, has the loop answer it, and says the answer.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := visit{desk: d, w: w, r: r, control: http.NewResponseController(w), unread: r.ContentLength != 0}
	defer v.letGo()
	a := v.answer()
	a.hangUp = a.hangUp || v.unread || v.shared || d.crowded()
	if v.unread {
		v.control.SetReadDeadline(time.Now().Add(lingerTime))
	}
	a.write(w, v.hit.origin)
	if v.unread {
		v.linger()
	}
}

// linger reads on behind an answer, for lingerTime: to close on bytes that were
// not read is a reset, which overtakes the answer. net/http does so by itself,
// but not for a request that says Connection: close or Expect, as proxies do.
func (v *visit) linger() {
	v.control.Flush()
	io.Copy(io.Discard, v.r.Body)
}

// visit is one request on its way to its answer.
type visit struct {
	*desk
	hit
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	unread  bool // the body, or some of it
	shared  bool // another client's request may follow
	holds   int  // bytes of it
}

func (v *visit) answer() hitAnswer {
	for _, read := range [...]func() *hitAnswer{v.readHead, v.route, v.readQuery, v.readCredential, v.readMessage} {
		if refused := read(); refused != nil {
			return v.refuse(*refused)
		}
	}
	switch {
	case v.kind == hitFile:
		return v.show(page.At(v.path, v.limits.page))
	case v.kind == hitPlain && v.browser:
		a := v.consult(v.hit)
		if a.shows {
			return v.show(page.HTML)
		}
		return a
	case v.kind != hitCORS:
		return v.consult(v.hit)
	case v.origin == nil:
		return hitAnswer{status: http.StatusNoContent, allow: methodsOf(v.path)}
	}
	return preflight(v.consult(v.hit))
}

// refuse lets a page read why its request was refused, if the loop would let
// it read the answer.
func (v *visit) refuse(a hitAnswer) hitAnswer {
	if v.origin == nil || v.path == "" {
		return a
	}
	asked := v.hit
	asked.kind, asked.message = hitCORS, format.Message{}
	a.allowOrigin = v.consult(asked).allowOrigin
	return a
}

// consult has the loop answer, and waits also where the client has closed its
// half: it may still listen.
func (d *desk) consult(h hit) hitAnswer {
	answered := make(chan hitAnswer, 1)
	h.done = func(a hitAnswer) { answered <- a }
	late := time.NewTimer(d.limits.answerTime)
	defer late.Stop()
	d.ask(h)
	select {
	case a := <-answered:
		return a
	case <-late.C:
		return *refuseHit(http.StatusServiceUnavailable, schema.Unavailable,
			"the house did not answer in time; a message may have been sent: try again with the same Idempotency-Key")
	}
}
