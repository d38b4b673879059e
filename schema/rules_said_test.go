package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func parse(t *testing.T, input string) Patch {
	t.Helper()
	p, refusal := ParseRules([]byte(input))
	if refusal != nil {
		t.Fatalf("%s: %v", input, refusal)
	}
	if plain, said := p.Plain(); said {
		p = p.Hashed(StoredPassword("hash of " + plain.Reveal()))
	}
	return p
}

// apply applies patches in turn; the last may be refused.
func apply(t *testing.T, patches ...string) (said Said, rules Rules, refusal *Refusal) {
	t.Helper()
	for _, input := range patches {
		if refusal != nil {
			t.Fatal(refusal)
		}
		said, rules, refusal = said.Apply(parse(t, input), DefaultRules())
	}
	return said, rules, refusal
}

func TestPatches(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXP"
	for _, c := range []struct {
		patches []string
		stored  string
		refused string
	}{
		{[]string{`{}`}, `{}`, ""},
		{[]string{`{"echo":true}`, `{"size":5}`}, `{"echo":true,"size":5}`, ""},
		{[]string{`{"echo":true,"size":5}`, `{"echo":null}`}, `{"size":5}`, ""},
		{[]string{`{"echo":false}`}, `{"echo":false}`, ""}, // said, though it is the default
		{[]string{`{"allow":["a","b","a"]}`, `{"allow":["c"]}`}, `{"allow":["c"]}`, ""},
		{[]string{`{"password":"x"}`}, `{"password":{"hash":"hash of x"}}`, ""},
		{[]string{`{"password":"x"}`, `{"password":true,"echo":true}`}, `{"password":{"hash":"hash of x"},"echo":true}`, ""},
		{[]string{`{"password":"x"}`, `{"password":"y"}`}, `{"password":{"hash":"hash of y"}}`, ""},
		{[]string{`{"password":"x"}`, `{"password":null}`}, `{}`, ""},
		{[]string{`{"password":true}`}, `{}`, "password: true keeps"},
		{[]string{`{"password":"x"}`, `{"password":null}`, `{"password":true}`}, `{}`, "password: true keeps"},
		{[]string{`{"otp":true}`}, `{"otp":true}`, ""},
		{[]string{`{"otp":"` + secret + `"}`, `{"otp":true}`}, `{"otp":"` + secret + `"}`, ""},
		{[]string{`{"otp":"` + secret + `"}`, `{"otp":null}`, `{"otp":true}`}, `{"otp":true}`, ""},
		{[]string{`{"otp":"` + secret + `"}`, `{"otp":false}`}, `{"otp":false}`, ""},
		{[]string{`{"rate":"20/s","burst":5}`}, `{"rate":"20/s","burst":5}`, ""},
		{[]string{`{"rate":"20/s"}`, `{"burst":5}`}, `{"rate":"20/s","burst":5}`, ""},
		{[]string{`{"burst":5}`}, `{}`, "burst: needs a rate"},
		{[]string{`{"rate":"20/s","burst":5}`, `{"rate":null}`}, `{"rate":"20/s","burst":5}`, "burst: needs a rate"},
		{[]string{`{"rate":"20/s","burst":5}`, `{"rate":null,"burst":null}`}, `{}`, ""},
		{[]string{`{"meta":["id","from"]}`}, `{"meta":["from","id"]}`, ""},
	} {
		said, rules, refusal := apply(t, c.patches...)
		if (refusal == nil) != (c.refused == "") || refusal != nil && !strings.Contains(refusal.Message, c.refused) {
			t.Errorf("%s: %v", c.patches, refusal)
		}
		if got := string(said.Stored()); got != c.stored {
			t.Errorf("%s: stored %s, want %s", c.patches, got, c.stored)
		}
		checkRoundTrips(t, said, rules)
	}
}

