package supervisor

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// testHouse is a house of fake puddles that is up.
type testHouse struct {
	t       *testing.T
	config  Config
	signals chan os.Signal
	cancel  context.CancelFunc
	up      chan Front
	ended   chan error
}

func stand(t *testing.T, manners string, puddles int) *testHouse {
	t.Setenv(fakeManners, manners)
	h := &testHouse{t: t, signals: make(chan os.Signal, 4), up: make(chan Front, 1), ended: make(chan error, 1)}
	h.config = Config{
		Unkept: true,
		Listen: []string{"localhost:0"}, Puddles: puddles, Data: filepath.Join(t.TempDir(), "data"),
		Admin: "127.0.0.1:0", Settings: schema.DefaultSettings(), Drain: time.Second, Version: "test",
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Up:  func(f Front) { h.up <- f }, Signals: h.signals,
	}
	return h
}

func (h *testHouse) run() *testHouse {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.ended <- Run(ctx, h.config) }()
	h.t.Cleanup(func() {
		cancel()
		select {
		case h.signals <- syscall.SIGQUIT:
		default:
		}
		h.isDown()
	})
	return h
}

func (h *testHouse) isUp() Front {
	h.t.Helper()
	select {
	case front := <-h.up:
		return front
	case err := <-h.ended:
		h.t.Fatal("ended instead of up:", err)
	case <-time.After(20 * time.Second):
		h.t.Fatal("not up")
	}
	return Front{}
}

func (h *testHouse) isDown() error {
	h.t.Helper()
	select {
	case err := <-h.ended:
		h.ended <- err
		return err
	case <-time.After(20 * time.Second):
		h.t.Fatal("does not stop")
	}
	return nil
}

