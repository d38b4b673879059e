package puddle

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/porthouse/porthouse/schema"
)

// target is what a path leads to (wire.md, "Addresses").
type target struct {
	kind targetKind
	room string // full name, where it is a room
}

type targetKind uint8

const (
	targetNone targetKind = iota // refused
	targetLobby
	targetRoom
	targetHealth
	targetReady
	targetSibling
	targetSpaces
	targetHost
)

const reservedPrefix = "/-/"

var reservedPaths = map[string]targetKind{
	reservedPrefix + "health":  targetHealth,
	reservedPrefix + "ready":   targetReady,
	reservedPrefix + "sibling": targetSibling,
	reservedPrefix + "spaces":  targetSpaces,
	reservedPrefix + "host":    targetHost,
}

func isReserved(path []byte) bool { return bytes.HasPrefix(path, []byte(reservedPrefix)) }

// resolve tells what a path, which the guard let pass, leads to. A refusal is
// a 404.
func resolve(path []byte) (target, *schema.Refusal) {
	name := string(bytes.TrimPrefix(path, []byte("/")))
	switch {
	case len(path) == 0 || path[0] != '/':
		return target{}, notFound("a path begins with /")
	case isReserved(path):
		if kind, known := reservedPaths[string(path)]; known {
			return target{kind: kind}, nil
		}
		return target{}, notFound("there is no such path under /-/")
	case name == "":
		return target{kind: targetLobby}, nil
	case strings.Contains(name, "%"):
		return target{}, notFound("no room's name has a % in it: only a-z A-Z 0-9 . _ ~ -")
	case strings.HasSuffix(name, "/"):
		return target{}, notFound("no room's name ends in /: leave it away")
	}
	if refusal := schema.CheckRoom(name); refusal != nil {
		return target{}, refusal
	}
	return target{kind: targetRoom, room: name}, nil
}

func notFound(message string) *schema.Refusal {
	return &schema.Refusal{Code: schema.NotFound, Message: message}
}

// answer is what plain HTTP hears at a target; ready is whether the house is.
func (t target) answer(req *request, ready bool) answer {
	get, head := string(req.method) == "GET", string(req.method) == "HEAD"
	var a answer
	switch {
	case t.kind == targetNone:
		a = rejection{status: 404, Refusal: *notFound("nothing is here")}.answer()
	case !get && !head:
		a = reject(405, schema.Unknown, "only GET and HEAD are taken here").answer()
	case t.kind == targetHealth, t.kind == targetReady && ready:
		a = answer{status: 200, text: true, body: []byte("ok\n")}
	case t.kind == targetReady:
		a = reject(503, schema.Unavailable, "the house is starting or stopping").answer()
	case get && accepts(req, eventStream):
		a = reject(406, schema.Unavailable, "no text/event-stream yet: open a WebSocket").answer()
	default:
		a = t.howToConnect(req)
	}
	a.bare = head
	return a
}

// howToConnect echoes a Host that the guard has found to be host[:port].
func (t target) howToConnect(req *request) answer {
	what := "This is a room"
	switch t.kind {
	case targetLobby:
		what = "This is a lobby"
	case targetSibling:
		what = "This is where a sibling commands another socket"
	}
	scheme := "ws"
	if req.sealed {
		scheme = "wss"
	}
	return answer{
		status:  426,
		headers: statusHeaders[426],
		text:    true,
		body:    fmt.Appendf(nil, "%s; open a WebSocket to it:\n\n\twebsocat %s://%s%s\n", what, scheme, req.host(), req.path),
	}
}

// What a GET may ask for by its Accept.
const (
	eventStream = "text/event-stream"
	htmlPage    = "text/html"
)

// accepts tells whether Accept names a media type (RFC 9110 section 12.5.1).
func accepts(req *request, wanted string) bool {
	for accepts := req.list(fieldAccept); accepts.next(); {
		kind, _, _ := bytes.Cut(accepts.element, []byte(";"))
		if isName(trimBlanks(kind), wanted) {
			return true
		}
	}
	return false
}

// splitHost takes host[:port] apart (RFC 9110 section 7.2): a name of
// letters, digits, - and _ in labels, an IPv4 address, or an IPv6 address in
// brackets, which stay. port is nil if there is none.
func splitHost(b []byte) (host, port []byte, ok bool) {
	end := bytes.IndexByte(b, ':')
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if !isIPv6(b[:end]) {
			return nil, nil, false
		}
		if end == len(b) {
			return b, nil, true
		}
		return b[:end], b[end+1:], b[end] == ':' && isPort(b[end+1:])
	}
	if end < 0 {
		return b, nil, isHostName(b)
	}
	return b[:end], b[end+1:], isHostName(b[:end]) && isPort(b[end+1:])
}

func isHostName(b []byte) bool {
	const most = 255
	dot := true // no label is empty but the one behind the last dot
	for _, c := range b {
		if c == '.' && dot || c != '.' && !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
		dot = c == '.'
	}
	return len(b) > 0 && len(b) <= most
}

// isIPv6 judges the characters of an address in brackets (RFC 3986 section
// 3.2.2); whether it is one of ours is asked elsewhere.
func isIPv6(b []byte) bool {
	const least, most = len("[::]"), len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")
	if len(b) < least || len(b) > most {
		return false
	}
	for _, c := range b[1 : len(b)-1] {
		if !isHex(c) && c != ':' && c != '.' {
			return false
		}
	}
	return bytes.Count(b, []byte(":")) >= 2
}

func isPort(b []byte) bool {
	port, ok := parseLength(b)
	return ok && len(b) <= 5 && port <= 65535
}
