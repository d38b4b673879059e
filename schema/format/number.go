package format

import (
	"math"
	"strconv"
)

// number is a JSON number as msgpack can carry it.
type number struct {
	form  numberForm
	int   int64
	uint  uint64
	float float64
}

type numberForm uint8

const (
	asText  numberForm = iota // nothing of msgpack's is this number
	asInt                     // below zero
	asUint                    // zero or more
	asFloat                   // a float64
)

// readNumber reads a JSON number, scanned before. Written without fraction
// and exponent and within 64 bits it is an integer; else a float64, if the
// shortest decimal that means this float64 is the number that was written;
// else text. "-0" is a float64: integers have no such zero.
func readNumber(text []byte) number {
	if n, ok := readInteger(text); ok {
		return n
	}
	written, ok := readDecimal(text)
	if !ok {
		return number{}
	}
	f, ok := written.float()
	if !ok {
		return number{}
	}
	var buffer [32]byte
	if back, ok := readDecimal(strconv.AppendFloat(buffer[:0], f, 'e', -1, 64)); !ok || back != written {
		return number{}
	}
	return number{form: asFloat, float: f}
}

func readInteger(text []byte) (n number, ok bool) {
	negative := text[0] == '-'
	figures := text
	if negative {
		figures = text[1:]
	}
	if len(figures) > 20 || negative && figures[0] == '0' {
		return n, false
	}
	for _, c := range figures {
		digit := uint64(c - '0')
		if c < '0' || c > '9' || n.uint > (math.MaxUint64-digit)/10 {
			return n, false
		}
		n.uint = n.uint*10 + digit
	}
	n.form = asUint
	if negative {
		if n.uint > 1<<63 {
			return n, false
		}
		n.form, n.int = asInt, -int64(n.uint)
	}
	return n, true
}

// decimal is a number's value: 0.DIGITS times ten to the exponent, no zero at
// either end of the digits. A zero has no digits and no exponent.
type decimal struct {
	negative bool
	count    int
	digits   [17]byte // as many as a float64 ever needs
	exponent int
}

// readDecimal is false for a number with more digits than a float64 has, or
// an exponent beyond it.
func readDecimal(text []byte) (d decimal, ok bool) {
	at := 0
	if text[0] == '-' {
		d.negative, at = true, 1
	}
	if at, ok = d.readDigits(text, at); !ok {
		return d, false
	}
	if d.count == 0 {
		d.exponent = 0
		return d, true
	}
	if at < len(text) {
		d.exponent += readExponent(text[at+1:])
	}
	return d, d.exponent > -400 && d.exponent < 400
}

// readDigits reads up to the exponent, false if there are too many digits.
func (d *decimal) readDigits(text []byte, at int) (end int, ok bool) {
	zeros, pointed := 0, false // zeros: read, not yet known to stand between digits
	for ; at < len(text) && text[at] != 'e' && text[at] != 'E'; at++ {
		c := text[at]
		leading := c == '0' && d.count == 0
		switch {
		case c == '.':
			pointed = true
			continue
		case leading && pointed:
			d.exponent--
		case !leading && !pointed:
			d.exponent++
		}
		switch {
		case leading:
		case c == '0':
			zeros++
		case d.count+zeros >= len(d.digits):
			return at, false
		default:
			for ; zeros > 0; zeros-- {
				d.digits[d.count] = '0'
				d.count++
			}
			d.digits[d.count] = c
			d.count++
		}
	}
	return at, true
}

// readExponent reads what stands behind the e, or a number beyond all
// exponents.
func readExponent(text []byte) (exponent int) {
	const beyond = 1 << 40 // more than any text's length can make good
	down := text[0] == '-'
	for _, c := range text {
		if c >= '0' && c <= '9' && exponent < beyond {
			exponent = exponent*10 + int(c-'0')
		}
	}
	if down {
		return -exponent
	}
	return exponent
}

func (d *decimal) float() (float64, bool) {
	if d.count == 0 {
		if d.negative {
			return math.Copysign(0, -1), true
		}
		return 0, true
	}
	var buffer [40]byte
	text := buffer[:0]
	if d.negative {
		text = append(text, '-')
	}
	text = append(text, '.')
	text = append(text, d.digits[:d.count]...)
	text = append(text, 'e')
	text = strconv.AppendInt(text, int64(d.exponent), 10)
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// appendFloat appends a finite float64 as the shortest decimal that means it,
// always with a fraction or an exponent, so that it stays a float64.
func appendFloat(b []byte, f float64) []byte {
	form := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		form = 'e'
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, form, -1, 64)
	for _, c := range b[start:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, '.', '0')
}
