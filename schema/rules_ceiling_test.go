package schema

import (
	"strings"
	"testing"
)

// Each key's ceiling, rules that keep within it and rules that exceed it.
var ceilingCases = []struct{ key, ceiling, within, beyond string }{
	{"access", `"authenticated"`, `"authenticated" "listed" "owner"`, `"anyone" null`},
	{"access", `"owner"`, `"owner"`, `"anyone" "authenticated" "listed"`},
	{"access", `"anyone"`, `"anyone" "owner" null`, ``},
	{"allow", `["a","b"]`, `[] ["a"] ["b","a"] null`, `["c"] ["a","c"]`},
	{"deny", `["a"]`, `["a"] ["b","a"]`, `[] ["b"] null`},
	{"password", `true`, `"x"`, `null`},
	{"otp", `true`, `true "JBSWY3DPEHPK3PXP"`, `false null`},
	{"otp", `false`, `true false null`, ``},
	{"origins", `["self","a"]`, `["self"] ["a","self"] [] null`, `["b"] ["*"]`},
	{"origins", `["a"]`, `["a"] []`, `["self"] null`},
	{"origins", `["*"]`, `["self"] ["*"] ["b"] null`, ``},
	{"visible", `false`, `false`, `true null`},
	{"visible", `true`, `false true`, ``},
	{"members", `10`, `1 10`, `11 null`},
	{"anonymous", `0`, `0`, `1 null`},
	{"send", `"listed"`, `"listed" "owner" "nobody"`, `"members" "authenticated" null`},
	{"to", `"everyone"`, `"everyone" "owner" "self"`, `"any" null`},
	{"echo", `false`, `false null`, `true`},
	{"size", `1024`, `1 1024`, `1025 65536 null`},
	{"rate", `"10/s"`, `"10/s" "600/m" "1/m"`, `"11/s" "601/m" null`},
	{"rate", `"60/m"`, `"1/s" "60/m"`, `"2/s" "61/m"`},
	{"format", `"json"`, `"json"`, `"any" "text" "bytes" null`},
	{"format", `"any"`, `"json" "any"`, ``},
	{"meta", `["time","id"]`, `[] ["id"] ["id","time"] null`, `["from"] ["from","id"]`},
	{"history", `0`, `0 null`, ``},
	{"ttl", `null`, `null`, ``},
	{"presence", `false`, `false null`, `true`},
	{"ends", `"owner"`, `"owner"`, `"last" null`},
	{"driver", `null`, `null`, ``},
}

func TestCeilings(t *testing.T) {
	seen := map[string]bool{"burst": true} // below
	for _, c := range ceilingCases {
		seen[c.key] = true
		ceilings, refusal := ParseCeilings([]byte(`{"` + c.key + `":` + c.ceiling + `}`))
		if refusal != nil {
			t.Fatal(refusal)
		}
		check := func(value string, want bool) {
			p := parse(t, `{"`+c.key+`":`+value+`}`)
			_, rules, refusal := Said{}.Apply(p, DefaultRules())
			if refusal != nil {
				t.Fatal(refusal)
			}
			for _, refusal := range []*Refusal{rules.Within(ceilings), rules.ChangeWithin(ceilings, p)} {
				if (refusal == nil) != want {
					t.Errorf("%s %s under %s: %v", c.key, value, c.ceiling, refusal)
				}
				if refusal != nil && (refusal.Code != Denied || !strings.HasPrefix(refusal.Message, c.key+": ")) {
					t.Errorf("%s %s: %v", c.key, value, refusal)
				}
			}
			if refusal := rules.ChangeWithin(ceilings, Patch{}); refusal != nil {
				t.Errorf("%s: an owner is held to what it did not touch: %v", c.key, refusal)
			}
		}
		for _, value := range strings.Fields(c.within) {
			check(value, true)
		}
		for _, value := range strings.Fields(c.beyond) {
			check(value, false)
		}
		clamped := ceilings.Clamp(DefaultRules())
		if refusal := clamped.Within(ceilings); refusal != nil && c.key != "password" {
			t.Errorf("%s clamped to %s: %v", c.key, c.ceiling, refusal)
		}
	}
	for _, name := range RuleNames() {
		if !seen[name] {
			t.Errorf("%s has no case", name)
		}
	}
}

func TestBurstUnderCeilings(t *testing.T) {
	ceilings, _ := ParseCeilings([]byte(`{"rate":"20/s","burst":5}`))
	for input, want := range map[string]bool{
		`{"rate":"20/s","burst":5}`: true,
		`{"rate":"5/s"}`:            true,
		`{"rate":"6/s"}`:            false, // its own number bursts
		`{"rate":"6/s","burst":6}`:  false,
		`{"rate":"21/s","burst":1}`: false,
	} {
		p := parse(t, input)
		_, rules, _ := Said{}.Apply(p, DefaultRules())
		if (rules.Within(ceilings) == nil) != want || (rules.ChangeWithin(ceilings, p) == nil) != want {
			t.Errorf("%s: %v", input, rules.Within(ceilings))
		}
	}
	house := ceilings.Clamp(DefaultRules())
	if house.Rate != (Pace{20, 1000}) || house.Burst != 5 || house.Within(ceilings) != nil {
		t.Errorf("clamped: %s", house)
	}
}

func TestClampOfLists(t *testing.T) {
	ceilings, _ := ParseCeilings([]byte(`{"allow":["a","b"],"deny":["x"]}`))
	defaults := DefaultRules()
	defaults.Allow, defaults.Deny = []string{"b", "c"}, []string{"y"}
	clamped := ceilings.Clamp(defaults)
	if strings.Join(clamped.Allow, " ") != "b" || strings.Join(clamped.Deny, " ") != "y x" {
		t.Errorf("%s", clamped)
	}
	if strings.Join(defaults.Allow, " ") != "b c" || strings.Join(defaults.Deny, " ") != "y" {
		t.Errorf("the defaults were changed: %s", defaults)
	}
}

func TestCeilingsHaveNoSecrets(t *testing.T) {
	for _, input := range []string{`{"password":"x"}`, `{"otp":"JBSWY3DPEHPK3PXP"}`, `{"sice":1}`, `{"size":null,"size":1}`} {
		if _, refusal := ParseCeilings([]byte(input)); refusal == nil || refusal.Code != Malformed {
			t.Errorf("%s: %v", input, refusal)
		}
	}
}
