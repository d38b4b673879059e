package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

const clientJS = "../../schema/client/js"

func TestClientJSIsServed(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(clientJS, "porthouse.js"))
	Check(t, err)
	for _, page := range []string{"on", "off"} {
		h := newHouse(t, 1, "--page", page)
		answer, body := h.shown("/-/porthouse.js", "", "*/*", "Origin: https://elsewhere.example")
		if answer.StatusCode != 200 || body != string(file) {
			t.Fatalf("page %s: %s, %.80q; want the file as it is", page, answer.Status, body)
		}
		for name, want := range map[string]string{
			"Content-Type":                 "text/javascript; charset=utf-8",
			"Cache-Control":                "no-cache",
			"Access-Control-Allow-Origin":  "*",
			"Cross-Origin-Resource-Policy": "cross-origin",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("page %s: %s is %q; want %q", page, name, got, want)
			}
		}
		tag := answer.Header.Get("ETag")
		answer, body = h.shown("/-/porthouse.js", "", "*/*", "If-None-Match: "+tag)
		if tag == "" || answer.StatusCode != 304 || body != "" {
			t.Errorf("page %s: known as %s: %s, %.80q", page, tag, answer.Status, body)
		}
	}
}

// The client against real houses, which the test of node starts, kills and
// reloads itself.
func TestClientJS(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node: scripts/clients.sh installs it")
	}
	if _, err := os.Stat(filepath.Join(clientJS, "node_modules", "ws")); err != nil {
		t.Skip("there is no package ws: run npm install in schema/client/js, or scripts/clients.sh")
	}
	executable, err := os.Executable()
	Check(t, err)
	command := exec.Command(node, "--test", "test/wire.test.mjs", "test/live.test.mjs")
	command.Dir = clientJS
	command.Env = append(os.Environ(), "PORTHOUSE="+executable, "PORTHOUSE_MAIN=1")
	said, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "# fail 0") {
		t.Fatalf("node --test: %v\n%s", err, said)
	}
	t.Logf("%s", said)
}
