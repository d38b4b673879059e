package puddle

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// rejection is a refusal with the HTTP status that it is answered with.
type rejection struct {
	status int
	schema.Refusal
	close schema.CloseCode // what a socket hears instead; 0: the status says it
	after int              // seconds until the next try; 0: not said

	reason string // it counts as (table.RefusedReasons); "": its code
}

func (r *rejection) counts() string {
	if r.reason != "" {
		return r.reason
	}
	return string(r.Code)
}

func reject(status int, code schema.ErrorCode, message string) rejection {
	return rejection{status: status, Refusal: schema.Refusal{Code: code, Message: message}}
}

// statuses are those of the error codes (wire.md, "Refusals").
var statuses = map[schema.ErrorCode]int{
	schema.Malformed: 400, schema.Unknown: 400, schema.Unauthorized: 401, schema.Denied: 403,
	schema.NotFound: 404, schema.Exists: 409, schema.TooLarge: 413, schema.Format: 422,
	schema.Rate: 429, schema.Full: 503, schema.Unavailable: 503,
}

// rejectWith is a refusal that was said elsewhere; nil: nobody answered.
func rejectWith(refusal *schema.Refusal) rejection {
	if refusal == nil {
		refusal = &noAnswer
	}
	return rejection{status: statuses[refusal.Code], Refusal: *refusal}
}

// rejectVerdict is what a room's rules refuse.
func rejectVerdict(v room.Verdict) rejection {
	return rejection{status: v.Status(), Refusal: *v.Refusal(), close: v.Close()}
}

func (r *rejection) closeCode() schema.CloseCode {
	if r.close != 0 {
		return r.close
	}
	return closeCodeOf(r.status)
}

// subprotocols are what sockets speak (wire.md, "Subprotocols").
var subprotocols = [...]string{
	format.Raw:     "porthouse.v1.raw",
	format.JSON:    "porthouse.v1.json",
	format.Msgpack: "porthouse.v1.msgpack",
}

// Prefixes of offers that are secrets: never echoed, never logged.
const (
	ourPrefix     = "porthouse."
	tokenPrefix   = ourPrefix + "token."
	siblingPrefix = ourPrefix + "sibling."
)

var refusedOffers = reject(400, schema.Unavailable,
	"no subprotocol that was offered is spoken here: offer porthouse.v1.raw, .json or .msgpack, or none")

// negotiate chooses among the subprotocols that a client offers, in its order
// (RFC 6455 section 4.2.2). echo is what its 101 names: "" where it offered
// nothing that the house knows, and then it speaks raw. Browsers fail a
// handshake whose offers are all passed over, so they offer
// porthouse.v1.raw beside a token.
func negotiate(req *request) (speaks format.Protocol, echo string, refused *rejection) {
	for offers := req.list(fieldProtocol); offers.next(); {
		for speaks, known := range subprotocols {
			if known == string(offers.element) {
				return format.Protocol(speaks), known, nil
			}
		}
		if isOurs(offers.element) && !isSecret(offers.element) {
			refused = &refusedOffers // unless a later one is spoken
		}
	}
	return format.Raw, "", refused
}

func isOurs(offer []byte) bool { return bytes.HasPrefix(offer, []byte(ourPrefix)) }

func isSecret(offer []byte) bool {
	return bytes.HasPrefix(offer, []byte(tokenPrefix)) || bytes.HasPrefix(offer, []byte(siblingPrefix))
}

// upgradable is the head as the upgrader takes it, which wants Upgrade and
// Connection on one line each, and nothing but websocket in Upgrade: theirs are
// replaced by the plainest where that is not so.
func (r *request) upgradable() []byte {
	if r.repeated&(1<<fieldConnection|1<<fieldUpgrade) == 0 && isName(r.value(fieldUpgrade), "websocket") {
		return r.head
	}
	start := len(r.head) - len("\r\n") - len(r.fields)
	head := append(make([]byte, 0, len(r.head)+64), r.head[:start]...)
	for rest := r.fields; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		name := rest[:bytes.IndexByte(rest, ':')]
		if f := knownField(name); f != fieldConnection && f != fieldUpgrade {
			head = append(head, rest[:end]...)
		}
		rest = rest[end:]
	}
	return append(head, "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"...)
}

// upgrade appends the 101 to a head that the guard took for verdictUpgrade.
// echo is the subprotocol to name in it, if any; lines are further header
// lines, without CRLF. An error means that guard and upgrader disagree.
func upgrade(dst, head []byte, echo string, id schema.SequenceID, lines ...string) (response []byte, err error) {
	over := exchange{head: head, response: dst, id: id, lines: lines}
	upgrader := ws.Upgrader{Header: &over}
	if echo != "" {
		upgrader.ProtocolCustom = func([]byte) (string, bool) { return echo, true }
	}
	if _, err := upgrader.Upgrade(&over); err != nil {
		return dst, err
	}
	return over.response, nil
}

// exchange lets gobwas' upgrader read a head that is in memory and write into
// memory; what came with the head stays where it is. It is also the header
// lines of ours that the upgrader puts into its response.
type exchange struct {
	head, response []byte
	id             schema.SequenceID
	lines          []string
}

