package puddle

import (
	"bytes"

	"github.com/porthouse/porthouse/schema"
)

// guard decides what the first bytes of a connection are, and refuses what is
// no strict HTTP/1.1 request head (RFC 9112) at the first byte that shows it.
// It does no I/O, keeps nothing and allocates nothing.
type guard struct {
	headerBytes int // the longest head, its blank line included (Settings.HeaderBytes)
}

const (
	methodMost = 16   // bytes of a method
	targetMost = 2048 // bytes of a request target
	fieldsMost = 64   // header fields
)

// verdict is what the guard makes of the bytes so far. It does not depend on
// how they arrived: a prefix is verdictMore or already the whole's verdict.
type verdict uint8

const (
	verdictMore    verdict = iota // no whole head yet, nothing wrong so far
	verdictUpgrade                // a WebSocket opening handshake (RFC 6455 section 4.2.1)
	verdictPlain                  // any other HTTP request
	passed                        // within the guard only: this part is right, go on

	refuseTLS // from here on: a row of refusals each
	refuseGarbage
	refuseMethodLength
	refuseHTTP2
	refuseTargetForm
	refuseTargetByte
	refuseTargetLength
	refuseRequestLine
	refuseVersion
	refuseHeadLength
	refuseFieldCount
	refuseFold
	refuseFieldName
	refuseFieldValue
	refuseLineEnd
	refuseRepeated
	refuseNoHost
	refuseHost
	refuseLength
	refuseLengthAndCoding
	refuseCoding
	refuseBody
	refuseProtocolList
	refuseExtensions
	refuseNoUpgrade
	refuseUpgradeMethod
	refuseUpgradeBody
	refuseConnection
	refuseNoProtocolVersion
	refuseProtocolVersion
	refuseKey
)

var refusals = [...]rejection{
	refuseTLS:          reject(400, schema.Malformed, "this port speaks plain HTTP: use ws:// or put a TLS proxy in front"),
	refuseGarbage:      reject(400, schema.Malformed, "this is no HTTP request: one begins with a method such as GET and a space"),
	refuseMethodLength: reject(501, schema.Unavailable, "no method of HTTP is that long"),
	refuseHTTP2:        reject(505, schema.Unavailable, "this port does not speak HTTP/2: use HTTP/1.1"),
	refuseTargetForm:   reject(400, schema.Malformed, "the request target must begin with / and not name a scheme or host (RFC 9112 section 3.2.1)"),
	refuseTargetByte:   reject(400, schema.Malformed, "the request target has a character that no URL may have as it is (RFC 3986): percent-encode it"),
	refuseTargetLength: reject(414, schema.TooLarge, "the request target is longer than 2048 bytes"),
	refuseRequestLine:  reject(400, schema.Malformed, "the request line must end in HTTP/1.1 and CRLF (RFC 9112 section 3)"),
	refuseVersion:      reject(505, schema.Unavailable, "only HTTP/1.1 is spoken here; a proxy in between must be told so (nginx: proxy_http_version 1.1)"),

	refuseHeadLength: reject(431, schema.TooLarge, "the request's head is larger than the house takes: send fewer or shorter header fields"),
	refuseFieldCount: reject(431, schema.TooLarge, "more than 64 header fields"),
	refuseFold:       reject(400, schema.Malformed, "a header line begins with white space (RFC 9112 section 5.2)"),
	refuseFieldName:  reject(400, schema.Malformed, "a header field's name must be a token with a colon right behind it (RFC 9112 section 5.1)"),
	refuseFieldValue: reject(400, schema.Malformed, "a header field's value has a control character (RFC 9110 section 5.5)"),
	refuseLineEnd:    reject(400, schema.Malformed, "every line of the head must end in CRLF; CR or LF must not stand alone (RFC 9112 section 2.2)"),
	refuseRepeated:   reject(400, schema.Malformed, "a header field that may stand only once stands twice, such as Host, Origin or Content-Length"),
	refuseNoHost:     reject(400, schema.Malformed, "the Host header field is missing (RFC 9112 section 3.2)"),
	refuseHost:       reject(400, schema.Malformed, "the Host header field must be host or host:port (RFC 9110 section 7.2)"),

	refuseLength:          reject(400, schema.Malformed, "Content-Length must be one decimal number (RFC 9110 section 8.6)"),
	refuseLengthAndCoding: reject(400, schema.Malformed, "Content-Length and Transfer-Encoding exclude each other (RFC 9112 section 6.1)"),
	refuseCoding:          reject(501, schema.Unavailable, "no Transfer-Encoding but chunked is taken, and none with GET or HEAD"),
	refuseBody:            reject(400, schema.Malformed, "GET and HEAD take no body"),

	refuseProtocolList:      reject(400, schema.Malformed, "Sec-WebSocket-Protocol must be tokens with commas between them (RFC 6455 section 4.1)"),
	refuseExtensions:        reject(400, schema.Malformed, "Sec-WebSocket-Extensions must be names with parameters, commas between them (RFC 6455 section 9.1)"),
	refuseNoUpgrade:         reject(400, schema.Malformed, "a WebSocket handshake without Upgrade: websocket; a proxy in between must pass on Upgrade and Connection"),
	refuseUpgradeMethod:     reject(405, schema.Unknown, "a WebSocket opens with GET (RFC 6455 section 4.1)"),
	refuseUpgradeBody:       reject(400, schema.Malformed, "a WebSocket handshake has no body: neither Content-Length nor Transfer-Encoding"),
	refuseConnection:        reject(400, schema.Malformed, "Connection must be a list of tokens with upgrade among them; a proxy in between must pass it on (RFC 6455 section 4.1)"),
	refuseNoProtocolVersion: reject(400, schema.Malformed, "Sec-WebSocket-Version is missing: send 13"),
	refuseProtocolVersion:   reject(426, schema.Unavailable, "only Sec-WebSocket-Version 13 is spoken here"),
	refuseKey:               reject(400, schema.Malformed, "Sec-WebSocket-Key must be there and be 16 bytes in base64 (RFC 6455 section 4.1)"),
}

