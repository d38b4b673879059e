package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// house is a real one: this binary again, as supervisor and puddles.
type house struct {
	t       *testing.T
	data    string
	address string
	command *exec.Cmd
	log     *quietLog
	ended   chan error
}

// quietLog keeps what a house says; it may be read meanwhile.
type quietLog struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (l *quietLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(b)
}

func (l *quietLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

func newHouse(t *testing.T, puddles int, flags ...string) *house {
	t.Helper()
	return newHouseOf(t, "", puddles, flags...)
}

// newHouseOf is a house of a binary elsewhere.
func newHouseOf(t *testing.T, binary string, puddles int, flags ...string) *house {
	t.Helper()
	h := &house{t: t, data: filepath.Join(t.TempDir(), "data"), log: &quietLog{}, ended: make(chan error, 1)}
	if !slices.Contains(flags, "--transient") && !slices.Contains(flags, "--open") {
		flags = append(flags, "--open")
	}
	if !slices.Contains(flags, "--gather") { // who a test puts somewhere stays there
		flags = append(flags, "--gather", "0")
	}
	if at := slices.Index(flags, "--data"); at >= 0 {
		h.data = flags[at+1]
		flags = slices.Delete(slices.Clone(flags), at, at+2)
	}
	h.command = porthouse(append([]string{"up", "--listen", "127.0.0.1:0", "--admin", "off",
		"--puddles", fmt.Sprint(puddles), "--data", h.data}, flags...)...)
	if binary != "" {
		h.command.Path = binary
	}
	h.command.Stderr, h.command.WaitDelay = h.log, 100*time.Millisecond
	Check(t, h.command.Start())
	go func() { h.ended <- h.command.Wait() }()
	t.Cleanup(h.close)
	h.eventually("the house is up", func() bool {
		status, err := h.status()
		if err != nil || status.State != "up" {
			return false
		}
		h.address = status.Listen[0]
		return true
	})
	return h
}

// porthouse is the command as a process of its own.
func porthouse(args ...string) *exec.Cmd {
	executable, err := os.Executable()
	if err != nil {
		panic(err)
	}
	command := exec.Command(executable, args...)
	command.Env = append(os.Environ(), "PORTHOUSE_MAIN=1")
	return command
}

func (h *house) close() {
	left := append(h.children("puddle"), h.children("keeper")...)
	h.command.Process.Signal(syscall.SIGQUIT)
	select {
	case <-h.ended:
	case <-time.After(10 * time.Second):
		h.command.Process.Kill()
		h.t.Error("the house does not end at QUIT")
	}
	for _, pid := range left {
		for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				h.t.Errorf("process %d is left behind", pid)
				break
			}
		}
	}
	if h.t.Failed() {
		h.t.Logf("the house said:\n%s", h.log)
	}
}

// ends waits for the house's own end.
func (h *house) ends() error {
	h.t.Helper()
	select {
	case err := <-h.ended:
		h.ended <- err
		return err
	case <-time.After(15 * time.Second):
		h.t.Fatal("the house does not end")
		return nil
	}
}

func (h *house) eventually(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within 15 s: %s\n%s", what, h.log)
		}
	}
}

