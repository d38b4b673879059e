package format

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
)

func TestReadNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		want number
	}{
		{"0", number{form: asUint}},
		{"18446744073709551615", number{form: asUint, uint: math.MaxUint64}},
		{"18446744073709551616", number{}},
		{"-1", number{form: asInt, int: -1, uint: 1}},
		{"-9223372036854775808", number{form: asInt, int: math.MinInt64, uint: 1 << 63}},
		{"-9223372036854775809", number{}},
		{"0.1", number{form: asFloat, float: 0.1}},
		{"0.10", number{form: asFloat, float: 0.1}},
		{"1e2", number{form: asFloat, float: 100}},
		{"1E00000", number{form: asFloat, float: 1}},
		{"1E+2", number{form: asFloat, float: 100}},
		{"100e-2", number{form: asFloat, float: 1}},
		{"0.00000000000000000000001", number{form: asFloat, float: 1e-23}},
		{"100000000000000000000000", number{form: asFloat, float: 1e23}},
		{"0.30000000000000004", number{form: asFloat, float: 0.1 + 0.2 + 5e-17}},
		{"0.30000000000000001", number{}},
		{"1.7976931348623157e308", number{form: asFloat, float: math.MaxFloat64}},
		{"5e-324", number{form: asFloat, float: 5e-324}},
		{"4e-324", number{}},
		{"1e309", number{}},
		{"1e-400", number{}},
		{"1e99999999999999999999", number{}},
		{"0e99999999999999999999", number{form: asFloat}},
		{"3.14159265358979323846", number{}},
	} {
		if got := readNumber([]byte(c.text)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.text, got, c.want)
		}
	}
	if n := readNumber([]byte("-0")); n.form != asFloat || !math.Signbit(n.float) {
		t.Errorf("-0: %+v", n)
	}
}

// What is written of a float64 is JSON that means it, and no integer.
func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1e20, 1e21, 1e22, 123456789e-20, math.MaxFloat64, 5e-324, 1 << 53} {
		text := appendFloat(nil, f)
		back, err := strconv.ParseFloat(string(text), 64)
		if err != nil || math.Float64bits(back) != math.Float64bits(f) || !json.Valid(text) {
			t.Errorf("%v: %s", f, text)
		}
		if n := readNumber(text); n.form != asFloat || math.Float64bits(n.float) != math.Float64bits(f) {
			t.Errorf("%s: %+v", text, n)
		}
	}
}