// refused is how a refusing verdict is answered, nil for the others.
func (v verdict) refused() *rejection {
	if v < refuseTLS {
		return nil
	}
	return &refusals[v]
}

// field is a header field that the house reads. To read one more, give it a
// line here and a row in fieldRules.
type field uint8

const (
	fieldHost field = iota
	fieldOrigin
	fieldAccept
	fieldConnection
	fieldUpgrade
	fieldLength
	fieldCoding
	fieldKey
	fieldVersion
	fieldProtocol
	fieldExtensions
	fieldAuthorization
	fieldWant
	fieldForwardedFor
	fieldForwardedProto
	fieldsKnown // how many
)

var fieldRules = [fieldsKnown]struct {
	name string // in lower case
	once bool   // a second line is refused; a list may go on over several lines (RFC 9110 section 5.3)
}{
	fieldHost:       {"host", true},
	fieldOrigin:     {"origin", true},
	fieldAccept:     {"accept", false},
	fieldConnection: {"connection", false},
	fieldUpgrade:    {"upgrade", false},
	fieldLength:     {"content-length", true},
	fieldCoding:     {"transfer-encoding", false},
	fieldKey:        {"sec-websocket-key", true},
	fieldVersion:    {"sec-websocket-version", true},
	fieldProtocol:   {"sec-websocket-protocol", false},
	fieldExtensions: {"sec-websocket-extensions", false},

	fieldAuthorization: {"authorization", true},
	fieldWant:          {"porthouse-want", false},
	fieldForwardedFor:  {"x-forwarded-for", false},

	fieldForwardedProto: {"x-forwarded-proto", false},
}

// request is a request's head, as slices of the bytes that were judged: it is
// good only as long as they are.
type request struct {
	method, target []byte
	path, query    []byte // of the target; query is nil where there is no ?
	head           []byte // from the method to the blank line, both included
	early          []byte // what came with the head: the body, or the first frames
	length         int64  // Content-Length, -1 if there is none
	fields         []byte // the header lines, without the blank one
	values         [fieldsKnown][]byte
	sealed         bool   // its client speaks TLS, as a proxy of ours says
	repeated       uint16 // a bit for each field that has more lines than its first
}

// value is a field's value without the white space around it, of the first of
// its lines; nil if there is none.
func (r *request) value(f field) []byte { return r.values[f] }

