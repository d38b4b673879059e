package puddle

import (
	"net/http"

	"github.com/porthouse/porthouse/schema"
)

// What a page of an admitted origin may do with plain HTTP (Fetch standard,
// "CORS protocol"). Credentials of the browser's own, such as cookies and
// remembered passwords, are never asked for: no Allow-Credentials.
const (
	corsMethods = "POST, GET, OPTIONS"
	corsFields  = "Authorization, Content-Type, Idempotency-Key"
	corsExposed = "Retry-After"
	corsSeconds = "600" // how long a browser may remember a preflight
)

// originOf is the Origin of a request, nil if it has none.
func originOf(r *http.Request) (origin []byte, ok bool) {
	lines := r.Header["Origin"]
	switch len(lines) {
	case 0:
		return nil, true
	case 1:
		return []byte(lines[0]), true
	}
	return nil, false
}

// cors adds what a browser wants to see before it shows the answer to a page.
func (a *hitAnswer) cors(h http.Header, origin []byte) {
	h.Add("Vary", "Origin")
	if !a.allowOrigin || origin == nil {
		return
	}
	h.Set("Access-Control-Allow-Origin", string(origin))
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if a.present {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsFields)
		h.Set("Access-Control-Max-Age", corsSeconds)
	}
}

// preflight makes the loop's answer to a hitCORS one to OPTIONS.
func preflight(a hitAnswer) hitAnswer {
	switch {
	case a.allowOrigin:
		return hitAnswer{status: http.StatusNoContent, allowOrigin: true, present: true}
	case a.status < 400:
		return *refuseHit(http.StatusForbidden, schema.Denied, "pages of this origin are not let in: have the room's owner allow the origin")
	}
	return a
}
