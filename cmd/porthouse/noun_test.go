package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// step is a command and what it has to say.
type step struct {
	args  string
	stdin string
	code  int
	out   string // a regular expression for standard output
	errs  string // likewise for standard error
}

// keepingSteps go through everything that a house keeps.
var keepingSteps = []step{
	{args: "client list", out: `^no clients\n$`},
	{args: "client add alice --owner", out: `^client alice added\n$`},
	{args: "--json client add bob", out: `^{"client":"bob","owner":false.*}\n$`},
	{args: "client add root --admin --primary", out: "added"},
	{args: "client add alice", code: 1, errs: `exists: .*"alice" is there already`},
	{args: "client add help", out: "client help added"},
	{args: "client remove help", out: "client help removed"},
	{args: "client add token", code: 2, errs: "malformed: "},
	{args: "client list", out: `client +may +password +totp +tokens +rooms\nalice +owner +- .*\nbob +- .*\nroot +primary,admin`},
	{args: "client list --json", out: `^\[{"client":"alice".*}\]\n$`},
	{args: `client set bob direct=authenticated admits=["alice"]`, out: `direct +authenticated\nadmits +alice\n`},
	{args: "client set bob colour=red", code: 2, errs: "colour"},
	{args: "client show bob", out: `direct +authenticated`},
	{args: "client show carol", code: 1, errs: "not-found"},
	{args: "client passwd alice", stdin: "pass word\n", out: "alice has a new password"},
	{args: "client passwd alice", code: 1, errs: "standard input is empty"},
	{args: "client show alice --json", out: `"password":true`},
	{args: "client passwd alice --remove", out: "no password any more"},
	{args: "client totp alice --json", out: `^{"secret":"[A-Z2-7]+","url":"otpauth://totp/.*"}\n$`},
	{args: "client totp alice", out: `secret +[A-Z2-7]{16,}\nurl +otpauth://`},
	{args: "client totp alice --remove --json", out: `^{"client":"alice","totp":false}\n$`},

	{args: "token add alice --expires 30d", out: `^pht_[\w-]{43}\n$`, errs: `token [0-9a-f]{16} of alice, expires 2\d\d\d-`},
	{args: "token add bob --rooms lab.*,chat=hear --json", out: `^{"id":"[0-9a-f]{16}","client":"bob","expires":null,"rooms":{"lab.\*":"all","chat":"hear"},"token":"pht_.*"}\n$`},
	{args: "token add alice --expires soon", code: 2, errs: "malformed: expires"},
	{args: "token add carol", code: 1, errs: "not-found"},
	{args: "token list", out: `id +client +expires +rooms\n[0-9a-f]+ +alice .*\n[0-9a-f]+ +bob +never +{"lab`},
	{args: "token list alice --json", out: `^\[{"id":"[0-9a-f]+","client":"alice"[^{]*\]\n$`},
	{args: "token revoke 0000000000000000", code: 1, errs: "not-found"},

	{args: `room add chat --rules {"access":"authenticated"}`, out: "^room chat added\n$"},
	{args: "room add alice/notes --rules - --json", stdin: `{"size":9}`, out: `"room":"alice/notes","owner":"alice",.*"size":9`},
	{args: "room add club --owner bob", out: "added"},
	{args: "room add chat", code: 1, errs: "exists"},
	{args: `room add x --rules {"colour":1}`, code: 2, errs: `"colour"`},
	{args: "room set chat password=- rate=20/s burst=5", stdin: "let me in\n", out: `password +true\n(?s:.*)rate +20/s\n +burst +5\n`},
	{args: `room set chat allow=["alice"] rate=null burst=null`, out: `allow +alice\n(?s:.*)rate +-\n`},
	{args: "room set chat size=big", code: 2, errs: "size"},
	{args: "room show chat --json", out: `"password":true`},
	{args: "room list", out: `room +owner .*\nalice/notes +alice .*\nchat +- +authenticated +members +password +-\nclub +bob`},
	{args: "room remove club", out: "^room club removed\n$"},
	{args: "room remove club", code: 1, errs: "not-found"},

	{args: "endpoint list", out: "^no endpoints\n$"},
	{args: "endpoint add chat.example.com --room chat", out: "^endpoint chat.example.com added\n$"},
	{args: "endpoint add Example.com/me --client alice --json", out: `^{"endpoint":"example.com/me","client":"alice"}\n$`},
	{args: "endpoint add chat.example.com --room chat", code: 1, errs: "exists"},
	{args: "endpoint list", out: `endpoint +leads to\nchat.example.com +room chat\nexample.com/me +client alice\n`},
	{args: "endpoint remove example.com/me", out: "removed"},

	{args: "client remove alice", out: "^client alice removed\n$"},
	{args: "room list --json", out: `^\[{"room":"chat"[^]]*\][^/]*\n$`},
}