func (r *request) has(f field) bool { return r.values[f] != nil }
func (r *request) host() []byte     { return r.values[fieldHost] }
func (r *request) origin() []byte   { return r.values[fieldOrigin] }

// fieldList walks through the elements of a field that is a list, over all its
// lines (RFC 9110 section 5.6.1).
type fieldList struct {
	element []byte
	value   []byte // what the line at hand has left
	more    bool   // whether there is an element in it, which may be empty
	rest    []byte // lines not yet looked at
	field   field
}

func (r *request) list(f field) fieldList {
	if r.repeated&(1<<f) != 0 {
		return fieldList{rest: r.fields, field: f}
	}
	return fieldList{value: r.values[f], more: r.has(f), field: f}
}

// next goes to the next element that is not empty.
func (l *fieldList) next() bool {
	for l.more || l.nextLine() {
		if l.element, l.value, l.more = cutElement(l.value); len(l.element) > 0 {
			return true
		}
	}
	return false
}

// nextLine goes to the next line of the field.
func (l *fieldList) nextLine() bool {
	for len(l.rest) > 0 {
		end := bytes.IndexByte(l.rest, '\n') + 1
		line := l.rest[:end-len("\r\n")]
		l.rest = l.rest[end:]
		colon := bytes.IndexByte(line, ':')
		if isName(line[:colon], fieldRules[l.field].name) {
			l.value, l.more = trimBlanks(line[colon+1:]), true
			return true
		}
	}
	return false
}

// lists tells whether an element of a field that is a list, over all its lines,
// is token, in whatever case, and whether all are tokens. A protocol of Upgrade
// may have a version behind a slash (RFC 9110 section 7.8).
func (r *request) lists(f field, token string) (has, ok bool) {
	ok = true
	for elements := r.list(f); elements.next(); {
		has = has || isName(elements.element, token)
		for _, c := range elements.element {
			ok = ok && (byteClasses[c]&tokenByte != 0 || c == '/' && f == fieldUpgrade)
		}
	}
	return has, ok
}

// judge says what b, all that a connection has sent so far, is. The request
// is whole where the verdict is verdictUpgrade or verdictPlain. It may be
// asked again when there is more.
func (g guard) judge(b []byte) (req request, v verdict) {
	window := b[:min(len(b), g.headerBytes)]
	v = req.scan(window)
	if v == verdictMore && len(window) == g.headerBytes {
		v = refuseHeadLength
	}
	req.early = b[len(req.head):]
	return req, v
}

// scan reads a head from left to right and stops at the first fault.
func (r *request) scan(b []byte) verdict {
	r.length = -1
	start, v := r.scanRequestLine(b)
	if v != passed {
		return v
	}
	at := start
	for lines := 0; ; lines++ {
		switch rest := b[at:]; {
		case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
			return verdictMore
		case rest[0] == '\r' && rest[1] == '\n':
			r.fields, r.head = b[start:at], b[:at+2]
			return r.weigh()
		case rest[0] == '\r':
			return refuseLineEnd
		case lines == fieldsMost:
			return refuseFieldCount
		}
		size, v := r.scanField(b[at:])
		if v != passed {
			return v
		}
		at += size
	}
}

// scanRequestLine reads `method SP target SP HTTP/1.1 CRLF` (RFC 9112
// section 3) and tells where the header lines begin.
func (r *request) scanRequestLine(b []byte) (size int, v verdict) {
	end, v := scanMethod(b)
	if v != passed {
		return 0, v
	}
	r.method, size = b[:end], end+1

	end, question, v := scanTarget(b[size:])
	if v != passed {
		return 0, v
	}
	r.target = b[size : size+end]
	r.path = r.target
	if question >= 0 {
		r.path, r.query = r.target[:question], r.target[question+1:]
	}
	size += end + 1

	end, v = scanVersion(b[size:])
	return size + end, v
}

