package credential

import (
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

func mustCode(t *testing.T, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(vectorSecret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// RFC 6238 appendix B, SHA-1: the last six of its eight digits.
func TestCodeVectors(t *testing.T) {
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		now := time.Unix(at, 0)
		for skew, want := range map[time.Duration]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
			step, right := matchCode(vectorSecret, code, now.Add(skew*codeStep))
			if right != want || right && step != stepOf(now) {
				t.Errorf("%s of %d, %d steps away: %v, step %d", code, at, skew, right, step)
			}
		}
	}
	for _, code := range []string{"", "28708", "2870820", "94287082", " 287082", "287082 ", "２８７０８２", "000000"} {
		if _, right := matchCode(vectorSecret, code, time.Unix(59, 0)); right {
			t.Errorf("%q is right", code)
		}
	}
	if _, right := matchCode("not base32!", "287082", time.Unix(59, 0)); right {
		t.Error("a secret that is none has a code")
	}
}

func TestCodesOnce(t *testing.T) {
	const other = "JBSWY3DPEHPK3PXP"
	now := time.Unix(1111111111, 0)
	c := newCodes(kept{}.use)
	for i, test := range []struct {
		owner, code string
		at          time.Time
		want        bool
	}{
		{"alice", "000000", now, false},
		{"alice", "081804", now, true}, // a step back
		{"alice", "081804", now, false},
		{"bob", "081804", now, true},
		{"alice", "050471", now, true},
		{"alice", "050471", now.Add(codeStep), false},
		{"alice", "081804", now, false}, // older than the last one
		{"carol", "050471", now.Add(2 * codeStep), false},
	} {
		if got := c.spend(test.owner, vectorSecret, test.code, test.at); got != test.want {
			t.Errorf("%d: %s's %s: %v", i, test.owner, test.code, got)
		}
	}
	if c.spend("alice", other, "050471", now) {
		t.Error("a code of another secret is right")
	}
}

// A full table forgets only steps that are past: no code gets good again.
func TestCodesFull(t *testing.T) {
	now := time.Unix(1111111111, 0)
	c := newCodes(kept{}.use)
	for i := range codesMost {
		c.used[c.seal(fmt.Sprint(i))] = stepOf(now)
	}
	if c.spend("alice", vectorSecret, "050471", now) {
		t.Error("a code was taken that is not remembered")
	}
	later := now.Add(4 * codeStep)
	c.used[c.seal("last")] = stepOf(later)
	if !c.spend("alice", vectorSecret, mustCode(t, later), later) || len(c.used) != 2 {
		t.Errorf("later: %d steps are remembered", len(c.used))
	}
}

// kept is what outlives a process.
type kept map[[32]byte]int64

func (k kept) use(key [32]byte, step, past int64) bool {
	if step <= max(past, k[key]) {
		return false
	}
	k[key] = step
	return true
}

// The next process knows which codes the one before has taken.
func TestCodesOnceForTheNextProcess(t *testing.T) {
	now, left := time.Unix(1111111111, 0), kept{}
	if !newCodes(left.use).spend("alice", vectorSecret, "050471", now) {
		t.Fatal("a right code is not taken")
	}
	next := newCodes(left.use)
	for _, code := range []string{"050471", "081804"} {
		if next.spend("alice", vectorSecret, code, now) {
			t.Errorf("%s is good again in the next process", code)
		}
	}
	if !next.spend("bob", vectorSecret, "050471", now) {
		t.Error("another's code is not taken")
	}
}