func (x *exchange) Read(p []byte) (n int, err error) {
	if len(x.head) == 0 {
		return 0, io.EOF
	}
	n = copy(p, x.head)
	x.head = x.head[n:]
	return n, nil
}

func (x *exchange) Write(p []byte) (n int, err error) {
	x.response = append(x.response, p...)
	return len(p), nil
}

func (x *exchange) WriteTo(w io.Writer) (n int64, err error) {
	header := make([]byte, 0, 64)
	if x.id != 0 {
		header = append(header, "Porthouse-Sequence: "...)
		header = append(x.id.Append(header), "\r\n"...)
	}
	for _, line := range x.lines {
		header = append(append(header, line...), "\r\n"...)
	}
	written, err := w.Write(header)
	return int64(written), err
}

// turnAway appends the answer to an opening handshake that is right in itself
// and refused. Browsers hide an HTTP status from their pages, so one with an
// Origin, which admitsOrigin must have let pass, is accepted and closed at
// once; under /-/ it is HTTP for everybody.
func turnAway(dst []byte, req *request, id schema.SequenceID, refused rejection) []byte {
	if !req.has(fieldOrigin) || isReserved(req.path) {
		return refused.answer().append(dst)
	}
	opened, err := upgrade(dst, req.upgradable(), echoAny(req), id)
	if err != nil {
		return refused.answer().append(dst)
	}
	reason := closeReasonOf(&refused.Refusal)
	body := ws.NewCloseFrameBody(ws.StatusCode(refused.closeCode()), string(reason))
	return append(opened, ws.MustCompileFrame(ws.NewCloseFrame(body))...)
}

// echoAny is the first offer that may be named: a browser that made offers
// and hears of none never sees the close frame.
func echoAny(req *request) string {
	for offers := req.list(fieldProtocol); offers.next(); {
		if !isSecret(offers.element) {
			return string(offers.element)
		}
	}
	return ""
}

// closeCodeOf is the close code that stands for an HTTP status (wire.md, "Refusals").
func closeCodeOf(status int) schema.CloseCode {
	switch status {
	case 400:
		return schema.CloseMalformed
	case 401:
		return schema.CloseUnknown
	case 403:
		return schema.CloseDenied
	case 404:
		return schema.CloseNoRoom
	case 429:
		return schema.CloseRate
	case 503:
		return schema.CloseTooSlow
	}
	return schema.ClosePolicy
}

// closeReasonOf is a refusal's JSON in the 123 bytes that a close frame has for
// it (RFC 6455 section 5.5); its message is cut so that it stays JSON.
func closeReasonOf(refusal *schema.Refusal) []byte {
	const most, key, tail = 123, `"message":"`, `…"}`
	whole := bytes.TrimSuffix(refusal.JSON(), []byte("\n"))
	if len(whole) <= most {
		return whole
	}
	cut := bytes.Index(whole, []byte(key)) + len(key)
	for {
		next := cut + characterSize(whole[cut:])
		if next > most-len(tail) {
			return append(whole[:cut:cut], tail...)
		}
		cut = next
	}
}

// characterSize is how long the first character of a JSON string's inside is.
func characterSize(b []byte) int {
	switch {
	case b[0] == '\\' && b[1] == 'u':
		return len(`\u0000`)
	case b[0] == '\\':
		return len(`\n`)
	}
	_, size := utf8.DecodeRune(b)
	return size
}

// answer is a whole HTTP answer, the last on its connection.
type answer struct {
	status  int
	headers []string // lines without CRLF, beside those that every answer has
	text    bool     // text/plain; JSON if not
	body    []byte
	bare    bool // to a HEAD: everything but the body
}

// statusHeaders are what a status is of no use without.
var statusHeaders = map[int][]string{
	401: {"WWW-Authenticate: Bearer"},
	405: {"Allow: GET, HEAD"},
	426: {"Upgrade: websocket", "Sec-WebSocket-Version: 13"},
	429: {"Retry-After: 1"},
	503: {"Retry-After: 1"},
}

func (r rejection) answer() answer {
	headers := statusHeaders[r.status]
	if r.after > 0 {
		headers = []string{"Retry-After: " + strconv.Itoa(r.after)}
	}
	return answer{status: r.status, headers: headers, body: r.JSON()}
}

// append appends the answer as it goes on the wire.
func (a answer) append(dst []byte) []byte {
	kind, connection := "application/json", "close"
	if a.text {
		kind = "text/plain; charset=utf-8"
	}
	for _, line := range a.headers {
		if strings.HasPrefix(line, "Upgrade: ") {
			connection = "close, Upgrade" // RFC 9110 section 7.8
		}
	}
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(a.status), 10)
	dst = append(append(dst, ' '), http.StatusText(a.status)...)
	dst = append(append(dst, "\r\nContent-Type: "...), kind...)
	dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), int64(len(a.body)), 10)
	dst = append(append(dst, "\r\nConnection: "...), connection...)
	dst = append(dst, "\r\nCache-Control: no-store\r\n"...)
	for _, line := range a.headers {
		dst = append(append(dst, line...), "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	if a.bare {
		return dst
	}
	return append(dst, a.body...)
}
