package room

import "testing"

func TestAdmitsOrigin(t *testing.T) {
	const host = "house.example:8080"
	for _, c := range []struct {
		origin, host, allowed string
		want                  bool
	}{
		{"https://house.example", host, "self", true},
		{"http://HOUSE.example:3000", host, "self", true},
		{"https://elsewhere.example", host, "self", false},
		{"https://house.example.evil", host, "self", false},
		{"null", host, "self", false},
		{"null", host, "*", false},
		{"", host, "*", false},
		{"https://", host, "*", false},
		{"https://a b", host, "*", false},
		{"1http://a", host, "*", false},
		{"https://elsewhere.example", host, "*", true},
		{"http://localhost:3000", "127.0.0.1:8080", "self", true},
		{"http://[::1]", "localhost", "self", true},
		{"http://app.localhost", "127.9.9.9", "self", true},
		{"http://localhost", host, "self", false},
		{"https://app.example", host, "app.example", true},
		{"https://app.example:444", host, "app.example", true},
		{"https://app.example", host, "app.example:443", true},
		{"http://app.example", host, "app.example:443", false},
		{"https://app.example:8443", host, "app.example:443", false},
	} {
		if got := AdmitsOrigin([]byte(c.origin), []byte(c.host), []string{c.allowed}); got != c.want {
			t.Errorf("%q to %q by %q: %v", c.origin, c.host, c.allowed, got)
		}
	}
	if !AdmitsOrigin(nil, []byte(host), nil) || AdmitsOrigin([]byte("https://house.example"), []byte(host), nil) {
		t.Error("no Origin passes; an empty list takes no page")
	}
}