// What is stored reads back the same, and what is public written back changes
// nothing.
func checkRoundTrips(t *testing.T, said Said, rules Rules) {
	t.Helper()
	back, refusal := ParseStored(said.Stored())
	if refusal != nil || whole(back.Over(DefaultRules())) != whole(rules) {
		t.Errorf("%s stored: back as %s, %v", said.Stored(), back.Stored(), refusal)
	}
	p, refusal := ParseRules(rules.Public())
	if refusal != nil {
		t.Fatalf("%s: %v", rules.Public(), refusal)
	}
	if _, again, refusal := said.Apply(p, DefaultRules()); refusal != nil || whole(again) != whole(rules) {
		t.Errorf("%s written back: %s, %v", rules, again, refusal)
	}
}

// whole is the rules with their secrets, to be compared.
func whole(r Rules) string {
	return fmt.Sprint(r, r.Password.Reveal(), r.OTP.Kind, r.OTP.Secret.Reveal())
}

func TestDefaultsHoldWhereNothingIsSaid(t *testing.T) {
	defaults, refusal := ParseDefaults([]byte(`{"size":1000,"visible":false,"rate":"5/s"}`))
	if refusal != nil {
		t.Fatal(refusal)
	}
	house := defaults.Over(DefaultRules())
	said, rules, _ := Said{}.Apply(parse(t, `{"size":10}`), house)
	if rules.Size != 10 || rules.Visible || rules.Rate != (Pace{5, 1000}) {
		t.Errorf("%s", rules)
	}
	_, rules, _ = said.Apply(parse(t, `{"size":null}`), house)
	if rules.Size != 1000 {
		t.Errorf("reset to %d", rules.Size)
	}
	for _, input := range []string{`{"password":"x"}`, `{"password":true}`, `{"otp":"JBSWY3DPEHPK3PXP"}`, `{"burst":3}`, `{"x":1}`} {
		if _, refusal := ParseDefaults([]byte(input)); refusal == nil || refusal.Code != Malformed {
			t.Errorf("defaults %s: %v", input, refusal)
		}
	}
}

func TestSecretsStayIn(t *testing.T) {
	const password, code, hash = "correct horse", "JBSWY3DPEHPK3PXP", "$argon2id$hash"
	p, refusal := ParseRules([]byte(`{"password":"` + password + `","otp":"` + code + `"}`))
	if refusal != nil {
		t.Fatal(refusal)
	}
	if _, _, refusal := (Said{}).Apply(p, DefaultRules()); refusal == nil {
		t.Error("a plain password was applied")
	}
	plain, _ := p.Plain()
	hashed := p.Hashed(StoredPassword(hash))
	if _, still := hashed.Plain(); still {
		t.Error("the plain password is still there")
	}
	said, rules, _ := Said{}.Apply(hashed, DefaultRules())
	if rules.Password.Reveal() != hash || rules.OTP.Secret.Reveal() != code {
		t.Errorf("%s", rules)
	}
	command, _ := ParseCommand([]byte(`AUTH alice "` + password + `"`))
	for _, v := range []any{p, hashed, said, rules, &rules, plain, command, []any{rules.Password, rules.OTP}, struct{ R Rules }{rules}} {
		out := fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
		if _, isCommand := v.(Command); !isCommand {
			text, _ := json.Marshal(v)
			out += string(text)
		}
		for _, secret := range []string{password, code, hash} {
			if strings.Contains(out, secret) {
				t.Errorf("%T tells %q: %s", v, secret, out)
			}
		}
	}
	if strings.Contains(string(said.Stored()), password) {
		t.Errorf("stored: %s", said.Stored())
	}
	if _, refusal := ParseRules(said.Stored()); refusal == nil {
		t.Error("a client may bring a hash of its own")
	}
	for _, input := range []string{`{"password":"plain"}`, `{"password":true}`, `{"password":{}}`, `{"password":{"hash":1}}`} {
		if _, refusal := ParseStored([]byte(input)); refusal == nil {
			t.Errorf("stored %s was taken", input)
		}
	}
	if json.Unmarshal([]byte(`{}`), &rules) == nil || json.Unmarshal([]byte(`{}`), &said) == nil {
		t.Error("rules are read around the parser")
	}
}
