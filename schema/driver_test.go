package schema

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const (
	ftpRule  = `{"driver":{"kind":"ftp","address":"files.example","user":"u","password":"hunter2","root":"/a/../b/","tls":false}}`
	ftpShown = `{"kind":"ftp","address":"files.example:21","user":"u","password":true,"root":"/b","tls":false,"connections":2,"idle":60,"timeout":15}`
	hookRule = `{"driver":{"kind":"webhook","url":"https://app.example/hook?x=1","secret":"hunter2"}}`
)

func TestDriverPatches(t *testing.T) {
	for _, c := range []struct {
		patches []string
		public  string // "": refused
		refused string
	}{
		{[]string{ftpRule}, ftpShown, ""},
		{[]string{`{"driver":{"kind":"ftp","address":"[::1]:2121"}}`}, `{"kind":"ftp","address":"[::1]:2121","user":"anonymous","root":"/","tls":true,"connections":2,"idle":60,"timeout":15}`, ""},
		{[]string{hookRule}, `{"kind":"webhook","url":"https://app.example/hook?x=1","secret":true,"tries":8,"timeout":15}`, ""},
		{[]string{ftpRule, `{"driver":{"root":"/c"}}`}, strings.Replace(ftpShown, "/b", "/c", 1), ""},
		{[]string{ftpRule, `{"driver":` + ftpShown + `}`}, ftpShown, ""},
		{[]string{ftpRule, `{"driver":{"password":null}}`}, strings.Replace(ftpShown, `"password":true,`, "", 1), ""},
		{[]string{ftpRule, `{"driver":{"connections":8,"idle":null}}`}, strings.Replace(ftpShown, `ns":2`, `ns":8`, 1), ""},
		{[]string{ftpRule, hookRule}, `{"kind":"webhook","url":"https://app.example/hook?x=1","secret":true,"tries":8,"timeout":15}`, ""},
		{[]string{ftpRule, `{"driver":null}`}, `null`, ""},
		{[]string{ftpRule, `{"driver":{}}`}, ftpShown, ""},
		{[]string{ftpRule, `{"driver":{"kind":null}}`}, "", "say its kind"},
		{[]string{`{"driver":{}}`}, "", "say its kind"},
		{[]string{`{"driver":{"kind":"ftp"}}`}, "", "address: is missing"},
		{[]string{`{"driver":{"kind":"webhook"}}`}, "", "url: is missing"},
		{[]string{`{"driver":{"kind":"ftp","address":"a","password":true}}`}, "", "password: true keeps"},
		{[]string{`{"driver":{"kind":"webhook","url":"http://a","root":"/"}}`}, "", "root is no key of kind"},
		{[]string{ftpRule, `{"driver":{"kind":"webhook","url":"http://a","secret":true}}`}, "", "secret: true keeps"},
		{[]string{`{"size":9000000}`}, "", "size: more than 8388608"},
		{[]string{ftpRule, `{"size":9000000}`, `{"driver":null}`}, "", "size: more than 8388608"},
	} {
		said, rules, refusal := apply(t, c.patches...)
		if (refusal == nil) != (c.refused == "") || refusal != nil && !strings.Contains(refusal.Message, c.refused) {
			t.Errorf("%s: %v", c.patches, refusal)
		}
		if got := string(rules.Driver.public()); refusal == nil && got != c.public {
			t.Errorf("%s:\n%s, want\n%s", c.patches, got, c.public)
		}
		checkRoundTrips(t, said, rules)
		back, refusal := Unseal(rules.Sealed())
		if refusal != nil || !back.Driver.Same(rules.Driver) {
			t.Errorf("%s: unsealed as %s, %v", c.patches, back.Driver.stored(), refusal)
		}
	}
}

func TestDriverValues(t *testing.T) {
	for input, want := range map[string]bool{
		`"address":"a:0"`: false, `"address":"ftp://a"`: false, `"address":"a b"`: false, `"address":""`: false, `"address":1`: false, `"address":"a:65536"`: false,
		`"user":""`: false, `"user":"a\r\nDELE x"`: false, `"password":"a\u0000"`: false, `"user":"ä b"`: true,
		`"root":"x"`: false, `"root":"/a\n"`: false, `"root":"/../.."`: true, `"tls":"yes"`: false, `"tls":1`: false,
		`"pin":"` + strings.Repeat("AB:", 31) + `ab"`: true, `"pin":"` + strings.Repeat("g", 64) + `"`: false, `"pin":"ab"`: false,
		`"connections":0`: false, `"connections":9`: false, `"idle":0`: false, `"timeout":601`: false, `"address":"b","address":"c"`: false, `"adress":"a"`: false,
	} {
		_, refusal := ParseRules([]byte(`{"driver":{"kind":"ftp",` + input + `}}`))
		if (refusal == nil) != want || refusal != nil && !strings.HasPrefix(refusal.Message, "driver: ") {
			t.Errorf("%s: %v", input, refusal)
		}
	}
	for url, want := range map[string]bool{
		"http://a": true, "https://a:8443/x?y=z": true, "http://[::1]:9/": true, "HTTPS://A/": true,
		"": false, "a": false, "ftp://a": false, "http://": false, "http:///x": false, "http://u:p@a/": false, "http://a/#f": false, "http:a": false,
		"http://a:0/": false, "http://a b/": false, "file:///etc/passwd": false, "http://a/" + strings.Repeat("x", 2048): false,
	} {
		_, refusal := ParseRules([]byte(`{"driver":{"kind":"webhook","url":"` + url + `"}}`))
		if (refusal == nil) != want {
			t.Errorf("%q: %v", url, refusal)
		}
	}
}

