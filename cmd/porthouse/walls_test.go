package main

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/porthouse/porthouse/"

// mayImport is what each package may import of the house. Imports run down
// only; who is not listed here has no place yet.
var mayImport = map[string]string{
	"cmd/porthouse":         "ipc/keeper supervisor supervisor/book supervisor/credential puddle ipc schema schema/store",
	"supervisor":            "supervisor/book supervisor/console supervisor/credential ipc ipc/heap ipc/keeper ipc/table schema schema/store",
	"supervisor/book":       "supervisor/credential schema schema/store",
	"supervisor/console":    "ipc schema",
	"supervisor/credential": "ipc schema",
	"puddle":                "puddle/page puddle/sequence puddle/room puddle/driver ipc ipc/heap ipc/keeper ipc/table schema schema/format",
	"puddle/page":           "schema/client/js",
	"puddle/puddletest":     "schema",
	"puddle/sequence":       "schema",
	"puddle/driver":         "schema schema/format",
	"puddle/room":           "schema schema/format",
	"ipc":                   "schema",
	"ipc/heap":              "",
	"ipc/keeper":            "schema",
	"ipc/table":             "schema",
	"schema/store":          "schema",
	"schema/format":         "schema",
	"schema/client/js":      "",
	"schema":                "",
	"scripts/loadgen":       "",
	"scripts/noon":          "",
}

// homes are the packages that may import a dependency and what is below it.
var homes = map[string]string{
	"github.com/mailru/easygo/netpoll":        "puddle",
	"github.com/gobwas/ws":                    "puddle supervisor/console",
	"github.com/pires/go-proxyproto":          "puddle",
	"modernc.org/sqlite":                      "schema/store",
	"github.com/urfave/cli/v2":                "cmd/porthouse",
	"github.com/coder/websocket":              "cmd/porthouse",
	"golang.org/x/term":                       "cmd/porthouse",
	"github.com/coreos/go-systemd/v22/daemon": "cmd/porthouse",
	"github.com/vmihailenco/msgpack/v5":       "ipc schema/format",
	"github.com/golang-jwt/jwt/v5":            "supervisor/credential",
	"github.com/pquerna/otp":                  "supervisor/book supervisor/credential",
	"github.com/jlaffaye/ftp":                 "puddle/driver",
	"golang.org/x/crypto/argon2":              "supervisor/credential",
}

// pure packages do no I/O: nothing of the operating system, no goroutine.
var pure = []string{"puddle/sequence", "puddle/room", "schema", "schema/format"}

func TestWalls(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(words[0], module)
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s has no place in the walls: give it one", from)
		}
		for _, path := range words[1:] {
			if to, ours := strings.CutPrefix(path, module); ours && !contains(allowed, to) {
				t.Errorf("%s imports %s", from, to)
			}
			if home := homeOf(path); home != "" && !contains(home, from) {
				t.Errorf("%s imports %s, whose home is %s", from, path, home)
			}
		}
	}
}

// homeOf is where a package, or one above it, is at home; "": anywhere.
func homeOf(path string) string {
	for dependency, home := range homes {
		if path == dependency || strings.HasPrefix(path, dependency+"/") {
			return home
		}
	}
	return ""
}

func TestPurePackagesDoNoIO(t *testing.T) {
	for _, name := range pure {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports " "}}`, module+name).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for path := range strings.FieldsSeq(string(out)) {
			switch path {
			case "os", "net", "syscall", "net/http", "sync", "io/fs", "golang.org/x/sys/unix":
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func contains(list, word string) bool {
	for known := range strings.FieldsSeq(list) {
		if known == word {
			return true
		}
	}
	return false
}
