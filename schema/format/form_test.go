package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

const urlEncoded = typeURLEncoded

func TestFormShowsNoSecret(t *testing.T) {
	form, isForm, refusal := ParseForm(urlEncoded, []byte("message=x&password=hunter2&token=pht_x&otp=123456"), 100)
	if !isForm || refusal != nil || form.Password != "hunter2" {
		t.Fatal(isForm, refusal)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if shown := fmt.Sprintf(verb, form); strings.Contains(shown, "hunter2") || strings.Contains(shown, "pht_x") || strings.Contains(shown, "123456") {
			t.Errorf("%s: %s", verb, shown)
		}
	}
}

func TestWhatIsAForm(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		want              bool
	}{
		{urlEncoded, "a=b", true}, {urlEncoded + "; charset=UTF-8", "a=b", true}, {urlEncoded, "=", true},
		{urlEncoded, "hello", false}, {"", "a=b", false}, {"text/plain", "a=b", false},
		{"multipart/form-data; boundary=B", "", true}, {"multipart/mixed; boundary=B", "", false},
	} {
		if _, isForm, _ := ParseForm(c.contentType, []byte(c.body), 100); isForm != c.want {
			t.Errorf("%s %q: %v", c.contentType, c.body, isForm)
		}
	}
}

// A form's object counts as a whole, and 257 receivers are too many.
func TestFormBounds(t *testing.T) {
	for _, c := range []struct {
		body string
		most int
		want schema.ErrorCode
	}{
		{"a=" + strings.Repeat("x", 8), 16, ""},
		{"a=" + strings.Repeat("x", 10) + "&b=y", 16, schema.TooLarge},
		{"message=x&to=" + strings.Repeat("a,", ToMost), 1000, ""},
		{"message=x&to=" + strings.Repeat("a,", ToMost+1), 1000, schema.Malformed},
		{"message=x&password=" + strings.Repeat("x", schema.WordMost), 1 << 20, ""},
		{"message=x&password=" + strings.Repeat("x", schema.WordMost+1), 1 << 20, schema.TooLarge},
	} {
		_, _, refusal := ParseForm(urlEncoded, []byte(c.body), c.most)
		if (refusal == nil) != (c.want == "") || refusal != nil && refusal.Code != c.want {
			t.Errorf("%.40s: %v, want %q", c.body, refusal, c.want)
		}
	}
}
