package format

import (
	"encoding/binary"
	"math"
)

// The bytes that msgpack's values begin with (the msgpack specification,
// "Formats"). Of a row of sizes the smallest stands here; the next follow.
const (
	packMap      = 0x80 // to 0x8f
	packList     = 0x90 // to 0x9f
	packString   = 0xa0 // to 0xbf
	packNil      = 0xc0
	packNone     = 0xc1 // nothing begins so
	packFalse    = 0xc2
	packTrue     = 0xc3
	packBin8     = 0xc4 // 16, 32
	packExt8     = 0xc7 // 16, 32
	packFloat32  = 0xca // 64
	packUint8    = 0xcc // 16, 32, 64
	packInt8     = 0xd0 // 16, 32, 64
	packFixExt1  = 0xd4 // 2, 4, 8, 16
	packString8  = 0xd9 // 16, 32
	packList16   = 0xdc // 32
	packMap16    = 0xde // 32
	packNegative = 0xe0 // to 0xff
)

// family is how a length is said before strings, bytes, lists or maps.
type family struct {
	short     byte // with the length in it; up to shortMost
	shortMost int
	code8     byte // 0: there is none
	code16    byte
	code32    byte
}

var (
	packStrings = family{packString, 31, packString8, packString8 + 1, packString8 + 2}
	packBytes   = family{0, -1, packBin8, packBin8 + 1, packBin8 + 2}
	packLists   = family{packList, 15, 0, packList16, packList16 + 1}
	packMaps    = family{packMap, 15, 0, packMap16, packMap16 + 1}
)

// head appends the head of something that has n bytes or members.
func (f *family) head(b []byte, n int) []byte {
	switch {
	case n <= f.shortMost:
		return append(b, f.short|byte(n))
	case n <= math.MaxUint8 && f.code8 != 0:
		return append(b, f.code8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, f.code16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, f.code32), uint32(n))
}

// seal puts a head over the byte kept free for it at start, and moves what
// was written behind it if it needs more.
func (f *family) seal(b []byte, start, n int) []byte {
	var most [5]byte
	head := f.head(most[:0], n)
	written := len(b)
	b = append(b, head[1:]...)
	if len(head) > 1 {
		copy(b[start+len(head):], b[start+1:written])
	}
	copy(b[start:], head)
	return b
}

func packText[T string | []byte](b []byte, text T) []byte {
	return append(packStrings.head(b, len(text)), text...)
}

// packEscaped appends as a msgpack string what a JSON string says; inner is
// what stands between its quotes.
func packEscaped(b, inner []byte, escaped bool) []byte {
	if !escaped {
		return packText(b, inner)
	}
	start := len(b)
	b = appendUnescaped(append(b, 0), inner)
	return packStrings.seal(b, start, len(b)-start-1)
}

// packJSON appends one JSON value as msgpack. A text that is none, which no
// caller has, becomes a string.
func packJSON(b, text []byte) []byte {
	start := len(b)
	b, end, why := packValue(b, text, blanks(text, 0), DepthMost+1)
	if why != "" || blanks(text, end) < len(text) {
		return packText(b[:start], text)
	}
	return b
}

// packValue appends the value at text[at:] and gives its end.
func packValue(b, text []byte, at, depth int) (packed []byte, end int, why string) {
	if at >= len(text) {
		return b, at, faultEnd
	}
	switch c := text[at]; c {
	case '"':
		end, escaped, why := scanString(text, at)
		if why != "" {
			return b, end, why
		}
		return packEscaped(b, text[at+1:end-1], escaped), end, ""
	case '{', '[':
		if depth == 0 {
			return b, at, faultDepth
		}
		return packMembers(b, text, at, depth-1)
	}
	if end, why = scanPlain(text, at); why != "" {
		return b, end, why
	}
	return packPlain(b, text[at:end]), end, ""
}

// packMembers appends the object or list at text[at:].
func packMembers(b, text []byte, at, depth int) (packed []byte, end int, why string) {
	family, start, count := &packLists, len(b), 0
	closing, keyed := closes(text[at])
	if keyed {
		family = &packMaps
	}
	b = append(b, 0)
	at = blanks(text, at+1)
	if at < len(text) && text[at] == closing {
		return family.seal(b, start, 0), at + 1, ""
	}
	for last := false; !last; count++ {
		if keyed {
			var key []byte
			var escaped bool
			if key, at, escaped, why = scanKey(text, at); why != "" {
				return b, at, why
			}
			b = packEscaped(b, key, escaped)
		}
		if b, at, why = packValue(b, text, at, depth); why != "" {
			return b, at, why
		}
		if at, last, why = scanNext(text, at, closing); why != "" {
			return b, at, why
		}
	}
	return family.seal(b, start, count), at, ""
}

// packPlain appends a number, true, false or null.
func packPlain(b, text []byte) []byte {
	switch text[0] {
	case 't':
		return append(b, packTrue)
	case 'f':
		return append(b, packFalse)
	case 'n':
		return append(b, packNil)
	}
	switch n := readNumber(text); n.form {
	case asUint:
		return packNatural(b, n.uint)
	case asInt:
		return packInteger(b, n.int)
	case asFloat:
		return binary.BigEndian.AppendUint64(append(b, packFloat32+1), math.Float64bits(n.float))
	}
	return packText(b, text)
}

// packNatural appends a number of zero or more in as few bytes as it takes.
func packNatural(b []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, packUint8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, packUint8+1), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, packUint8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, packUint8+3), n)
}

// packInteger appends a number below zero in as few bytes as it takes.
func packInteger(b []byte, n int64) []byte {
	switch {
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, packInt8, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, packInt8+1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, packInt8+2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, packInt8+3), uint64(n))
}
