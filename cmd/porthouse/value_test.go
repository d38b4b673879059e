package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPairs(t *testing.T) {
	for _, c := range []struct{ pairs, stdin, want string }{
		{"a=1 b=true c=null", "", `{"a":1,"b":true,"c":null}`},
		{"a=text b= c=20/s", "", `{"a":"text","b":"","c":"20/s"}`},
		{`a="1" b=["x","y"] c={"d":1}`, "", `{"a":"1","b":["x","y"],"c":{"d":1}}`},
		{"a=b=c", "", `{"a":"b=c"}`},
		{"a=[x", "", `{"a":"[x"}`},
		{"password=-", "pass word\n", `{"password":"pass word"}`},
		{"password=- size=1", "12\r\n", `{"password":"12","size":1}`},
		{"password=-", "", ""},
		{"password=-", "\n", ""},
		{"password=-", "one\ntwo\n", ""},
		{"=1", "", ""},
		{"a", "", ""},
		{"a=1 a=2", "", ""},
		{"a=- b=-", "x\n", ""},
	} {
		m := &Main{Stdin: strings.NewReader(c.stdin), Stderr: t.Output()}
		values, err := m.readPairs(strings.Fields(c.pairs))
		if c.want == "" {
			if err == nil {
				t.Errorf("%s is taken: %v", c.pairs, values)
			}
			continue
		}
		if text, _ := json.Marshal(values); err != nil || string(text) != c.want {
			t.Errorf("%s with %q is %s, %v; want %s", c.pairs, c.stdin, text, err, c.want)
		}
	}
}

func TestRoomsJSON(t *testing.T) {
	for text, want := range map[string]string{
		"chat":                    `{"chat":"all"}`,
		"z=hear, a , lab.*=send":  `{"z":"hear","a":"all","lab.*":"send"}`,
		`["a","b"]`:               `["a","b"]`,
		` {"a":"hear"} `:          `{"a":"hear"}`,
		`{"a":`:                   "",
		"a,,b":                    "",
		"=hear":                   "",
		`quo"te`:                  `{"quo\"te":"all"}`,
		"alice/notes=hear,chat=x": `{"alice/notes":"hear","chat":"x"}`,
	} {
		got, err := roomsJSON(text)
		if (err == nil) != (want != "") || err == nil && string(got) != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestFileOrJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(file, []byte(`{"size":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{file: `{"size":1}`, ` {"a":2}`: `{"a":2}`, file + "x": "", "[]": ""} {
		got, err := fileOrJSON(text)
		if (err == nil) != (want != "") || string(got) != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestPrintObject(t *testing.T) {
	var out bytes.Buffer
	err := printObject(&out, json.RawMessage(`{"room":"chat","owner":null,"rules":{"size":1,"allow":["a","b"],"deny":[],"rate":"1/s","driver":{"kind":"ftp"}}}`))
	want := "room      chat\nowner     -\nrules     \n  size    1\n  allow   a b\n  deny    -\n  rate    1/s\n  driver  {\"kind\":\"ftp\"}\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%q, want\n%q", err, out.String(), want)
	}
	if err := printObject(&out, json.RawMessage(`{"room":`)); err == nil {
		t.Error("half an object is shown")
	}
}

// What others say does not command the terminal, and reads as a line.
func TestTerminalShows(t *testing.T) {
	for _, c := range []struct {
		frame, tty, plain string
	}{
		{`{"room":"c","data":"hello\tyou"}`, "hello\tyou\n", "hello\tyou\n"},
		{`{"room":"c","data":"a\u001b[2Jb\u009b"}`, "a\uFFFD[2Jb\uFFFD\n", "a\x1b[2Jb\u009b\n"},
		{`{"room":"c","data":{"a": 1.0}}`, "{\"a\": 1.0}\n", "{\"a\": 1.0}\n"},
		{`{"room":"c","data":null}`, "null\n", "null\n"},
		{`{"room":"c","bytes":"AP8="}`, "(2 bytes) 00ff\n", "(2 bytes) 00ff\n"},
		{`{"room":"c","data":"x","from":{"client":"bob","sequence":"~1"}}`, "bob: x\n", "bob: x\n"},
		{`{"room":"c","data":"x","from":{"client":null,"sequence":"~1"}}`, "~1: x\n", "~1: x\n"},
		{`{"from":{"client":"bob","sequence":"~1"},"data":"x"}`, "(direct) bob: x\n", "(direct) bob: x\n"},
		{`{"event":"join","room":"c","client":"bob","sequence":"~1"}`, "\x1b[2m* bob joins\x1b[0m\n", "* bob joins\n"},
		{`{"event":"expiring","in":60}`, "\x1b[2m* {\"event\":\"expiring\",\"in\":60}\x1b[0m\n", "* {\"event\":\"expiring\",\"in\":60}\n"},
		{`{"ok":"send","ref":"1","receivers":2}`, "", ""},
	} {
		for tty, want := range map[bool]string{true: c.tty, false: c.plain} {
			var out, errors bytes.Buffer
			terminal := &terminal{m: &Main{Stdout: &out, Stderr: &errors}, tty: tty}
			if err := terminal.hear([]byte(c.frame)); err != nil || out.String() != want || errors.Len() > 0 {
				t.Errorf("%s (terminal: %v) shows %q and %q, %v; want %q", c.frame, tty, out.String(), errors.String(), err, want)
			}
		}
	}
	var out, errors bytes.Buffer
	terminal := &terminal{m: &Main{Stdout: &out, Stderr: &errors}}
	if err := terminal.hear([]byte(`{"error":"denied","do":"send","message":"not you"}`)); err != nil || errors.String() != "denied: not you\n" || out.Len() > 0 {
		t.Errorf("an error shows %q and %q, %v", out.String(), errors.String(), err)
	}
	terminal.raw = true
	if err := terminal.hear([]byte(`{"event":"x"}`)); err != nil || out.String() != "{\"event\":\"x\"}\n" {
		t.Errorf("raw it shows %q, %v", out.String(), err)
	}
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "192.0.2.1:9": "192.0.2.1:9", "[::1]:80": "[::1]:80",
	} {
		if got, err := reachable(listen); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", listen, got, err, want)
		}
	}
}
