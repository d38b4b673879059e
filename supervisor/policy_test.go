package supervisor

import (
	"strings"
	"testing"
	"time"
)

func TestPolicyScripts(t *testing.T) {
	for _, script := range []struct {
		name string
		// event→state/action, one after another
		steps string
	}{
		{"a life", "due→starting/launch started→linking/introduce ready→serving/announce stop→stopping/dismiss exited→down/clearUp"},
		{"dies at work", "due→starting/launch started→linking/introduce ready→serving/announce exited→backoff/bury due→starting/launch"},
		{"dies at once", "due→starting/launch exited→backoff/bury due→starting/launch exited→backoff/bury"},
		{"never starts", "due→starting/launch overdue→ending/kill exited→backoff/bury"},
		{"never links", "due→starting/launch started→linking/introduce overdue→ending/kill overdue→ending/kill exited→backoff/bury"},
		{"stands still", "due→starting/launch started→linking/introduce ready→serving/announce overdue→ending/kill exited→backoff/bury"},
		{"hangs", "due→starting/launch started→linking/introduce ready→serving/announce hung→ending/kill hung→ending/nothing exited→backoff/bury"},
		{"ready too early", "due→starting/launch ready→ending/kill"},
		{"late words", "due→starting/launch exited→backoff/bury started→backoff/nothing ready→backoff/nothing hung→backoff/nothing"},
		{"stopped while it starts", "due→starting/launch stop→stopping/dismiss started→stopping/nothing ready→stopping/nothing exited→down/clearUp due→starting/launch"},
		{"stopped while killed", "due→starting/launch overdue→ending/kill stop→stopping/nothing overdue→stopping/kill exited→down/clearUp"},
		{"stopped while it waits", "due→starting/launch exited→backoff/bury stop→down/nothing overdue→down/nothing"},
		{"does not stop", "due→starting/launch started→linking/introduce stop→stopping/dismiss stop→stopping/nothing overdue→stopping/kill overdue→stopping/kill exited→down/clearUp"},
	} {
		t.Run(script.name, func(t *testing.T) {
			at := down
			for each := range strings.FieldsSeq(script.steps) {
				what, want, _ := strings.Cut(each, "→")
				step := policy[at][eventNamed(t, what)]
				if got := step.next.String() + "/" + step.do.String(); got != want {
					t.Fatalf("%s in %s: %s, want %s", what, at, got, want)
				}
				at = step.next
			}
		})
	}
}

func eventNamed(t *testing.T, name string) event {
	t.Helper()
	for e := range events {
		if e.String() == name {
			return e
		}
	}
	t.Fatalf("no event %q", name)
	return 0
}

// What must hold of every cell.
func TestPolicyWhole(t *testing.T) {
	hasProcess := map[state]bool{starting: true, linking: true, serving: true, ending: true, stopping: true}
	for s := range states {
		for e := range events {
			step := policy[s][e]
			switch {
			case step.do == launch && (e != due || hasProcess[s]):
				t.Errorf("%s in %s starts a process", e, s)
			case hasProcess[s] && !hasProcess[step.next] && e != exited:
				t.Errorf("%s in %s forgets a process", e, s)
			case hasProcess[s] && e == exited && (hasProcess[step.next] || step.do != bury && step.do != clearUp):
				t.Errorf("%s in %s does not clear up", e, s)
			case !hasProcess[s] && hasProcess[step.next] && step.do != launch:
				t.Errorf("%s in %s has a process from nowhere", e, s)
			case e == stop && step.next != down && step.next != stopping:
				t.Errorf("%s in %s goes on", e, s)
			case hasProcess[s] && e == overdue && step.do != kill:
				t.Errorf("%s in %s does not kill", e, s)
			}
		}
	}
}

func TestPause(t *testing.T) {
	want := []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}
	for i, ms := range want {
		if got := pause(i + 1); got != ms*time.Millisecond {
			t.Errorf("pause(%d) = %s, want %s", i+1, got, ms*time.Millisecond)
		}
	}
	if pause(1_000_000) != pauseMost || pause(0) != pauseFirst {
		t.Error("pause beyond its ends")
	}
}