// run runs another command on the house's folder.
func (h *house) run(args ...string) (stdout, stderr string, code int) {
	command := porthouse(append(args, "--data", h.data)...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	command.Run()
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// ask runs another command on the house's folder in this process, where only
// its answer matters: tests ask often.
func (h *house) ask(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	m := &Main{Stdout: &out, Stderr: &errs, LookupEnv: func(string) (string, bool) { return "", false }}
	code = m.Run(context.Background(), append(args, "--data", h.data))
	return out.String(), errs.String(), code
}

type status struct {
	Puddles []struct {
		Slot       int
		Pid        int
		Generation int
		Sequences  int
		Rooms      int
		State      string
	}
	Sequences int
	State     string
	Listen    []string
	Pid       int
}

func (h *house) status() (s status, err error) {
	out, stderr, code := h.ask("status", "--json")
	if code != 0 {
		return s, fmt.Errorf("exit %d: %s", code, stderr)
	}
	return s, json.Unmarshal([]byte(out), &s)
}

type listed struct {
	Sequence string
	Slot     int
	Client   string
	State    string
	Rooms    []string
	Address  string
}

func (h *house) sequences() (all []listed) {
	h.t.Helper()
	out, stderr, code := h.ask("sequence", "list", "--json")
	if code != 0 {
		h.t.Fatalf("sequence list: exit %d: %s", code, stderr)
	}
	Check(h.t, json.Unmarshal([]byte(out), &all))
	return all
}

// crowd joins sockets until each of the house's puddles has some of them.
func (h *house) crowd(sockets, puddles int, path string) (all []*Client, slots map[string]int) {
	h.t.Helper()
	for range 20 {
		all, slots = nil, map[string]int{}
		for range sockets {
			all = append(all, Join(h.t, h.address, path))
		}
		in := map[int]bool{}
		for _, s := range h.sequences() {
			slots[s.Sequence], in[s.Slot] = s.Slot, true
		}
		if len(in) == puddles {
			return all, slots
		}
		for _, c := range all {
			c.Close()
		}
	}
	h.t.Fatalf("the kernel never spreads %d sockets over %d puddles", sockets, puddles)
	return nil, nil
}

func TestThreePuddlesOneRoom(t *testing.T) {
	const senders, messages = 3, 400
	h := newHouse(t, 3)
	all, _ := h.crowd(24, 3, "/chat")
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range messages {
				all[s].Text(fmt.Sprintf("%d %d", s, n))
			}
		})
	}
	for n, c := range all {
		wg.Go(func() { c.HearsAll(n, senders, messages) })
	}
	wg.Wait()
	status, err := h.status()
	if err != nil || status.Sequences != 24 || len(status.Puddles) != 3 {
		t.Errorf("status: %+v, %v", status, err)
	}
	for _, c := range all {
		c.Close()
	}
	h.registryEmpty()
}

// registryEmpty waits until no socket is left, in status and on disk.
func (h *house) registryEmpty() {
	h.t.Helper()
	ctx := context.Background()
	h.eventually("the registry is empty", func() bool {
		s, err := h.status()
		if err != nil || s.Sequences != 0 {
			return false
		}
		reader, err := store.Open(ctx, filepath.Join(h.data, "porthouse.db"))
		if err != nil {
			return false
		}
		defer reader.Close()
		counts, err := reader.Counts(ctx)
		return err == nil && counts["sequences"] == 0 && counts["subscriptions"] == 0 && counts["rooms"] == 0
	})
}

func TestPuddleKilledInTheMiddle(t *testing.T) {
	h := newHouse(t, 3)
	all, slots := h.crowd(24, 3, "/chat")
	victim := slots[all[0].Sequence]
	before, err := h.status()
	Check(t, err)
	var living []*Client
	for _, c := range all {
		if slots[c.Sequence] != victim {
			living = append(living, c)
		}
	}
	sender, hearers := living[0], living[1:]
	for n := range 300 {
		if n == 100 {
			Check(t, syscall.Kill(before.Puddles[victim].Pid, syscall.SIGKILL))
		}
		sender.Text(fmt.Sprint(n))
		for _, c := range hearers {
			c.Hears(OpText, fmt.Sprint(n))
		}
	}
	h.eventually("the puddle is replaced", func() bool {
		s, err := h.status()
		return err == nil && s.Puddles[victim].Pid != 0 && s.Puddles[victim].Pid != before.Puddles[victim].Pid && s.Puddles[victim].Generation == 2
	})
	// New sockets land everywhere and hear the old ones.
	for range 12 {
		fresh := Join(t, h.address, "/chat")
		sender.Text("welcome")
		fresh.Hears(OpText, "welcome")
	}
	for _, c := range all {
		c.Close()
	}
}

