package format

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// What is wrong with msgpack. The first is no msgpack at all, the others are
// what JSON has no word for.
const (
	faultNone     = "a byte 0xc1 stands where a value begins, which is no msgpack"
	faultExt      = "an extension type (a timestamp is one) stands in it: send a string or a number"
	faultInfinite = "a number is NaN or infinite, which JSON cannot say"
	faultInside   = `bytes (bin) stand inside of a value: send them alone, as "data", or as a base64 string`
	faultKey      = "a map has a key that is no string"
)

// form is what a msgpack value is.
type form uint8

const (
	formNil form = iota
	formFalse
	formTrue
	formNatural
	formInteger
	formFloat
	formString
	formBytes
	formExt
	formList
	formMap
)

// head is what a msgpack value begins with.
type head struct {
	form form
	bits uint64 // a number, an integer's and a float64's bits, or a length
}

// length counts the bytes of a string, of bytes or an extension, or the
// members of a list or map.
func (h head) length() int { return int(h.bits) }

func (h head) float() float64 { return math.Float64frombits(h.bits) }

// readHead reads the head at input[at:]; what it announces of bytes is there.
func readHead(input []byte, at int) (h head, next int, why string) {
	if at >= len(input) {
		return h, at, faultEnd
	}
	c := input[at]
	switch at++; {
	case c < packMap:
		return head{formNatural, uint64(c)}, at, ""
	case c < packList:
		return head{formMap, uint64(c - packMap)}, at, ""
	case c < packString:
		return head{formList, uint64(c - packList)}, at, ""
	case c < packNil:
		return sized(input, at, formString, int(c-packString))
	case c >= packNegative:
		return head{formInteger, uint64(int8(c))}, at, ""
	case c >= packFixExt1 && c < packString8:
		return sized(input, at, formExt, 1+1<<(c-packFixExt1))
	}
	return readLong(input, at, c)
}

// readLong reads what stands in bytes of its own behind c, or is a word.
func readLong(input []byte, at int, c byte) (h head, next int, why string) {
	switch {
	case c == packNil:
		return h, at, ""
	case c == packNone:
		return h, at, faultNone
	case c <= packTrue:
		return head{form: formFalse + form(c-packFalse)}, at, ""
	}
	f, width := longForm(c)
	if len(input)-at < width {
		return h, at, faultEnd
	}
	var n uint64
	for _, digit := range input[at : at+width] {
		n = n<<8 | uint64(digit)
	}
	at += width
	switch f {
	case formInteger:
		unused := 64 - 8*width
		n = uint64(int64(n<<unused) >> unused)
	case formFloat:
		if width == 4 {
			n = math.Float64bits(float64(math.Float32frombits(uint32(n))))
		}
	case formExt:
		return sized(input, at, f, 1+int(n)) // 1: its type
	case formString, formBytes:
		return sized(input, at, f, int(n))
	}
	return head{f, n}, at, ""
}

// longForm tells what c begins and how many bytes follow for its number or
// length.
func longForm(c byte) (f form, width int) {
	switch {
	case c < packExt8:
		return formBytes, 1 << (c - packBin8)
	case c < packFloat32:
		return formExt, 1 << (c - packExt8)
	case c < packUint8:
		return formFloat, 4 << (c - packFloat32)
	case c < packInt8:
		return formNatural, 1 << (c - packUint8)
	case c < packFixExt1:
		return formInteger, 1 << (c - packInt8)
	case c < packList16:
		return formString, 1 << (c - packString8)
	case c < packMap16:
		return formList, 2 << (c - packList16)
	}
	return formMap, 2 << (c - packMap16)
}

func sized(input []byte, at int, f form, length int) (h head, next int, why string) {
	if len(input)-at < length {
		return h, at, faultEnd
	}
	return head{f, uint64(length)}, at, ""
}

// skipPacked goes over the value at input[at:] to its end; depth more maps
// and lists may open.
func skipPacked(input []byte, at, depth int) (end int, why string) {
	h, at, why := readHead(input, at)
	if why != "" {
		return at, why
	}
	values := h.length()
	switch h.form {
	case formString, formBytes, formExt:
		return at + h.length(), ""
	case formMap:
		values *= 2
	case formList:
	default:
		return at, ""
	}
	if depth == 0 {
		return at, faultDepth
	}
	for ; values > 0; values-- {
		if at, why = skipPacked(input, at, depth-1); why != "" {
			return at, why
		}
	}
	return at, ""
}

// unpackValue appends the msgpack value at input[at:] as JSON.
func unpackValue(b, input []byte, at, depth int) (text []byte, end int, why string) {
	h, at, why := readHead(input, at)
	if why != "" {
		return b, at, why
	}
	switch h.form {
	case formNil:
		return append(b, "null"...), at, ""
	case formFalse:
		return append(b, "false"...), at, ""
	case formTrue:
		return append(b, "true"...), at, ""
	case formNatural:
		return strconv.AppendUint(b, h.bits, 10), at, ""
	case formInteger:
		return strconv.AppendInt(b, int64(h.bits), 10), at, ""
	case formFloat:
		if math.IsNaN(h.float()) || math.IsInf(h.float(), 0) {
			return b, at, faultInfinite
		}
		return appendFloat(b, h.float()), at, ""
	case formString:
		return AppendString(b, input[at:at+h.length()]), at + h.length(), utf8Fault(input[at : at+h.length()])
	case formBytes:
		return b, at, faultInside
	case formExt:
		return b, at, faultExt
	}
	if depth == 0 {
		return b, at, faultDepth
	}
	return unpackMembers(b, input, at, depth-1, h)
}

// unpackMembers appends a list's or map's members from input[at:].
func unpackMembers(b, input []byte, at, depth int, h head) (text []byte, end int, why string) {
	opening := byte('[')
	if h.form == formMap {
		opening = '{'
	}
	closing, keyed := closes(opening)
	b = append(b, opening)
	for i := range h.length() {
		if i > 0 {
			b = append(b, ',')
		}
		if keyed {
			if at >= len(input) {
				return b, at, faultEnd
			}
			if !beginsString(input[at]) {
				return b, at, faultKey
			}
			if b, at, why = unpackValue(b, input, at, 0); why != "" {
				return b, at, why
			}
			b = append(b, ':')
		}
		if b, at, why = unpackValue(b, input, at, depth); why != "" {
			return b, at, why
		}
	}
	return append(b, closing), at, ""
}

func beginsString(c byte) bool {
	return c >= packString && c < packNil || c >= packString8 && c < packList16
}

func utf8Fault(text []byte) string {
	if utf8.Valid(text) {
		return ""
	}
	return faultUTF8
}