// scanMethod finds the space behind the method (RFC 9110 section 9.1).
func scanMethod(b []byte) (end int, v verdict) {
	const handshake = 0x16 // what a TLS ClientHello begins with (RFC 8446 section 5.1)
	for i, c := range b {
		switch {
		case c == ' ' && string(b[:i]) == "PRI": // RFC 9113 section 3.4
			return 0, refuseHTTP2
		case c == ' ' && i > 0:
			return i, passed
		case i == 0 && c == handshake:
			return 0, refuseTLS
		case !isLetter(c) && (c != '-' || i == 0):
			return 0, refuseGarbage
		case i == methodMost:
			return 0, refuseMethodLength
		}
	}
	return 0, verdictMore
}

// scanTarget finds the space behind a target in origin form (RFC 9112 section
// 3.2.1), and its first question mark or -1.
func scanTarget(b []byte) (end, question int, v verdict) {
	question = -1
	digits := 0 // that a % still owes
	for i, c := range b {
		switch {
		case i == 0 && c != '/':
			return 0, 0, refuseTargetForm
		case digits > 0 && !isHex(c):
			return 0, 0, refuseTargetByte
		case c == ' ':
			return i, question, passed
		case i == targetMost:
			return 0, 0, refuseTargetLength
		case byteClasses[c]&targetByte == 0:
			return 0, 0, refuseTargetByte
		case digits > 0:
			digits--
		case c == '?' && question < 0:
			question = i
		case c == '%' && question < 0: // browsers leave a bare % in a query alone
			digits = 2
		}
	}
	return 0, 0, verdictMore
}

// scanVersion reads the HTTP version and the line's end (RFC 9112 section 2.3).
func scanVersion(b []byte) (size int, v verdict) {
	const want = "HTTP/1.1\r\n"
	for i := range len(want) {
		switch {
		case i == len(b):
			return 0, verdictMore
		case b[i] == want[i]:
		case isDigit(want[i]) && isDigit(b[i]):
			return 0, refuseVersion
		default:
			return 0, refuseRequestLine
		}
	}
	return len(want), passed
}

// scanField reads one header line (RFC 9112 section 5).
func (r *request) scanField(b []byte) (size int, v verdict) {
	colon, v := scanName(b)
	if v != passed {
		return 0, v
	}
	begin := colon + 1
	end := begin
	for end < len(b) && byteClasses[b[end]]&valueByte != 0 {
		end++
	}
	switch rest := b[end:]; {
	case len(rest) == 0, len(rest) == 1 && rest[0] == '\r':
		return 0, verdictMore
	case rest[0] == '\n', rest[0] == '\r' && rest[1] != '\n':
		return 0, refuseLineEnd
	case rest[0] != '\r':
		return 0, refuseFieldValue
	}
	return end + 2, r.take(b[:colon], trimBlanks(b[begin:end]))
}

// scanName finds the colon behind a header field's name.
func scanName(b []byte) (colon int, v verdict) {
	for i, c := range b {
		switch {
		case byteClasses[c]&tokenByte != 0:
		case c == ':' && i > 0:
			return i, passed
		case isBlank(c) && i == 0:
			return 0, refuseFold
		case c == '\n':
			return 0, refuseLineEnd
		default:
			return 0, refuseFieldName
		}
	}
	return 0, verdictMore
}

// take keeps the value of a field that the house reads, and checks those that
// can be judged by themselves.
func (r *request) take(name, value []byte) verdict {
	f := knownField(name)
	switch {
	case f == fieldsKnown:
		return passed
	case r.has(f) && fieldRules[f].once:
		return refuseRepeated
	case r.has(f):
		r.repeated |= 1 << f
	default:
		r.values[f] = value
	}
	ok := true
	switch f {
	case fieldHost:
		if _, _, ok = splitHost(value); !ok {
			return refuseHost
		}
	case fieldLength:
		if r.length, ok = parseLength(value); !ok {
			return refuseLength
		}
	case fieldProtocol:
		if _, ok = listHas(value, ""); !ok {
			return refuseProtocolList
		}
	case fieldExtensions:
		if !isExtensionList(value) {
			return refuseExtensions
		}
	}
	return passed
}

