package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// joined is a terminal in a room: a process of its own.
type joined struct {
	t      *testing.T
	stdin  io.WriteCloser
	lines  chan string
	errs   bytes.Buffer
	ended  chan error
	signal func(os.Signal) error
}

func (h *house) join(args ...string) *joined {
	h.t.Helper()
	command := porthouse(append([]string{"join", "--data", h.data}, args...)...)
	j := &joined{t: h.t, lines: make(chan string, 100), ended: make(chan error, 1)}
	var err error
	j.stdin, err = command.StdinPipe()
	Check(h.t, err)
	out, err := command.StdoutPipe()
	Check(h.t, err)
	command.Stderr = &j.errs
	Check(h.t, command.Start())
	j.signal = command.Process.Signal
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			j.lines <- lines.Text()
		}
		close(j.lines)
		j.ended <- command.Wait()
	}()
	h.t.Cleanup(func() { command.Process.Kill() })
	return j
}

// shows waits for the next line.
func (j *joined) shows(pattern string) {
	j.t.Helper()
	select {
	case line, more := <-j.lines:
		if !more || !regexp.MustCompile(pattern).MatchString(line) {
			j.t.Fatalf("it shows %q; want %s", line, pattern)
		}
	case <-time.After(15 * time.Second):
		j.t.Fatalf("it shows nothing; want %s", pattern)
	}
}

// ends waits for the process, and for what it said of an error.
func (j *joined) ends(well bool, says string) {
	j.t.Helper()
	select {
	case err := <-j.ended:
		if (err == nil) != well || !strings.Contains(j.errs.String(), says) {
			j.t.Errorf("it ended with %v: %s; want …%s", err, &j.errs, says)
		}
	case <-time.After(15 * time.Second):
		j.t.Fatal("it does not end")
	}
}

func (j *joined) types(line string) {
	j.t.Helper()
	_, err := io.WriteString(j.stdin, line+"\n")
	Check(j.t, err)
}

func TestJoinAndSend(t *testing.T) {
	h := newHouse(t, 1)
	raw := Join(t, h.address, "/chat")
	operator := h.join("chat")
	operator.shows(`^\* in chat, 2 here$`)
	anyone := h.join("ws://"+h.address+"/chat", "--json")
	anyone.shows(`^{"ok":"join","room":"chat","members":3,`)

	operator.types("to everyone")
	raw.Hears(OpText, "to everyone")
	anyone.shows(`^{"room":"chat","data":"to everyone"}$`)
	raw.Text("from raw")
	operator.shows("^from raw$")
	anyone.shows("from raw")

	take(t, h.data, []step{
		{args: "send chat hello", out: "^sent to 3\n$"},
		{args: "send chat --json", stdin: "in\x00put", out: `^{"ok":"send",.*"receivers":3}\n$`},
	})
	for _, text := range []string{"hello", "in\x00put"} {
		raw.Hears(OpText, text)
	}
	operator.shows("^hello$")
	operator.shows("^in\x00put$")

	operator.types("the last words")
	operator.stdin.Close()
	operator.ends(true, "")
	raw.Hears(OpText, "the last words")
	Check(t, anyone.signal(syscall.SIGINT))
	anyone.ends(true, "")
	h.eventually("both are gone", func() bool { return len(h.sequences()) == 1 })
}

func TestJoinARoomThatAsks(t *testing.T) {
	h := newHouse(t, 1)
	take(t, h.data, []step{
		{args: "client add alice"},
		{args: "room add club --rules -", stdin: `{"password":"let me in","access":"authenticated"}`},
	})
	token, _, _ := h.run("token", "add", "alice")
	file := filepath.Join(t.TempDir(), "alice.token")
	Check(t, os.WriteFile(file, []byte(token), 0o600))

	alice := h.join("club", "--token-file", file)
	alice.types("let me in")
	alice.shows(`^\* in club, 1 here$`)
	alice.types("hello")
	if out, stderr, code := h.run("sequence", "list", "--client", "alice", "--room", "club"); code != 0 || !strings.Contains(out, "club") {
		t.Errorf("alice is not listed: %s %s", out, stderr)
	}
	alice.stdin.Close()
	alice.ends(true, "")

	wrong := h.join("club", "--token-file", file)
	wrong.types("guess\nguess\nguess")
	wrong.ends(false, "4401")
	h.join("ws://"+h.address+"/club").ends(false, "unauthorized")
	Check(t, os.WriteFile(file, []byte("pht_guess"), 0o600))
	h.join("club", "--token-file", file).ends(false, "unauthorized")
}

// A house that has a name is reached by it, wherever the command runs.
func TestJoinByPrimary(t *testing.T) {
	h := newHouse(t, 1, "--transient", "anyone", "--primary", "chat.example.com")
	operator := h.join("chat")
	operator.shows(`in chat`)
	operator.stdin.Close()
	operator.ends(true, "")
	h.join("ws://"+h.address+"/chat").ends(false, "not-found")
}

// A house that stops says so.
func TestJoinUntilTheHouseStops(t *testing.T) {
	h := newHouse(t, 1)
	operator := h.join("chat")
	operator.shows(`in chat`)
	h.run("stop")
	operator.ends(false, "1001")
	if got := run(t, nil, "join", "chat", "--data", h.data); got.code != exitNoHouse {
		t.Errorf("%+v", got)
	}
}
