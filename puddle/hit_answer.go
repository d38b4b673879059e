package puddle

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/porthouse/porthouse/puddle/page"
	"github.com/porthouse/porthouse/schema"
)

// hitAnswer is what a hit's client hears. The loop sets the first group; the
// desk adds what only it knows.
type hitAnswer struct {
	status      int
	json        []byte
	retryAfter  int  // seconds, for 429 and 503; at least 1 is said
	allowOrigin bool // the hit's origin may read the answer
	challenge   bool // WWW-Authenticate; every 401 has it
	bytes       bool // json is bytes: a file that a driver has got
	text        bool // json is plain text: answers to hitPlain
	shows       bool // the page is there, and nothing else of this is set

	allow   string // methods, of a 405 and of OPTIONS
	hangUp  bool   // the last answer on its connection
	present bool   // a preflight that was let in (hit_cors.go)
	file    *page.File
}

// hitStatuses are the HTTP statuses of refusals.
var hitStatuses = map[schema.ErrorCode]int{
	schema.Malformed:    http.StatusBadRequest,
	schema.Unknown:      http.StatusMethodNotAllowed,
	schema.Unauthorized: http.StatusUnauthorized,
	schema.Denied:       http.StatusForbidden,
	schema.NotFound:     http.StatusNotFound,
	schema.Exists:       http.StatusConflict,
	schema.Full:         http.StatusServiceUnavailable,
	schema.TooLarge:     http.StatusRequestEntityTooLarge,
	schema.Format:       http.StatusUnprocessableEntity,
	schema.Rate:         http.StatusTooManyRequests,
	schema.Unavailable:  http.StatusServiceUnavailable,
}

// hitRefused is a refusal as an answer; after is in seconds, 0 if there is
// nothing to wait for.
func hitRefused(refusal *schema.Refusal, after int) hitAnswer {
	status, known := hitStatuses[refusal.Code]
	if !known {
		status = http.StatusBadRequest
	}
	return hitAnswer{status: status, json: refusal.JSON(), retryAfter: after}
}

// refuseHit is an answer of the desk's own.
func refuseHit(status int, code schema.ErrorCode, message string) *hitAnswer {
	return &hitAnswer{status: status, json: (&schema.Refusal{Code: code, Message: message}).JSON()}
}

// header is the answer's header fields but those that net/http adds.
func (a *hitAnswer) header(h http.Header, origin []byte) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.text {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if a.bytes {
		h.Set("Content-Type", "application/octet-stream")
	}
	if a.file != nil {
		a.file.Header(h)
	}
	if a.allow != "" {
		h.Set("Allow", a.allow)
	}
	switch a.status {
	case http.StatusUnauthorized:
		a.challenge = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(max(1, a.retryAfter)))
	case http.StatusUpgradeRequired: // RFC 9110 section 15.5.22
		h.Set("Upgrade", "websocket")
		h.Set("Sec-WebSocket-Version", "13")
		a.hangUp = true // a WebSocket needs a connection of its own
	}
	if a.challenge {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if a.hangUp {
		h.Set("Connection", "close")
	}
	if h.Get("Upgrade") != "" {
		h.Add("Connection", "Upgrade") // RFC 9110 section 7.8
	}
	a.cors(h, origin)
}

// body is the answer's body, which ends in a newline.
func (a *hitAnswer) body() []byte {
	if a.file != nil && a.status == http.StatusOK {
		return a.file.Body
	}
	if a.bytes || len(a.json) == 0 || a.json[len(a.json)-1] == '\n' {
		return a.json
	}
	return append(bytes.Clone(a.json), '\n')
}

// write gives the answer to the client.
func (a *hitAnswer) write(w http.ResponseWriter, origin []byte) {
	a.header(w.Header(), origin)
	body := a.body()
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	w.Write(body) // to a HEAD net/http gives the length alone
}

// whole is the answer as it goes on the wire where no server writes it. It is
// the last on its connection.
func (a hitAnswer) whole() []byte {
	a.hangUp = true
	header := http.Header{}
	a.header(header, nil)
	body := a.body()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(a.status) + " " + http.StatusText(a.status) + "\r\n")
	header.Write(&b)
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