// weigh judges a whole head by what its fields say together.
func (r *request) weigh() verdict {
	upgrade, list := r.lists(fieldUpgrade, "websocket")
	get := string(r.method) == "GET"
	switch {
	case !r.has(fieldHost):
		return refuseNoHost
	case r.has(fieldCoding) && r.has(fieldLength):
		return refuseLengthAndCoding
	case upgrade && list:
		return r.weighUpgrade()
	case r.has(fieldKey), r.has(fieldVersion):
		return refuseNoUpgrade
	case r.has(fieldCoding) && (get || string(r.method) == "HEAD" || r.repeated&(1<<fieldCoding) != 0 || !isName(r.value(fieldCoding), "chunked")):
		return refuseCoding
	case r.length > 0 && (get || string(r.method) == "HEAD"):
		return refuseBody
	}
	return verdictPlain // also with another protocol in Upgrade, such as h2c: RFC 9110 section 7.8
}

// weighUpgrade judges an opening handshake (RFC 6455 section 4.2.1).
func (r *request) weighUpgrade() verdict {
	connection, list := r.lists(fieldConnection, "upgrade")
	switch {
	case string(r.method) != "GET":
		return refuseUpgradeMethod
	case r.has(fieldLength), r.has(fieldCoding):
		return refuseUpgradeBody
	case !connection, !list:
		return refuseConnection
	case !r.has(fieldVersion):
		return refuseNoProtocolVersion
	case string(r.value(fieldVersion)) != "13":
		return refuseProtocolVersion
	case !isKey(r.value(fieldKey)):
		return refuseKey
	}
	return verdictUpgrade
}

// knownField is the field of that name, fieldsKnown if the house reads none such.
func knownField(name []byte) field {
	for f := range fieldsKnown {
		if isName(name, fieldRules[f].name) {
			return f
		}
	}
	return fieldsKnown
}

// parseLength reads 1*DIGIT that fits (RFC 9110 section 8.6).
func parseLength(b []byte) (length int64, ok bool) {
	const digits = 18 // always fit an int64
	if len(b) == 0 || len(b) > digits {
		return -1, false
	}
	for _, c := range b {
		if !isDigit(c) {
			return -1, false
		}
		length = length*10 + int64(c-'0')
	}
	return length, true
}

// isKey tells whether b is 16 bytes in base64.
func isKey(b []byte) bool {
	if len(b) != 24 || string(b[22:]) != "==" {
		return false
	}
	for _, c := range b[:22] {
		if !isLetter(c) && !isDigit(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// listHas tells whether an element of a list is token, in whatever case, and
// whether the list is one of tokens only.
func listHas(list []byte, token string) (has, ok bool) {
	for more := true; more; {
		var element []byte
		element, list, more = cutElement(list)
		for _, c := range element {
			if byteClasses[c]&tokenByte == 0 {
				return has, false
			}
		}
		has = has || len(element) > 0 && isName(element, token)
	}
	return has, true
}

// cutElement takes the first element from a list; it may be empty.
func cutElement(list []byte) (element, rest []byte, more bool) {
	if comma := bytes.IndexByte(list, ','); comma >= 0 {
		return trimBlanks(list[:comma]), list[comma+1:], true
	}
	return trimBlanks(list), nil, false
}

// isName tells whether b is name, which is in lower case, in whatever case.
func isName(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if lower(c) != name[i] {
			return false
		}
	}
	return true
}

// trimBlanks cuts the optional white space around a value (RFC 9110 section 5.6.3).
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool  { return c == ' ' || c == '\t' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return lower(c) >= 'a' && lower(c) <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || lower(c) >= 'a' && lower(c) <= 'f' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// What a byte may stand in.
const (
	tokenByte  = 1 << iota // a token (RFC 9110 section 5.6.2)
	targetByte             // a request target: RFC 3986, and what browsers leave unencoded beside it
	valueByte              // a field's value: visible, space, tab, obs-text (RFC 9110 section 5.5)
)

var byteClasses = func() (classes [256]uint8) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	mark := func(class uint8, bytes string) {
		for i := range len(bytes) {
			classes[bytes[i]] |= class
		}
	}
	mark(tokenByte, alphanumeric+"!#$%&'*+-.^_`|~")
	mark(targetByte, alphanumeric+"-._~!$&'()*+,;=:@/?%"+`[]{}|^\`+"`")
	for c := range classes {
		if c >= ' ' && c != 0x7f || c == '\t' {
			classes[c] |= valueByte
		}
	}
	return classes
}()
