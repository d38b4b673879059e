package credential

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be a burner.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == HashCommand {
		if err := Burn(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// apartVerifier hashes in a process that this binary becomes.
func apartVerifier(t *testing.T, workers int, apart Apart) (v *Verifier, log *journal) {
	t.Helper()
	log = &journal{}
	if apart.Executable == "" {
		apart.Executable = os.Args[0]
	}
	if apart.Patience == 0 {
		apart.Patience = time.Minute // the machine may be busy
	}
	apart.Log = slog.New(slog.NewTextHandler(log, nil))
	v = newVerifier(t, Config{Workers: workers}, newBook())
	v.HashApart(apart)
	t.Cleanup(v.Close)
	return v, log
}

// journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (s *burners) now() *burner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.burner
}

// quick is a job of no time.
func quick(password string) job {
	return job{Time: 1, Memory: 8, Threads: 1, Length: 16, Salt: []byte("salt of a test"), Password: []byte(password)}
}

func isKeyOf(j job, key []byte) bool { return bytes.Equal(key, j.key()) }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// What a burner makes is what this process makes, many at once too.
func TestBurnerMakesKeys(t *testing.T) {
	v, log := apartVerifier(t, 4, Apart{})
	threads := quick("of two threads")
	threads.Threads, threads.Memory, threads.Length = 2, 64, 64
	jobs := []job{newJob("correct horse"), newJob(""), threads}
	for i := range 40 {
		jobs = append(jobs, quick(fmt.Sprint("password ", i)))
	}
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() {
			if !isKeyOf(j, v.burners.key(j)) {
				t.Errorf("another key of %q", j.Password)
			}
		})
	}
	all.Wait()
	if v.burners.now() == nil || log.String() != "" {
		t.Errorf("no burner was used: %s", log)
	}
}

// All threads of a burner run when nobody else wants to, and nothing that the
// system shows of it, nor the log, has a password.
func TestBurnerIsIdleAndSilent(t *testing.T) {
	v, log := apartVerifier(t, 1, Apart{})
	v.burners.key(quick("loudsecret"))
	process := fmt.Sprint("/proc/", v.burners.now().command.Process.Pid)
	tasks, err := filepath.Glob(process + "/task/*")
	if err != nil || len(tasks) < 2 {
		t.Fatalf("threads %v, %v", tasks, err)
	}
	for _, task := range tasks {
		var tid int
		fmt.Sscan(filepath.Base(task), &tid)
		if attr, err := unix.SchedGetAttr(tid, 0); err == nil && attr.Policy != unix.SCHED_IDLE {
			t.Errorf("thread %d has policy %d", tid, attr.Policy)
		}
	}
	if group, err := os.ReadFile(process + "/autogroup"); err == nil && !strings.HasSuffix(string(group), " nice 19\n") {
		t.Errorf("its session is %q", group)
	}
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(filepath.Join(process, file))
		if err != nil || len(text) == 0 || bytes.Contains(text, []byte("loudsecret")) {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
	if strings.Contains(log.String(), "loudsecret") {
		t.Errorf("log: %s", log)
	}
}

// A burner that is killed at work costs nobody a try, and is replaced.
func TestBurnerKilled(t *testing.T) {
	v, log := apartVerifier(t, 2, Apart{})
	v.burners.key(quick("to begin with"))
	first := v.burners.now()
	j := newJob("in flight")
	j.Time = 8
	var key []byte
	var flight sync.WaitGroup
	first.places <- struct{}{} // the other is this test's
	flight.Go(func() { key = v.burners.key(j) })
	eventually(t, "a job in flight", func() bool { return len(first.places) == 2 })
	first.command.Process.Kill()
	flight.Wait()
	if !isKeyOf(j, key) {
		t.Error("the job in flight has another key")
	}
	eventually(t, "another burner", func() bool {
		v.burners.key(quick("again"))
		return v.burners.now() != nil
	})
	if v.burners.now() == first || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("the dead burner is kept, or the log is wrong: %s", log)
	}
}

// One that stands still is not waited for, and kept; what it has in hand keeps
// its place.
func TestBurnerLate(t *testing.T) {
	v, log := apartVerifier(t, 1, Apart{Patience: 50 * time.Millisecond})
	v.burners.key(quick("to begin with"))
	b := v.burners.now()
	if b == nil {
		t.Fatal("no burner")
	}
	b.command.Process.Signal(syscall.SIGSTOP)
	for range 3 {
		if j := quick("meanwhile"); !isKeyOf(j, v.burners.key(j)) {
			t.Error("another key")
		}
	}
	if v.burners.now() != b || len(b.places) != 1 || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("%d places taken, log: %s", len(b.places), log)
	}
	b.command.Process.Signal(syscall.SIGCONT)
	eventually(t, "the place is free", func() bool { return len(b.places) == 0 })
}

// Without a process that starts, or with one that is none, all are answered.
func TestNoBurner(t *testing.T) {
	none, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	for _, executable := range []string{"/nowhere/porthouse", none} {
		v, log := apartVerifier(t, 1, Apart{Executable: executable})
		for range 3 {
			if j := quick("anyway"); !isKeyOf(j, v.burners.key(j)) {
				t.Errorf("%s: another key", executable)
			}
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("%s: log: %s", executable, log)
		}
	}
}

// A burner ends when nobody needs it, and another comes when somebody does.
func TestBurnerRests(t *testing.T) {
	v, log := apartVerifier(t, 1, Apart{Rest: 30 * time.Millisecond})
	for range 2 {
		v.burners.key(quick("now and then"))
		b := v.burners.now()
		if b == nil {
			continue // it rests already
		}
		eventually(t, "the burner ends", b.over)
		if v.burners.now() != nil || b.command.ProcessState.ExitCode() != 0 {
			t.Errorf("it is kept, or failed: %s", b.command.ProcessState)
		}
	}
	if log.String() != "" {
		t.Errorf("log: %s", log)
	}
}

// Close ends it at work; what was asked for is made here.
func TestBurnerClosed(t *testing.T) {
	v, log := apartVerifier(t, 1, Apart{})
	v.burners.key(quick("to begin with"))
	b := v.burners.now()
	made := make(chan []byte, 1)
	j := newJob("in flight")
	go func() { made <- v.burners.key(j) }()
	v.Close()
	if key := <-made; !isKeyOf(j, key) || !b.over() || v.burners.now() != nil || log.String() != "" {
		t.Errorf("another key, or it lives; log: %s", log)
	}
}