func (h *testHouse) ask(ask ipc.Ask) (conn *ipc.Conn, answer ipc.Answer) {
	h.t.Helper()
	conn, err := ipc.DialControl(h.config.Data)
	if err == nil {
		if err = conn.Send(ask); err == nil {
			_, err = conn.Receive(&answer)
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return conn, answer
}

func (h *testHouse) status() *ipc.Status {
	h.t.Helper()
	conn, answer := h.ask(ipc.Ask{Status: &ipc.AskStatus{}})
	conn.Close()
	return answer.Status
}

// sequences are the ids there are, which is what the fakes say they saw.
func (h *testHouse) sequences() []int {
	h.t.Helper()
	conn, answer := h.ask(ipc.Ask{Sequences: &ipc.AskSequences{}})
	defer conn.Close()
	var ids []int
	for !answer.Done {
		for _, q := range answer.Sequences {
			ids = append(ids, int(q.ID))
		}
		answer = ipc.Answer{}
		if _, err := conn.Receive(&answer); err != nil {
			h.t.Fatal(err)
		}
	}
	slices.Sort(ids)
	return ids
}

func (h *testHouse) until(what string, come func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !come(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatal("in vain: ", what)
		}
	}
}

func TestHouse(t *testing.T) {
	h := stand(t, fakeGood, 3).run()
	front := h.isUp()
	status := h.status()
	if status.State != "up" || len(status.Puddles) != 3 || status.Version != "test" || status.PID != os.Getpid() ||
		!slices.Equal(status.Listen, front.Listen) || status.Admin != front.Admin {
		t.Errorf("status %+v, front %+v", status, front)
	}
	for slot, p := range status.Puddles {
		if p.Slot != slot || p.PID == 0 || p.Generation != 1 || p.State != "serving" {
			t.Errorf("puddle %+v", p)
		}
	}
	// each says that it is here and that it met its two peers
	h.until("everybody met", func() bool {
		return slices.Equal(h.sequences(), []int{100, 101, 102, 300, 300, 301, 301, 302, 302})
	})
	h.until("rooms and sockets are counted", func() bool {
		s := h.status()
		return s.Rooms == 2 && s.Sequences == 9
	})
	h.checkMetrics(front, 9)

	dead := status.Puddles[1].PID
	if err := syscall.Kill(dead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.until("the dead one is replaced", func() bool {
		p := h.status().Puddles[1]
		return p.PID != dead && p.Generation == 2 && p.State == "serving"
	})
	h.until("it met its peers, and they saw the other go", func() bool {
		return slices.Equal(h.sequences(), []int{100, 101, 102, 201, 201, 300, 300, 301, 301, 301, 301, 302, 302})
	})
	h.until("the registry has what lives", func() bool { return h.status().RegistryLag == 0 })

	conn, answer := h.ask(ipc.Ask{Stop: &ipc.AskStop{}})
	if answer.Stopping == nil || answer.Stopping.Drain != h.config.Drain {
		t.Fatalf("answered %+v", answer)
	}
	if err := h.isDown(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Receive(new(ipc.Answer)); err != io.EOF {
		t.Errorf("who asked to stop hears %v", err)
	}
	h.checkLeft()
}

// checkLeft looks at what a house leaves in its folder.
func (h *testHouse) checkLeft() {
	h.t.Helper()
	left, _ := filepath.Glob(filepath.Join(h.config.Data, "*"))
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if !slices.Equal(left, []string{"lock", "porthouse.db"}) {
		h.t.Errorf("left behind: %v", left)
	}
	if pid, held := Holder(h.config.Data); held {
		h.t.Errorf("still held by %d", pid)
	}
	st, err := store.Open(context.Background(), filepath.Join(h.config.Data, databaseFile))
	if err != nil {
		h.t.Fatal(err)
	}
	defer st.Close()
	counts, err := st.Counts(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	for name, rows := range maps.All(counts) {
		if rows != 0 {
			h.t.Errorf("%d %s left in the registry", rows, name)
		}
	}
}

func (h *testHouse) checkMetrics(front Front, sockets int) {
	h.t.Helper()
	response, err := http.Get("http://" + front.Admin + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	for _, line := range []string{
		`porthouse_sequences{puddle="2",state="lobby"} 0`,
		fmt.Sprintf(`porthouse_sequences{puddle="0",state="room"} %d`, sockets/3),
		`porthouse_rooms{kind="persistent"} 0`,
		`porthouse_rooms{kind="transient"} 2`,
		`porthouse_messages_received_total{puddle="0"} 0`,
		`porthouse_deliveries_total{puddle="1"} 0`,
		`porthouse_refused_total{reason="too-large"} 0`,
		`porthouse_closes_total{code="4503"} 0`,
		`porthouse_closes_total{code="other"} 0`,
		`porthouse_handover_sockets_total{result="lost"} 0`,
		`porthouse_handover_stall_seconds_count 0`,
		`porthouse_outbox_bytes{puddle="2"} 0`,
		`porthouse_mesh_messages_total{from="0",to="2"} 0`,
		`porthouse_registry_lag_seconds `,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(string(body), "\n"+line) {
			h.t.Errorf("/metrics lacks %s", line)
		}
	}
	for _, c := range []struct {
		path, host string
		status     int
	}{
		{"/metrics", "evil.example", 403},
		{"/metrics", "localhost:1234", 200},
		{"/metrics", "[::1]", 200},
		{"/", "127.0.0.1", 200}, // the console
		{"/nothing", "127.0.0.1", 404},
		{"/api/status", "127.0.0.1", 401},
	} {
		request, _ := http.NewRequest("GET", "http://"+front.Admin+c.path, nil)
		request.Host = c.host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			h.t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.status {
			h.t.Errorf("%s of %s: %d, want %d", c.path, c.host, response.StatusCode, c.status)
		}
	}
}

func TestHouseThatCannotStart(t *testing.T) {
	for manners, want := range map[string]string{
		fakeFails:  "failed 3 times before it was ready: exit status 1: slot 0 will not do",
		fakePanics: "failed 3 times before it was ready: exit status 2: panic: out of luck",
	} {
		t.Run(manners, func(t *testing.T) {
			h := stand(t, manners, 1).run()
			err := h.isDown()
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want …%s", err, want)
			}
			h.checkLeft()
		})
	}
	t.Run("no such binary", func(t *testing.T) {
		h := stand(t, fakeGood, 2)
		h.config.Executable = "/nowhere/porthouse"
		if err := h.run().isDown(); err == nil || !strings.Contains(err.Error(), "/nowhere/porthouse") {
			t.Error(err)
		}
	})
}

func TestHouseTriesAgain(t *testing.T) {
	h := stand(t, fakeOnce, 2).run()
	h.isUp()
	for _, p := range h.status().Puddles {
		if p.Generation != 2 {
			t.Errorf("puddle %+v", p)
		}
	}
}

func TestHouseStops(t *testing.T) {
	for _, c := range []struct {
		name, manners string
		stop          func(*testHouse)
		quick         bool
	}{
		{"TERM", fakeGood, func(h *testHouse) { h.signals <- syscall.SIGTERM }, true},
		{"context", fakeGood, func(h *testHouse) { h.cancel() }, true},
		{"QUIT", fakeStubborn, func(h *testHouse) { h.signals <- syscall.SIGQUIT }, true},
		{"INT twice", fakeStubborn, func(h *testHouse) { h.signals <- syscall.SIGINT; h.signals <- syscall.SIGINT }, true},
		{"TERM in vain", fakeStubborn, func(h *testHouse) { h.signals <- syscall.SIGTERM; h.signals <- syscall.SIGTERM }, false},
		{"TERM, then INT", fakeStubborn, func(h *testHouse) { h.signals <- syscall.SIGTERM; h.signals <- syscall.SIGINT }, true},
		{"HUP, then TERM", fakeGood, func(h *testHouse) { h.signals <- syscall.SIGHUP; h.signals <- syscall.SIGTERM }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := stand(t, c.manners, 2)
			if c.quick {
				h.config.Drain = time.Minute
			}
			h.run().isUp()
			begun := time.Now()
			c.stop(h)
			if err := h.isDown(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); !c.quick && took < h.config.Drain {
				t.Errorf("cut off after %s", took)
			}
			h.checkLeft()
		})
	}
	t.Run("while it starts", func(t *testing.T) {
		h := stand(t, fakeSilent, 2).run()
		h.until("it listens", func() bool { _, err := ipc.DialControl(h.config.Data); return err == nil })
		if s := h.status(); s.State != "starting" {
			t.Errorf("%+v", s)
		}
		h.signals <- syscall.SIGTERM
		if err := h.isDown(); err != nil {
			t.Error(err)
		}
	})
}

func TestHouseKillsWhoHangs(t *testing.T) {
	h := stand(t, fakeGood, 2).run()
	h.isUp()
	h.until("1 is here", func() bool { return slices.Contains(h.sequences(), 101) })
	before := h.status()
	conn, answer := h.ask(ipc.Ask{Close: &ipc.AskClose{Sequences: []schema.SequenceID{42, 101}}})
	conn.Close()
	if c := answer.Closed; c == nil || !slices.Equal(c.Closed, []schema.SequenceID{101}) || !slices.Equal(c.Missing, []schema.SequenceID{42}) {
		t.Errorf("%+v", answer)
	}
	h.until("the one of whom its peer says that it hangs is replaced", func() bool {
		p := h.status().Puddles[0]
		return p.PID != before.Puddles[0].PID && p.State == "serving"
	})
	if testing.Short() {
		return // it takes stillMost seconds
	}
	before = h.status()
	if err := syscall.Kill(before.Puddles[1].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	h.until("the one that stands still is replaced", func() bool {
		p := h.status().Puddles[1]
		return p.PID != before.Puddles[1].PID && p.State == "serving"
	})
	if p := h.status().Puddles[0]; p.PID != before.Puddles[0].PID {
		t.Errorf("its peer was too: %+v", p)
	}
}

func TestHouseLongPath(t *testing.T) {
	h := stand(t, fakeGood, 1)
	h.config.Data = filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	h.run().isUp()
	h.status()
	h.signals <- syscall.SIGTERM
	if err := h.isDown(); err != nil {
		t.Fatal(err)
	}
	h.checkLeft()
}

func TestSecondHouse(t *testing.T) {
	h := stand(t, fakeGood, 1).run()
	front := h.isUp()
	second := h.config
	second.Listen = []string{"127.0.0.1:0"}
	if err := Run(context.Background(), second); err == nil || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("on the same folder: %v", err)
	}
	second.Data, second.Listen = filepath.Join(t.TempDir(), "data"), front.Listen
	if err := Run(context.Background(), second); err == nil || !strings.HasPrefix(err.Error(), "port taken: "+front.Listen[0]) {
		t.Errorf("on the same port: %v", err)
	}
	second.Listen, second.Admin = []string{"127.0.0.1:0"}, front.Admin
	if err := Run(context.Background(), second); err == nil || !strings.HasPrefix(err.Error(), "port taken: "+front.Admin) {
		t.Errorf("on the same admin port: %v", err)
	}
	h.status() // the first is none the worse
}