func TestSequenceListAndClose(t *testing.T) {
	h := newHouse(t, 2)
	a, b := Join(t, h.address, "/chat"), Join(t, h.address, "/other")
	all := h.sequences()
	if len(all) != 2 {
		t.Fatalf("listed %+v", all)
	}
	out, _, _ := h.run("sequence", "list", "--room", "chat", "--json")
	if !strings.Contains(out, a.Sequence) || strings.Contains(out, b.Sequence) {
		t.Errorf("--room chat lists %s", out)
	}
	if _, stderr, code := h.run("sequence", "close", a.Sequence); code != 0 {
		t.Errorf("close: exit %d: %s", code, stderr)
	}
	a.Closes(schema.ClosePutOut)
	if _, stderr, code := h.run("sequence", "close", "~0000000000001"); code != 1 || !strings.Contains(stderr, "~0000000000001") {
		t.Errorf("close of nobody: exit %d: %s", code, stderr)
	}
}

func TestStopDrains(t *testing.T) {
	h := newHouse(t, 2)
	a, b := Join(t, h.address, "/chat"), Join(t, h.address, "/chat")
	a.Text("last words")
	b.Hears(OpText, "last words")
	if _, stderr, code := h.run("stop"); code != 0 {
		t.Errorf("stop: exit %d: %s", code, stderr)
	}
	a.Closes(schema.CloseHouseStops)
	b.Closes(schema.CloseHouseStops)
	if err := h.ends(); err != nil {
		t.Errorf("the house ended with %v", err)
	}
	if _, stderr, code := h.run("status"); code != 3 || !strings.Contains(stderr, h.data) {
		t.Errorf("status of a house that is down: exit %d: %s", code, stderr)
	}
}

func TestHealthAndReady(t *testing.T) {
	h := newHouse(t, 1)
	for path, want := range map[string]int{"/-/health": 200, "/-/ready": 200, "/-/nothing": 404, "/chat": 426, "/": 426} {
		answer, err := http.Get("http://" + h.address + path)
		Check(t, err)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s; want %d", path, answer.Status, want)
		}
	}
}

func TestSecondHouseOnTheSameFolderOrPort(t *testing.T) {
	h := newHouse(t, 1)
	if _, stderr, code := h.run("up", "--listen", "127.0.0.1:0", "--admin", "off"); code != 1 || strings.Count(strings.TrimSpace(stderr), "\n") > 0 {
		t.Errorf("a second house in the folder: exit %d: %s", code, stderr)
	}
	command := porthouse("up", "--listen", h.address, "--admin", "off", "--data", t.TempDir())
	out, _ := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), h.address) {
		t.Errorf("a second house on the port: exit %d: %s", command.ProcessState.ExitCode(), out)
	}
	Join(t, h.address, "/chat") // the first one never noticed
}

func TestNoRoomUnlessOneMayMakeIt(t *testing.T) {
	h := newHouse(t, 1, "--transient", "nobody")
	c := Dial(t, h.address)
	c.Say([]byte(RequestFor("/chat")))
	if status := c.Head(); status != 404 {
		t.Errorf("status %d; want 404", status)
	}
}

// A database that fails under the house costs no message.
func TestRegistryTroubleDropsNothing(t *testing.T) {
	h := newHouse(t, 1)
	database, err := sql.Open("sqlite", filepath.Join(h.data, "porthouse.db"))
	Check(t, err)
	defer database.Close()
	database.SetMaxOpenConns(1)
	_, err = database.Exec("BEGIN IMMEDIATE")
	Check(t, err)
	time.Sleep(300 * time.Millisecond)
	a, b := Join(t, h.address, "/chat"), Join(t, h.address, "/chat")
	for n := range 500 {
		a.Text(fmt.Sprint(n))
		b.Hears(OpText, fmt.Sprint(n))
	}
	h.eventually("the lag rises", func() bool {
		out, _, _ := h.run("status", "--json")
		var s struct {
			Lag float64 `json:"registry_lag"`
		}
		return json.Unmarshal([]byte(out), &s) == nil && s.Lag > 0.2
	})
	_, err = database.Exec("ROLLBACK")
	Check(t, err)
	a.Close()
	b.Close()
	h.registryEmpty()
}
