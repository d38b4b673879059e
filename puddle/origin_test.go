package puddle

import "testing"

func TestAdmitsOrigin(t *testing.T) {
	self, anyone := []string{originSelf}, []string{originAny}
	for _, test := range []struct {
		origin, host string
		allowed      []string
		want         bool
	}{
		{"http://h", "h", self, true},
		{"http://h:8080", "h:8080", self, true},
		{"https://H.Example", "h.eXAMPLE", self, true},
		{"https://h", "h:443", self, true},
		{"https://h", "h:8080", self, true},
		{"http://h:3000", "h:8080", self, true},
		{"http://[2001:DB8::1]:1", "[2001:db8::1]:2", self, true},
		{"http://other", "h", self, false},
		{"http://h.evil", "h", self, false},
		{"http://evil-h", "h", self, false},
		{"http://sub.h", "h", self, false},

		{"http://localhost:5173", "127.0.0.1:8080", self, true},
		{"http://127.0.0.1:5173", "localhost:8080", self, true},
		{"http://127.9.9.9", "[::1]:8080", self, true},
		{"http://[::1]", "LOCALHOST", self, true},
		{"http://app.localhost", "127.0.0.1", self, true},
		{"http://[::ffff:127.0.0.1]", "127.0.0.1", self, true},
		{"http://localhost.evil", "127.0.0.1", self, false},
		{"http://evillocalhost", "127.0.0.1", self, false},
		{"http://127.0.0.1.evil", "127.0.0.1", self, false},
		{"http://localhost", "h", self, false},
		{"http://h", "localhost", self, false},

		{"null", "h", self, false},
		{"null", "null", self, false},
		{"null", "h", anyone, false},
		{"", "h", anyone, false},
		{"h", "h", self, false},
		{"//h", "h", self, false},
		{"://h", "h", self, false},
		{"1http://h", "h", self, false},
		{"http://", "h", self, false},
		{"file://", "h", anyone, false},
		{"http://h/", "h", self, false},
		{"http://h/path", "h", self, false},
		{"http://user@h", "h", self, false},
		{"http://h:", "h", self, false},
		{"http://h http://h", "h", self, false},
		{"http://h, http://h", "h", self, false},
		{"http://[h]", "[h]", self, false},
		{"http://[:::::]", "127.0.0.1", self, false},

		{"http://other", "h", anyone, true},
		{"chrome-extension://abcdefgh", "h", anyone, true},
		{"http://h", "h", nil, false},
		{"http://app.example", "h", []string{"app.example"}, true},
		{"https://APP.example:8443", "h", []string{"App.Example"}, true},
		{"https://app.example", "h", []string{"app.example:443"}, true},
		{"http://app.example", "h", []string{"app.example:443"}, false},
		{"http://app.example:81", "h", []string{"app.example:80"}, false},
		{"http://h", "h", []string{"app.example"}, false},
		{"http://h", "h", []string{"app.example", originSelf}, true},
		{"http://sub.app.example", "h", []string{"app.example"}, false},
		{"http://self", "h", self, false},
		{"http://h", "h", []string{"http://h", "", "*.h"}, false},
	} {
		if got := admitsOrigin([]byte(test.origin), []byte(test.host), test.allowed); got != test.want {
			t.Errorf("origin %q, host %q, allowed %q: %v", test.origin, test.host, test.allowed, got)
		}
	}
	if !admitsOrigin(nil, []byte("h"), nil) {
		t.Error("a request without Origin does not pass")
	}
}

func BenchmarkAdmitsOrigin(b *testing.B) {
	origin, host, self := []byte("http://porthouse.example:8080"), []byte("porthouse.example:8080"), []string{originSelf}
	b.ReportAllocs()
	for b.Loop() {
		admitsOrigin(origin, host, self)
	}
}
