package puddle

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/porthouse/porthouse/puddle/page"
	"github.com/porthouse/porthouse/schema"
)

// readHead takes what every hit has from the head. The loop's guard has judged
// the first head on a connection, nobody the later ones.
func (v *visit) readHead() *hitAnswer {
	r := v.r
	origin, once := originOf(r)
	path, query, _ := strings.Cut(r.RequestURI, "?")
	v.method, v.host, v.query, v.origin = r.Method, r.Host, query, origin
	if from, ok := r.Context().Value(hitFrom{}).(*hitConn); ok {
		v.address, v.clear = from.address, from.clear
	}
	// A proxy may send many clients' requests through one connection, but its
	// address is that of the first.
	v.shared = r.Header["X-Forwarded-For"] != nil
	switch {
	case !r.ProtoAtLeast(1, 1):
		return lastHit(http.StatusHTTPVersionNotSupported, schema.Unavailable, "only HTTP/1.1 is spoken here")
	case !strings.HasPrefix(path, "/"):
		return lastHit(http.StatusBadRequest, schema.Malformed, "the request target must begin with / (RFC 9112 section 3.2.1)")
	case !once:
		return lastHit(http.StatusBadRequest, schema.Malformed, "Origin stands twice")
	case wantsWebSocket(r.Header):
		return lastHit(http.StatusBadRequest, schema.Malformed, "a WebSocket needs a connection of its own: open a new one")
	case v.unread && isGet(r.Method):
		return lastHit(http.StatusBadRequest, schema.Malformed, "GET and HEAD take no body")
	}
	v.path = path
	return nil
}

// lastHit refuses a request whose connection is better not read on.
func lastHit(status int, code schema.ErrorCode, message string) *hitAnswer {
	a := refuseHit(status, code, message)
	a.hangUp = true
	return a
}

func wantsWebSocket(h http.Header) bool {
	for _, line := range h["Upgrade"] {
		if strings.Contains(strings.ToLower(line), "websocket") {
			return true
		}
	}
	return h.Get("Sec-WebSocket-Key") != ""
}

func isGet(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// route tells the hit's kind.
func (v *visit) route() *hitAnswer {
	own := v.path == pathSpaces || v.path == pathHost
	switch {
	case v.method == http.MethodOptions:
		v.kind = hitCORS
	case v.method == http.MethodPost && !own:
		v.kind = hitSend
	case !isGet(v.method):
		return wrongMethod(v.path)
	case v.path == pathSpaces:
		v.kind = hitSpaces
	case v.path == pathHost:
		v.kind = hitHost
	case !v.limits.plain:
		return wrongMethod(v.path)
	case page.At(v.path, v.limits.page) != nil:
		v.kind = hitFile
	case hasAccept(v.r.Header, eventStream):
		return refuseHit(http.StatusNotAcceptable, schema.Unavailable, "no text/event-stream yet: open a WebSocket")
	default:
		v.kind = hitPlain
		v.browser = v.limits.page && hasAccept(v.r.Header, htmlPage)
	}
	return nil
}

func wrongMethod(path string) *hitAnswer {
	a := refuseHit(http.StatusMethodNotAllowed, schema.Unknown, "only "+methodsOf(path)+" are taken here")
	a.allow = methodsOf(path)
	return a
}

func methodsOf(path string) string {
	if strings.HasPrefix(path, "/-/") {
		return "GET, HEAD, OPTIONS"
	}
	return "POST, OPTIONS"
}

// hasAccept is accepts for a head that net/http has read.
func hasAccept(h http.Header, wanted string) bool {
	for element := range strings.SplitSeq(strings.Join(h["Accept"], ","), ",") {
		kind, _, _ := strings.Cut(element, ";")
		if strings.EqualFold(strings.TrimSpace(kind), wanted) {
			return true
		}
	}
	return false
}

// readQuery takes what may stand behind the ?.
func (v *visit) readQuery() *hitAnswer {
	for name, into := range map[string]*string{"password": &v.password, "otp": &v.otp, "domain": &v.domain} {
		value, _, refused := queryField(v.query, name)
		if refused != nil {
			return refused
		}
		*into = value
	}
	if v.kind == hitHost && v.domain == "" {
		return refuseHit(http.StatusBadRequest, schema.Malformed, "name the host: /-/host?domain=chat.example")
	}
	return nil
}

// queryValue is the first field of that name, "" if there is none or it is broken.
func queryValue(query, name string) string {
	value, _, _ := queryField(query, name)
	return value
}

// queryField finds the first field of that name.
func queryField(query, name string) (value string, found bool, refused *hitAnswer) {
	for field := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(field, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return "", true, refuseHit(http.StatusBadRequest, schema.Malformed, "?"+name+"= is not percent-encoded (RFC 3986 section 2.1)")
		}
		return value, true, nil
	}
	return "", false, nil
}