// take runs steps on a folder.
func take(t *testing.T, data string, steps []step) {
	t.Helper()
	for _, s := range steps {
		command := porthouse(append(strings.Fields(s.args), "--data", data)...)
		var out, errs bytes.Buffer
		command.Stdin, command.Stdout, command.Stderr = strings.NewReader(s.stdin), &out, &errs
		command.Run()
		code := command.ProcessState.ExitCode()
		if code != s.code || !regexp.MustCompile(s.out).Match(out.Bytes()) || !regexp.MustCompile(s.errs).Match(errs.Bytes()) {
			t.Errorf("porthouse %s: exit %d, want %d; said\n%s%s want %s %s", s.args, code, s.code, &out, &errs, s.out, s.errs)
		}
	}
}

func TestKeepingOnAHouseThatIsUp(t *testing.T) {
	manyCommands(t)
	h := newHouse(t, 1)
	take(t, h.data, keepingSteps)
}

// manyCommands leaves a test out of the short run, with the race detector: what
// takes its time are processes that start and end, one after the other.
func manyCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a process a step")
	}
}

// What was done while the house was down is there when it is up.
func TestKeepingOnAHouseThatIsDown(t *testing.T) {
	manyCommands(t)
	data := filepath.Join(t.TempDir(), "data")
	take(t, data, []step{{args: "client list", code: exitNoHouse, errs: "no such folder"}})
	if _, err := os.Stat(data); err == nil {
		t.Error("to list made a folder")
	}
	take(t, data, []step{{args: "client add early", out: "added"}, {args: "client remove early"}})
	take(t, data, keepingSteps)
	file := filepath.Join(t.TempDir(), "copy.db")
	take(t, data, []step{
		{args: "backup " + file, out: "the database is in " + file},
		{args: "backup " + file, code: 1, errs: "already exists"},
		{args: "sequence list", code: exitNoHouse, errs: "nobody there"},
	})
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(kept, []byte("SQLite format 3\x00")) {
		t.Errorf("the backup is no database: %v", err)
	}
	restored := t.TempDir()
	Check(t, os.WriteFile(filepath.Join(restored, "porthouse.db"), kept, 0o600))
	take(t, restored, []step{{args: "client list", out: "bob(?s:.*)root"}})
}

// A list never makes a database where somebody has other things.
func TestListMakesNothing(t *testing.T) {
	folder := t.TempDir()
	take(t, folder, []step{{args: "room list", code: exitNoHouse, errs: "nobody there"}})
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The house's own rules hold for rooms that are added while it is down.
func TestDefaultsOnAHouseThatIsDown(t *testing.T) {
	folder := inFolder(t)
	Check(t, os.WriteFile("house.toml", []byte("[defaults]\nsize = 77\n"), 0o600))
	e := environment{"PORTHOUSE_DATA": filepath.Join(folder, "data"), "PORTHOUSE_PRIMARY": "chat.example.com"}
	got := run(t, e, "room", "add", "chat", "--json", "--config", "house.toml")
	if got.code != exitDone || !strings.Contains(got.out, `"size":77`) {
		t.Errorf("%+v", got)
	}
	e["PORTHOUSE_DEFAULTS"] = `{"colour":1}`
	got = run(t, e, "room", "list")
	if got.code != exitUsage || !strings.Contains(got.errors, `PORTHOUSE_DEFAULTS: "colour"`) {
		t.Errorf("%+v", got)
	}
}

func TestSequencesOfAClient(t *testing.T) {
	h := newHouse(t, 2)
	h.run("client", "add", "alice")
	token, _, _ := h.run("token", "add", "alice")
	mine := Dial(t, h.address)
	mine.Say([]byte(RequestFor("/chat", "Authorization: Bearer "+strings.TrimSpace(token))))
	if status := mine.Head(); status != 101 {
		t.Fatalf("alice is answered %d", status)
	}
	Join(t, h.address, "/chat")
	var all []struct {
		Sequence string
		Client   *string
		Rooms    []string
	}
	out, stderr, code := h.run("sequence", "list", "--client", "alice", "--json")
	if code != 0 || json.Unmarshal([]byte(out), &all) != nil || len(all) != 1 || all[0].Sequence != mine.Sequence ||
		*all[0].Client != "alice" || strings.Join(all[0].Rooms, " ") != "chat" {
		t.Errorf("listed %s %s", out, stderr)
	}
	out, stderr, code = h.run("sequence", "close", "--client", "alice")
	if code != 0 || out != mine.Sequence+" closed\n" {
		t.Errorf("closed: exit %d: %s %s", code, out, stderr)
	}
	mine.Close()
	h.eventually("alice has no sequence", func() bool {
		out, _, code = h.run("sequence", "close", "--client", "alice")
		return code == 0 && out == "no sequences\n"
	})
}
