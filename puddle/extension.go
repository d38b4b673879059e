package puddle

import (
	"bytes"

	"github.com/porthouse/porthouse/ipc/table"
)

// permessage-deflate is the one extension that the house speaks (RFC 7692), and
// always without context takeover: each message is compressed by itself, so one
// that is sent to many is compressed once, and a socket takes no window along
// when another puddle serves it.

// windowBits is the window that the house compresses with. Python's websockets
// asks for 12 if nobody tells it otherwise.
const windowBits = 12

// extensionParam is a parameter of an offer (RFC 6455 section 9.1).
type extensionParam struct {
	name, value []byte
	valued      bool
}

// cutParam takes the next parameter off an offer, which follows a semicolon.
// false: it is none.
func cutParam(offer []byte) (param extensionParam, rest []byte, ok bool) {
	end := bytes.IndexByte(offer, ';')
	text := offer
	if rest = nil; end >= 0 {
		text, rest = offer[:end], offer[end:]
	}
	name, value, valued := bytes.Cut(text, []byte("="))
	param = extensionParam{trimBlanks(name), trimBlanks(value), valued}
	if quoted := param.value; len(quoted) >= 2 && quoted[0] == '"' && quoted[len(quoted)-1] == '"' {
		param.value = quoted[1 : len(quoted)-1]
	}
	return param, rest, isToken(param.name) && (!valued || isToken(param.value))
}

// isExtensionList tells whether a line is a list of extensions, each a name
// with parameters (RFC 6455 section 9.1).
func isExtensionList(line []byte) bool {
	for more := true; more; {
		var offer []byte
		if offer, line, more = cutElement(line); len(offer) == 0 {
			continue
		}
		for first := true; len(offer) > 0; first = false {
			if offer[0] == ';' {
				offer = offer[1:]
			}
			param, rest, ok := cutParam(offer)
			if !ok || first && param.valued || len(rest) == 1 {
				return false
			}
			offer = rest
		}
	}
	return true
}

func isToken(b []byte) bool {
	for _, c := range b {
		if byteClasses[c]&tokenByte == 0 {
			return false
		}
	}
	return len(b) > 0
}

// negotiateDeflate takes the first offer of permessage-deflate that can be
// kept (RFC 7692 section 7.1). answer is what the 101 says of it.
func negotiateDeflate(req *request) (agreed uint8, answer string) {
	for offers := req.list(fieldExtensions); offers.next(); {
		if agreed, answer = takeOffer(offers.element); agreed != 0 {
			return agreed, answer
		}
	}
	return 0, ""
}

const agreedAnswer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// takeOffer judges one offer. One with a parameter that is unknown, stands
// twice or has no such value is passed over.
func takeOffer(offer []byte) (agreed uint8, answer string) {
	name, rest, _ := bytes.Cut(offer, []byte(";"))
	if !isName(trimBlanks(name), "permessage-deflate") {
		return 0, ""
	}
	agreed, answer = table.Inflates|table.Deflates, agreedAnswer
	var seen [4]bool
	once := func(n int) bool {
		was := seen[n]
		seen[n] = true
		return !was
	}
	for rest != nil {
		if rest[0] == ';' {
			rest = rest[1:]
		}
		var param extensionParam
		param, rest, _ = cutParam(rest)
		bits, counted := windowOf(param.value)
		ok := false
		switch string(param.name) {
		case "server_no_context_takeover":
			ok = once(0) && !param.valued
		case "client_no_context_takeover":
			ok = once(1) && !param.valued
		case "client_max_window_bits":
			ok = once(2) && (!param.valued || counted)
		case "server_max_window_bits":
			ok = once(3) && counted
			answer += "; server_max_window_bits=" + string(param.value)
			if bits < windowBits { // it is sent nothing compressed, which is always right
				agreed &^= table.Deflates
			}
		}
		if !ok {
			return 0, ""
		}
	}
	return agreed, answer
}

// windowOf reads the bits of a window: 8 to 15, without a leading zero.
func windowOf(value []byte) (bits int, ok bool) {
	switch {
	case len(value) == 1 && (value[0] == '8' || value[0] == '9'):
		return int(value[0] - '0'), true
	case len(value) == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5':
		return 10 + int(value[1]-'0'), true
	}
	return 0, false
}
