package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultRules(t *testing.T) {
	const want = `{"access":"anyone","allow":[],"deny":[],"password":null,"otp":false,"origins":["self"],` +
		`"visible":true,"members":null,"anonymous":null,"send":"members","to":"any","echo":false,"size":65536,` +
		`"rate":null,"burst":null,"format":"any","meta":[],"history":0,"ttl":null,"presence":false,"ends":"last","driver":null}`
	if got := DefaultRules().String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if NewRoomRules().Visible {
		t.Error("NEW ROOM makes visible rooms")
	}
	for row, name := range map[int]string{rowPassword: "password", rowOTP: "otp", rowSize: "size", rowRate: "rate", rowBurst: "burst", rowDriver: "driver"} {
		if ruleKeys[row].name != name {
			t.Errorf("row %d is %s", row, ruleKeys[row].name)
		}
	}
	if reflect.TypeFor[Rules]().NumField() != len(ruleKeys) {
		t.Error("Rules has not a field for every key")
	}
}

// taken is which of all values below each key takes; every other one must be
// refused by name. Null is taken by all.
var taken = map[string]string{
	"access":    `"anyone" "authenticated" "listed" "owner"`,
	"allow":     `[] ["alice"] ["alice","bob"] ["from"] ["self"] ["*"] ["time","id"] ["null"]`,
	"deny":      `[] ["alice"] ["alice","bob"] ["from"] ["self"] ["*"] ["time","id"] ["null"]`,
	"password":  "true STRINGS",
	"otp":       `false true "JBSWY3DPEHPK3PXP"`,
	"origins":   `[] ["alice"] ["alice","bob"] ["from"] ["self"] ["*"] ["time","id"] ["[::1]:80"] ["a.example:443"]`,
	"visible":   `false true`,
	"members":   `1 20`,
	"anonymous": `0 1 20`,
	"send":      `"members" "authenticated" "listed" "owner" "nobody"`,
	"to":        `"any" "everyone" "owner" "self"`,
	"echo":      `false true`,
	"size":      `1 20`,
	"rate":      `"20/s" "100/m"`,
	"burst":     `1 20`,
	"format":    `"any" "text" "bytes" "json"`,
	"meta":      `[] ["from"] ["time","id"]`,
	"history":   `0`,
	"ttl":       ``,
	"presence":  `false true`,
	"ends":      `"last" "owner"`,
	"driver":    `{} {"kind":"ftp"}`, // a change; what it makes is judged by Apply
}

var values = strings.Fields(`false true 0 1 20 -1 1.5 1e3 1.0 01x 99999999999999999999 -0 "" "true" "1" "TRUE"
	"anyone" "authenticated" "listed" "owner" "members" "nobody" "any" "everyone" "self" "text" "bytes" "json" "last" "Anyone"
	"20/s" "100/m" "20/h" "0/s" "-1/s" "1.5/s" "20" "/s" "20/s/s" "1000001/s" "99999999999/s" "020/s"
	"JBSWY3DPEHPK3PXP" "jbswy3dpehpk3pxp" "JBSWY3DPEHPK3PX" "JBSWY3DPEHPK3PXP=" "JBSWY3DPEHPK3PX1" "JBSWY3DPEHPK3PXPA"
	[] ["alice"] ["alice","bob"] ["from"] ["time","id"] ["from","from"] ["self"] ["*"] ["null"] ["[::1]:80"] ["a.example:443"]
	["https://a"] ["a:99999"] ["a..b"] ["*.example"] [""] ["~a"] [1] [null] [["alice"]] ["\u0000"] ["\n"] ["\ud800"] [{}]
	{} {"kind":"ftp"} {"hash":"x"} "\u0000" "\ud800"`)

func TestEveryKeyTakesItsValuesOnly(t *testing.T) {
	for _, key := range RuleNames() {
		good := strings.Fields(taken[key])
		for _, value := range append(values, "null") {
			if value == "01x" {
				continue
			}
			want := value == "null" || slices.Contains(good, value) ||
				slices.Contains(good, "STRINGS") && value[0] == '"' && !strings.Contains(value, `\u`) && value != `""`
			_, refusal := ParseRules([]byte(`{"` + key + `": ` + value + ` }`))
			switch {
			case want && refusal != nil:
				t.Errorf("%s %s: %v", key, value, refusal)
			case !want && refusal == nil && !hostsByChance(key, value) && !namesByChance(key, value):
				t.Errorf("%s %s was taken", key, value)
			case refusal != nil && !strings.HasPrefix(refusal.Message, key+": "):
				t.Errorf("%s %s: %v names no key", key, value, refusal)
			case refusal != nil && (refusal.Code == Unavailable) != slices.Contains([]string{"history", "ttl"}, key):
				t.Errorf("%s %s: %v", key, value, refusal)
			}
		}
	}
}

// Names and hosts that stand among the values for another key's sake.
func namesByChance(key, value string) bool {
	return (key == "allow" || key == "deny") && slices.Contains(strings.Fields(
		`["from","from"] ["[::1]:80"] ["a.example:443"] ["https://a"] ["a:99999"] ["a..b"] ["*.example"]`), value)
}

