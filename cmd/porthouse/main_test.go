package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the command itself: a house under test
// runs it again as supervisor, puddles and operators' commands.
func TestMain(m *testing.M) {
	if os.Getenv("PORTHOUSE_MAIN") == "1" {
		dieAtPoint()
		haveFaults()
		main()
	}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(2) // a process of a house that runs in a test: it must not run the tests
	}
	os.Exit(m.Run())
}

// command is one run of the command in this process.
type command struct {
	code        int
	out, errors string
}

// environment is what a run sees of it; no test sees the tester's own.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) {
	value, set := e[name]
	return value, set
}

func run(t *testing.T, e environment, args ...string) command {
	t.Helper()
	var out, errors bytes.Buffer
	m := &Main{Stdout: &out, Stderr: &errors, LookupEnv: e.lookup, Signals: make(chan os.Signal)}
	code := m.Run(context.Background(), args)
	return command{code, out.String(), errors.String()}
}

// inFolder makes an empty folder the current one, so that no house is near.
func inFolder(t *testing.T) string {
	folder := t.TempDir()
	t.Chdir(folder)
	return folder
}

func TestUsage(t *testing.T) {
	inFolder(t)
	for _, c := range []struct {
		args string
		code int
		says string // the one line, or part of it
	}{
		{"", exitUsage, "no command"},
		{"bogus", exitUsage, `no command "bogus"`},
		{"--bogus", exitUsage, "unknown flag --bogus"},
		{"up --bogus", exitUsage, "unknown flag --bogus; see porthouse up --help"},
		{"up chat", exitUsage, `"chat" is one`},
		{"up --puddles 0", exitUsage, `--puddles: "0" is no whole number from 1 to 64`},
		{"up --puddles -1", exitUsage, `--puddles: "-1"`},
		{"up --puddles 65", exitUsage, "1 to 64"},
		{"up --puddles many", exitUsage, `"many"`},
		{"up --puddles", exitUsage, "--puddles needs a value"},
		{"up --listen 8080", exitUsage, `--listen: "8080"`},
		{"up --admin nowhere", exitUsage, "--admin"},
		{"up --ping 70s", exitUsage, "--silent 1m0s is not longer than --ping 1m10s"},
		{"up --ping soon", exitUsage, `--ping: "soon" is no time`},
		{"up --message-bytes 2MiB", exitUsage, "--outbox 1MiB is smaller"},
		{"up --log-bytes 3MiB", exitUsage, "no power of two"},
		{"up --header-bytes 1", exitUsage, "--header-bytes"},
		{"up --transient all", exitUsage, `--transient: "all"`},
		{"up --open --transient nobody", exitUsage, "--open means --transient anyone"},
		{"up --json", exitUsage, "porthouse up has no flag --json"},
		{"up --config nowhere.toml", exitFailed, "nowhere.toml"},
		{"puddle", exitUsage, "not by hand"},
		{"sequence", exitUsage, "list, close"},
		{"sequence close", exitUsage, "name one sequence or more"},
		{"sequence list --room a --client", exitUsage, "--client needs a value"},
		{"up --primary chat.example.com:80", exitUsage, "has a port"},
		{"up --primary no/host", exitUsage, "is no host"},
		{"up --proxies 10.0.0.0/33", exitUsage, "is no network"},
		{"up --gather many", exitUsage, "--gather"},
		{"up --jwt-key HS384:x", exitUsage, "[KID=]ALGORITHM:FILE"},
		{"up --entry-timeout 1ms", exitUsage, "--entry-timeout"},
		{"up --defaults {\"colour\":1}", exitUsage, `--defaults: "colour" is no rule`},
		{"up --ceilings {\"size\":-1}", exitUsage, "--ceilings: size:"},
		{"up --ceilings nowhere.json", exitUsage, "--ceilings: open nowhere.json: no such file"},
		{"sequence close chat", exitUsage, `"chat" is no sequence`},
		{"sequence list --room a/b/c", exitUsage, "--room"},
		{"stop --drain soon", exitUsage, "--drain"},
		{"status", exitNoHouse, "./porthouse-data (no such folder) and /var/lib/porthouse"},
		{"status --data elsewhere", exitNoHouse, "looked in elsewhere (no such folder)"},
		{"--data elsewhere status", exitNoHouse, "looked in elsewhere"},
		{"stop", exitNoHouse, "no house is up"},
		{"sequence list", exitNoHouse, "no house is up"},
		{"sequence close ~0000000000000", exitNoHouse, "no house is up"},
		{"sequence close --client alice", exitNoHouse, "no house is up"},
		{"client", exitUsage, "add, list, show, set, passwd, totp, remove"},
		{"client add", exitUsage, "name a client"},
		{"client add a b", exitUsage, "takes a client"},
		{"client set a", exitUsage, "key=value"},
		{"client set a owner", exitUsage, `"owner" is no key=value`},
		{"client set a owner=true owner=false", exitUsage, "owner is said twice"},
		{"client list a", exitUsage, `"a" is one`},
		{"client list", exitNoHouse, "./porthouse-data (no such folder) and /var/lib/porthouse"},
		{"client add alice", exitNoHouse, "no house is up"},
		{"client list --data elsewhere", exitNoHouse, "looked in elsewhere (no such folder)"},
		{"token list a b", exitUsage, "at most one client"},
		{"token add a --rooms ,", exitUsage, "--rooms: a name is empty"},
		{"room add", exitUsage, "name a room"},
		{"room add r --rules nowhere.json", exitFailed, "--rules: open nowhere.json: no such file"},
		{"room add r --rules {", exitUsage, "--rules: it is no JSON"},
		{"room set r", exitUsage, "key=value"},
		{"room set r a=- b=-", exitUsage, "a and b cannot both be read"},
		{"endpoint add h", exitUsage, "--room or --client, one of them"},
		{"endpoint add h --room a --client b", exitUsage, "one of them"},
		{"backup", exitUsage, "name a file"},
		{"backup a.db", exitNoHouse, "no house is up"},
		{"send", exitUsage, "name a room or a URL"},
		{"send a b c", exitUsage, "3 names"},
		{"send a/b/c text", exitUsage, "no room's name"},
		{"send chat text", exitNoHouse, "no house is up"},
		{"send chat text --token-file nowhere", exitNoHouse, "no house is up"},
		{"send ws://127.0.0.1:1/chat text --token-file nowhere", exitFailed, "--token-file: open nowhere"},
		{"send http://a:secret@127.0.0.1/chat text", exitUsage, "can be seen by others"},
		{"join ws://127.0.0.1:1/chat?token=secret", exitUsage, "can be seen by others"},
		{"join ftp://127.0.0.1/chat", exitUsage, "ftp is no scheme"},
		{"join ws:///chat", exitUsage, "no host"},
		{"join ws://127.0.0.1:1/chat?password=secret", exitFailed, "join http://127.0.0.1:1/chat: "},
		{"join chat", exitNoHouse, "no house is up"},
		{"join .", exitUsage, "no room's name"},
	} {
		got := run(t, nil, strings.Fields(c.args)...)
		if strings.Contains(got.errors, "secret") {
			t.Errorf("porthouse %s repeats a secret: %s", c.args, got.errors)
		}
		if got.code != c.code || !strings.Contains(got.errors, c.says) || strings.Count(got.errors, "\n") != 1 {
			t.Errorf("porthouse %s: code %d, want %d; %q, want …%s", c.args, got.code, c.code, got.errors, c.says)
		}
	}
	if left, _ := os.ReadDir("."); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"help", "--help", "up -h", "help up", "sequence help"} {
		helps(t, args)
	}
	for _, command := range NewMain().app().Commands {
		if command.Hidden {
			continue
		}
		helps(t, command.Name+" --help")
		for _, sub := range command.Subcommands {
			name := command.Name + " " + sub.Name
			helps(t, name+" --help")
			if !strings.Contains(sub.Description, "   porthouse "+name) {
				t.Errorf("porthouse %s has no example", name)
			}
		}
	}
}

