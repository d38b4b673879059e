package format

import (
	"bytes"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends text as a JSON string (RFC 8259 section 7): escaped
// are quotes, backslashes, control characters, and U+2028 and U+2029, which
// JavaScript before 2019 took for line ends. What is not UTF-8 becomes U+FFFD.
func AppendString[T string | []byte](b []byte, text T) []byte {
	b = append(b, '"')
	clean := 0 // text[clean:at] goes as it is
	for at := 0; at < len(text); {
		c := text[at]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			at++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = runeAt(text, at)
			if r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
				at += size
				continue
			}
			b = append(b, text[clean:at]...)
			b = appendEscape(b, r)
		} else {
			b = append(b, text[clean:at]...)
			b = appendShort(b, c)
		}
		at += size
		clean = at
	}
	b = append(b, text[clean:]...)
	return append(b, '"')
}

func runeAt[T string | []byte](text T, at int) (rune, int) {
	var head [utf8.UTFMax]byte
	n := copy(head[:], text[at:min(at+utf8.UTFMax, len(text))])
	return utf8.DecodeRune(head[:n])
}

func appendShort(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return appendEscape(b, rune(c))
}

func appendEscape(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendUnescaped appends what a JSON string says; inner is what stands
// between its quotes, scanned before.
func appendUnescaped(b, inner []byte) []byte {
	for {
		at := bytes.IndexByte(inner, '\\')
		if at < 0 {
			return append(b, inner...)
		}
		b, inner = append(b, inner[:at]...), inner[at:]
		size, why := scanEscape(inner)
		if why != "" {
			return append(b, inner...)
		}
		b, inner = appendMeant(b, inner[:size]), inner[size:]
	}
}

// appendMeant appends what an escape means.
func appendMeant(b, escape []byte) []byte {
	switch e := escape[1]; e {
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case 'n':
		return append(b, '\n')
	case 'r':
		return append(b, '\r')
	case 't':
		return append(b, '\t')
	case 'u':
		r := hex4(escape)
		if len(escape) > 6 {
			r = (r-0xd800)<<10 | (hex4(escape[6:]) - 0xdc00) + 0x10000
		}
		return utf8.AppendRune(b, r)
	default:
		return append(b, e)
	}
}
