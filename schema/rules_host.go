package schema

import "strings"

// SplitHost takes host[:port] apart (RFC 9110 section 7.2): a name of
// letters, digits, - and _ in labels, an IPv4 address, or an IPv6 address in
// brackets, which stay. port is "" if there is none.
func SplitHost(text string) (host, port string, ok bool) {
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']') + 1
		host, rest := text[:end], text[end:]
		if !isIPv6(host) {
			return "", "", false
		}
		if rest == "" {
			return host, "", true
		}
		return host, rest[1:], rest[0] == ':' && isPort(rest[1:])
	}
	host, port, ported := strings.Cut(text, ":")
	return host, port, isHostName(host) && (!ported || isPort(port))
}

func isHostName(text string) bool {
	const most = 255
	dot := true // no label is empty but the one behind the last dot
	for i := 0; i < len(text); i++ {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if c == '.' && dot || c != '.' && !letter && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
		dot = c == '.'
	}
	return len(text) > 0 && len(text) <= most
}

// isIPv6 judges the characters of an address in brackets (RFC 3986 section
// 3.2.2).
func isIPv6(text string) bool {
	const least, most = len("[::]"), len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")
	if len(text) < least || len(text) > most {
		return false
	}
	inner := text[1 : len(text)-1]
	for i := 0; i < len(inner); i++ {
		if c := inner[i]; !isDigit(c) && c != ':' && c != '.' && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return strings.Count(inner, ":") >= 2
}

func isPort(text string) bool {
	_, ok := number(text, 0, 65535)
	return ok
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads decimal digits without sign, point, exponent or leading zero.
func number(text string, least, most int64) (int64, bool) {
	if text == "" || len(text) > 18 || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, n >= least && n <= most
}
