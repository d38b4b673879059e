package format

import (
	"encoding/json"
	"testing"
)

func TestAppendString(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `""`},
		{"hello", `"hello"`},
		{"\"\\/", `"\"\\/"`},
		{"\b\f\n\r\t\x00\x1f\x7f", `"\b\f\n\r\t\u0000\u001f` + "\x7f" + `"`},
		{"é😀", `"é😀"`},
		{"a\u2028b\u2029c", `"a\u2028b\u2029c"`},
		{"a\xffb", `"a\ufffdb"`},
		{"a\xed\xa0\x80", `"a\ufffd\ufffd\ufffd"`},
		{"cut\xf0\x9f\x98", `"cut\ufffd\ufffd\ufffd"`},
		{"\uFFFD", "\"\uFFFD\""},
	} {
		if got := string(AppendString(nil, c.text)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
		if got := string(AppendString([]byte("x"), []byte(c.text))); got != "x"+c.want {
			t.Errorf("%q as bytes: %s", c.text, got)
		}
	}
}

// A string is UTF-8 to us exactly where it is to encoding/json, and says the
// same.
func FuzzString(f *testing.F) {
	for _, text := range []string{"", "a\"\\\n", "\u2028", "\xff", "😀"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := AppendString(nil, text)
		var want string
		if err := json.Unmarshal(written, &want); err != nil {
			t.Fatalf("%q: %s: %v", text, written, err)
		}
		if why := valueFault(written); why != "" {
			t.Fatalf("%q: %s: %s", text, written, why)
		}
		if got := string(unquoted(written)); got != want {
			t.Fatalf("%s: %q, want %q", written, got, want)
		}
	})
}