func helps(t *testing.T, args string) {
	t.Helper()
	got := run(t, nil, strings.Fields(args)...)
	if got.code != exitDone || got.errors != "" || !strings.Contains(got.out, "   porthouse ") {
		t.Errorf("porthouse %s: code %d, %q", args, got.code, got.errors)
	}
	if strings.Contains(got.out, "puddle [") {
		t.Errorf("porthouse %s shows what is hidden", args)
	}
}

func TestVersion(t *testing.T) {
	if got := run(t, nil, "version"); got.code != exitDone || !strings.HasPrefix(got.out, "porthouse ") {
		t.Errorf("%+v", got)
	}
	if got := run(t, nil, "version", "--json"); got.code != exitDone || !strings.Contains(got.out, `"go":"go`) {
		t.Errorf("%+v", got)
	}
}

// What keeps a house from standing is one line and exit code 1.
func TestUpFails(t *testing.T) {
	folder := inFolder(t)
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("broken", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("broken/porthouse.db", []byte("no database, but long enough to be none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, says := range map[string]string{
		"up --listen 127.0.0.1:0 --data file":                    folder + "/file cannot be used",
		"up --listen 127.0.0.1:0 --data broken":                  "broken/porthouse.db",
		"up --listen 192.0.2.1:0 --data new":                     "192.0.2.1:0",
		"up --listen 127.0.0.1:0 --admin 192.0.2.1:0 --data new": "192.0.2.1:0",
	} {
		got := run(t, nil, strings.Fields(args)...)
		if got.code != exitFailed || !strings.Contains(got.errors, says) || strings.Count(got.errors, "\n") != 1 {
			t.Errorf("porthouse %s: code %d, %q, want …%s", args, got.code, got.errors, says)
		}
	}
}

// Each way to stand in clear is found, and none where there is none.
func TestCheckInClear(t *testing.T) {
	inFolder(t)
	for _, c := range []struct{ flags, wants, not string }{
		{"--listen 127.0.0.1:0", "only this machine reaches the house", "warn  encryption"},
		{"--listen localhost:0 --proxies 127.0.0.1", "127.0.0.1/32 may say who connects", "warn  encryption"},
		{"--listen :0", "warn  encryption", "goes around it"},
		{"--listen 127.0.0.1:0,[::]:0", "warn  encryption", "127.0.0.1:0, "},
		{"--listen 0.0.0.0:0 --proxies 127.0.0.1", "goes around it, in clear", ""},
		{"--listen :0 --proxies 10.0.0.5", "let nobody but the proxy reach it", "warn  encryption"},
		{"--listen 127.0.0.1:0 --proxies 0.0.0.0/0", "is everybody", ""},
		{"--listen 127.0.0.1:0 --admin :0", "admin in clear", ""},
		{"--listen 127.0.0.1:0 --admin off", "proxies", "admin in clear"},
	} {
		flags := c.flags
		if !strings.Contains(flags, "--admin") {
			flags += " --admin 127.0.0.1:0"
		}
		got := run(t, nil, append([]string{"check", "--data", "new"}, strings.Fields(flags)...)...)
		words := strings.Join(strings.Fields(got.out), " ")
		for text, want := range map[string]bool{c.wants: true, c.not: false} {
			if text = strings.Join(strings.Fields(text), " "); text != "" && strings.Contains(words, text) != want {
				t.Errorf("%s: says %q %t in\n%s", c.flags, text, !want, got.out)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	folder := inFolder(t)
	fine := []string{"check", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", filepath.Join(folder, "new")}
	got := run(t, nil, fine...)
	if got.code != exitDone || got.errors != "" {
		t.Errorf("%+v", got)
	}
	for _, subject := range []string{"open files", "listen backlog", "memory", "listen", "admin", "data folder", "file system", "database"} {
		if !strings.Contains(got.out, subject) {
			t.Errorf("nothing on %s in\n%s", subject, got.out)
		}
	}
	if got := run(t, nil, append(fine, "--json")...); !strings.HasPrefix(got.out, `[{"verdict":`) {
		t.Errorf("%+v", got)
	}
	if left, _ := os.ReadDir("."); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile("new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, nil, fine...); got.code != exitFailed || !strings.Contains(got.out, "fail") || !strings.Contains(got.errors, "up would not succeed") {
		t.Errorf("%+v", got)
	}
}
