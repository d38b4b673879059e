package format

import (
	"strconv"
	"unicode/utf8"
)

// What is wrong with a JSON text.
const (
	faultUTF8      = "it is not UTF-8"
	faultEnd       = "it ends too soon"
	faultJSON      = "it is no JSON"
	faultTrailing  = "something stands behind it"
	faultControl   = "a control character stands in a string unescaped"
	faultEscape    = "a string has an escape that is none"
	faultSurrogate = "a string has half of a surrogate pair (\\ud800 to \\udfff)"
	faultNumber    = "a number is none of JSON's"
)

var faultDepth = "it nests deeper than " + strconv.Itoa(DepthMost)

// valueFault says what is wrong with a text that should be one JSON value
// (RFC 8259), "" if nothing is.
func valueFault(text []byte) string {
	if !utf8.Valid(text) {
		return faultUTF8
	}
	at, why := scanValue(text, blanks(text, 0), DepthMost)
	if why == "" && blanks(text, at) < len(text) {
		why = faultTrailing
	}
	return why
}

func blanks(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// scanValue goes over the value at text[at:] to its end; depth more objects
// and lists may open. Whether the text is UTF-8 it does not ask.
func scanValue(text []byte, at, depth int) (end int, why string) {
	if at >= len(text) {
		return at, faultEnd
	}
	switch c := text[at]; {
	case c == '"':
		end, _, why = scanString(text, at)
		return end, why
	case c == '{' || c == '[':
		if depth == 0 {
			return at, faultDepth
		}
		return scanMembers(text, at, depth-1, nil)
	}
	return scanPlain(text, at)
}

// scanPlain goes over a number, true, false or null.
func scanPlain(text []byte, at int) (end int, why string) {
	switch c := text[at]; {
	case c == 't':
		return literal(text, at, "true")
	case c == 'f':
		return literal(text, at, "false")
	case c == 'n':
		return literal(text, at, "null")
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(text, at)
	}
	return at, faultJSON
}

// scanMembers goes over an object or a list; an object's members go into an
// envelope, if there is one.
func scanMembers(text []byte, at, depth int, into *envelope) (end int, why string) {
	closing, keyed := closes(text[at])
	at = blanks(text, at+1)
	if at < len(text) && text[at] == closing {
		return at + 1, ""
	}
	for {
		var key []byte
		var escaped bool
		if keyed {
			if key, at, escaped, why = scanKey(text, at); why != "" {
				return at, why
			}
		}
		start := at
		if at, why = scanValue(text, at, depth); why != "" {
			return at, why
		}
		if into != nil {
			into.add(key, escaped, text[start:at])
		}
		var last bool
		if at, last, why = scanNext(text, at, closing); why != "" || last {
			return at, why
		}
	}
}

// closes tells what closes an object or a list, and whether it has keys.
func closes(opening byte) (closing byte, keyed bool) {
	return opening + 2, opening == '{' // {} and [] stand so in ASCII
}

// scanNext goes from behind a member to the next one, or behind the last.
func scanNext(text []byte, at int, closing byte) (end int, last bool, why string) {
	at = blanks(text, at)
	switch {
	case at >= len(text):
		return at, false, faultEnd
	case text[at] == closing:
		return at + 1, true, ""
	case text[at] != ',':
		return at, false, faultJSON
	}
	return blanks(text, at+1), false, ""
}

// scanKey goes over an object's key and colon to the value; key is what
// stands between the quotes.
func scanKey(text []byte, at int) (key []byte, end int, escaped bool, why string) {
	if at >= len(text) {
		return nil, at, false, faultEnd
	}
	if text[at] != '"' {
		return nil, at, false, faultJSON
	}
	end, escaped, why = scanString(text, at)
	if why != "" {
		return nil, end, escaped, why
	}
	key = text[at+1 : end-1]
	end = blanks(text, end)
	switch {
	case end >= len(text):
		return key, end, escaped, faultEnd
	case text[end] != ':':
		return key, end, escaped, faultJSON
	}
	return key, blanks(text, end+1), escaped, ""
}

func literal(text []byte, at int, word string) (end int, why string) {
	end = at + len(word)
	if end > len(text) || string(text[at:end]) != word {
		return at, faultJSON
	}
	return end, ""
}

// scanString goes from one quote behind the other.
func scanString(text []byte, at int) (end int, escaped bool, why string) {
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1, escaped, ""
		case c < ' ':
			return at, escaped, faultControl
		case c == '\\':
			escaped = true
			size, why := scanEscape(text[at:])
			if why != "" {
				return at, escaped, why
			}
			at += size - 1
		}
	}
	return at, escaped, faultEnd
}

// scanEscape gives the length of the escape that text begins with; a pair of
// surrogates is one.
func scanEscape(text []byte) (size int, why string) {
	if len(text) < 2 {
		return 0, faultEnd
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, faultEscape
	}
	r := hex4(text)
	switch {
	case r < 0:
		return 0, faultEscape
	case r < 0xd800 || r > 0xdfff:
		return 6, ""
	case r > 0xdbff:
		return 0, faultSurrogate
	}
	if low := hex4(text[6:]); low < 0xdc00 || low > 0xdfff {
		return 0, faultSurrogate
	}
	return 12, ""
}

// hex4 reads \uXXXX; -1 if it is none.
func hex4(text []byte) (r rune) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// scanNumber goes over a number (RFC 8259 section 6).
func scanNumber(text []byte, at int) (end int, why string) {
	if text[at] == '-' {
		at++
	}
	whole := digits(text, at)
	if whole == at || text[at] == '0' && whole > at+1 {
		return at, faultNumber
	}
	at = whole
	if at < len(text) && text[at] == '.' {
		fraction := digits(text, at+1)
		if fraction == at+1 {
			return at, faultNumber
		}
		at = fraction
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		exponent := digits(text, at)
		if exponent == at {
			return at, faultNumber
		}
		at = exponent
	}
	return at, ""
}

func digits(text []byte, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}