func hostsByChance(key, value string) bool { return key == "origins" && value == `["from","from"]` }

func TestWhatIsNoRules(t *testing.T) {
	long := strings.Repeat("a", 129)
	for input, want := range map[string]string{
		``:                                "malformed: rules: no JSON",
		`[]`:                              "malformed: rules: not one JSON object",
		`"x"`:                             "malformed: rules: not one JSON object",
		`null`:                            "malformed: rules: not one JSON object",
		`{}{}`:                            "malformed: rules: no JSON",
		`{"access":}`:                     "malformed: rules: no JSON",
		`{"acess":"owner"}`:               `malformed: "acess" is no rule: did you mean "access"?`,
		`{"Access":"owner"}`:              `did you mean "access"?`,
		`{"members ":1}`:                  `did you mean "members"?`,
		`{"colour":1}`:                    "the rules are access allow deny",
		`{"":1}`:                          `"" is no rule`,
		`{"echo":true,"echo":true}`:       "malformed: echo: said twice",
		`{"echo":null,"\u0065cho":true}`:  "malformed: echo: said twice",
		"{\"password\":\"\xff\"}":         "not UTF-8",
		`{"allow":["` + long + `"]}`:      "allow: may be",
		`{"access":"` + long + `"}`:       "…",
		`{"` + long + `":1}`:              "…",
		`{"size":16777217}`:               "size: may be",
		`{"members":1073741825}`:          "members: may be",
		`{"otp":"hunter2 is my secret!"}`: "otp: may be",
		`{"driver":{"kind":{"a":[[[[[[[[[1]]]]]]]]]}}}`: "nested deeper than 8",
		`{"driver":{"kind":"http"}}`:                    `driver: kind: may be "ftp" or "webhook"`,
		`{"driver":{"password":"\u0000hunter2"}}`:       "driver: password: may be",
		`{"history":5}`: "unavailable: history: may be 0",
		`{"ttl":"1h"}`:  "unavailable: ttl: may be null",
		`{"password":"` + strings.Repeat("a", 1025) + `"}`:  "password: may be",
		`{"allow":[` + strings.Repeat(`"a",`, 1024) + `1]}`: "allow: may be",
	} {
		_, refusal := ParseRules([]byte(input))
		if refusal == nil || !strings.Contains(refusal.Error(), want) {
			t.Errorf("%.80s: %v, want %s", input, refusal, want)
		}
		if refusal != nil && (strings.Contains(refusal.Message, "hunter2") || len(refusal.Message) > 600) {
			t.Errorf("%.80s: %v", input, refusal)
		}
	}
}

func TestHugeInputIsRefusedFast(t *testing.T) {
	for _, input := range []string{
		strings.Repeat("[", 10<<20),
		strings.Repeat(`{"a":`, RulesMost/5),
		`{"a":"` + strings.Repeat(`\"[`, RulesMost/3-4),
		`{"allow":[` + strings.Repeat(`"",`, RulesMost/3-8) + `""]}`,
		`{"` + strings.Repeat("x", RulesMost-10) + `":1}`,
	} {
		began := time.Now()
		if _, refusal := ParseRules([]byte(input)); refusal == nil || len(refusal.Message) > 600 {
			t.Errorf("%.20s…: %.600v", input, refusal)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.20s… took %v", input, took)
		}
	}
}

func TestClientNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "Alice": true, "auth0|5": true, "é@x": true, strings.Repeat("é", 128): true,
		"": false, "~a": false, "a b": false, "a\u00a0b": false, "a\n": false, "a\u0085": false, "\xff": false, strings.Repeat("é", 129): false,
	} {
		if IsClientName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a|", "a.b:80": "a.b|80", "[::1]": "[::1]|", "[::1]:0": "[::1]|0", "a.": "a.|",
		"": "", "a:": "", "a:65536": "", "a:-1": "", ":80": "", "[::1": "", "[::1]x": "", "[]": "", "a/b": "", ".a": "", "a b": "", "[::g]": "", "a:0080": "",
	} {
		host, port, ok := SplitHost(text)
		if ok != (want != "") || ok && host+"|"+port != want {
			t.Errorf("%q: %q %q %v", text, host, port, ok)
		}
	}
}

func FuzzRules(f *testing.F) {
	for key, list := range taken {
		for _, value := range append(strings.Fields(list), values...) {
			f.Add([]byte(`{"` + key + `":` + value + `}`))
		}
	}
	f.Add([]byte(`{"access":"listed","allow":["alice"],"password":"x","rate":"20/s","burst":3,"meta":["id"]}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		p, refusal := ParseRules(input)
		if refusal != nil {
			if refusal.Code == "" || refusal.Message == "" || len(refusal.Message) > 1000 || json.Valid(refusal.JSON()) == false {
				t.Fatalf("%q: %v", input, refusal)
			}
			return
		}
		said, rules, refusal := Said{}.Apply(p.Hashed(StoredPassword("hash")), DefaultRules())
		if refusal == nil {
			checkRoundTrips(t, said, rules)
		}
		_, _ = ParseCeilings(input)
		_, _ = ParseDefaults(input)
		_, _ = ParseStored(input)
	})
}