func TestDriverSecretsStayIn(t *testing.T) {
	for _, rule := range []string{ftpRule, hookRule} {
		p := parse(t, rule)
		said, rules, _ := apply(t, rule)
		for _, v := range []any{p, said, rules, &rules, rules.Driver, *rules.Driver} {
			text, _ := json.Marshal(v)
			if out := fmt.Sprintf("%v %+v %#v %s %s", v, v, v, v, text); strings.Contains(out, "hunter2") {
				t.Errorf("%T tells: %s", v, out)
			}
		}
		if !strings.Contains(string(said.Stored()), "hunter2") {
			t.Errorf("not stored: %s", said.Stored())
		}
	}
	_, refusal := ParseRules([]byte(`{"driver":["hunter2"]}`))
	if refusal == nil || strings.Contains(refusal.Message, "hunter2") {
		t.Errorf("a refusal repeats it: %v", refusal)
	}
}

func TestOnlyAnAdminsDriver(t *testing.T) {
	_, without, _ := apply(t, `{}`)
	said, with, _ := apply(t, ftpRule)
	_, same, _ := said.Apply(parse(t, `{"driver":`+ftpShown+`,"echo":true}`), DefaultRules())
	_, other, _ := said.Apply(parse(t, `{"driver":{"password":"x"}}`), DefaultRules())
	for _, c := range []struct {
		rules, before Rules
		kept          bool
	}{{without, without, true}, {with, with, true}, {same, with, true}, {with, without, false}, {without, with, false}, {other, with, false}} {
		if refusal := c.rules.DriverKept(c.before); (refusal == nil) != c.kept || refusal != nil && refusal.Code != Denied {
			t.Errorf("%s after %s: %v", c.rules.Driver.public(), c.before.Driver.public(), refusal)
		}
	}
	for _, input := range []string{ftpRule, hookRule} {
		if _, refusal := ParseDefaults([]byte(input)); refusal == nil {
			t.Errorf("defaults take %s", input)
		}
		if _, refusal := ParseCeilings([]byte(input)); refusal == nil {
			t.Errorf("ceilings take %s", input)
		}
	}
}

func TestSizeWithADriver(t *testing.T) {
	for input, want := range map[string]int{
		`{}`: 64 << 10, ftpRule: FileMost, hookRule: 64 << 10, strings.Replace(ftpRule, `{"d`, `{"size":5,"d`, 1): 5,
	} {
		said, rules, _ := apply(t, input)
		if rules.Size != want {
			t.Errorf("%s: size %d, want %d", input, rules.Size, want)
		}
		if _, after, refusal := said.Apply(parse(t, `{"driver":null}`), DefaultRules()); refusal != nil || after.Size > 64<<10 {
			t.Errorf("%s without its driver: %d, %v", input, after.Size, refusal)
		}
	}
}

func TestReach(t *testing.T) {
	for words, addresses := range map[string]map[string]bool{
		"public": {
			"93.184.216.34": true, "2606:2800:220:1::1": true, "::ffff:93.184.216.34": true,
			"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
			"169.254.169.254": false, "fe80::1": false, "fd00::1": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false,
			"255.255.255.255": false, "ff02::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::7f00:1": false, "192.0.0.1": false, "198.18.0.1": false,
			"::ffff:169.254.169.254": false, "fec0::1": false, "2001:db8::1": false,
		},
		"loopback":                {"127.9.9.9": true, "::1": true, "93.184.216.34": false, "10.0.0.1": false},
		"private":                 {"10.0.0.1": true, "fd00::1": true, "100.64.0.1": true, "169.254.169.254": false, "127.0.0.1": false},
		"10.1.0.0/16,169.254.1.1": {"10.1.9.9": true, "10.2.0.1": false, "169.254.1.1": true, "169.254.1.2": false, "::ffff:10.1.0.1": true},
		"":                        {"93.184.216.34": false, "127.0.0.1": false},
	} {
		reach, err := ReachOf(strings.FieldsFunc(words, func(c rune) bool { return c == ',' }))
		if err != nil {
			t.Fatal(err)
		}
		for address, want := range addresses {
			if reach.Allows(netip.MustParseAddr(address)) != want {
				t.Errorf("%q allows %s: %v", words, address, !want)
			}
		}
	}
	for _, word := range []string{"", "Public", "10.0.0.0/33", "a.example", "fe80::1%eth0", "link-local"} {
		if _, err := CheckReach(word); err == nil {
			t.Errorf("%q was taken", word)
		}
	}
}
