package console

import (
	"testing"
	"time"
)

func TestCodeIsGoodOnceAndForAMinute(t *testing.T) {
	s, now := newSessions(), time.Now()
	code, late := s.invite(now), s.invite(now)
	if len(code) < 43 || code == late {
		t.Errorf("codes %q and %q", code, late)
	}
	for n, c := range []struct {
		code string
		at   time.Duration
		good bool
	}{{"", 0, false}, {code + "x", 0, false}, {code, 59 * time.Second, true}, {code, 59 * time.Second, false}, {late, codeTime, false}, {late, 0, false}} {
		if s.spend(c.code, now.Add(c.at)) != c.good {
			t.Errorf("try %d is not %v", n, c.good)
		}
	}
	first := s.invite(now)
	for n := range codesMost {
		s.invite(now.Add(time.Duration(n+1) * time.Millisecond))
	}
	if s.spend(first, now) || len(s.codes) != codesMost {
		t.Errorf("%d codes wait, the oldest too", len(s.codes))
	}
}

func TestSessionEnds(t *testing.T) {
	s, now := newSessions(), time.Now()
	one, cookie := s.begin(session{host: "h"}, now)
	if s.find(cookie, now.Add(sessionTime-1)) != one || s.find(cookie+"x", now) != nil || s.find("", now) != nil {
		t.Error("a session is not found, or another is")
	}
	if s.find(cookie, now.Add(sessionTime)) != nil || s.lives(one, now) {
		t.Error("a session does not end by itself")
	}
	two, cookie := s.begin(session{}, now)
	s.end(two)
	if s.find(cookie, now) != nil || s.lives(two, now) {
		t.Error("an ended session is found")
	}
	for n := range sessionsMost + 1 {
		s.begin(session{}, now.Add(time.Duration(n)))
	}
	if len(s.all) != sessionsMost {
		t.Errorf("%d sessions", len(s.all))
	}
}

// Who does not listen is out, and nobody waits for it.
func TestFeedWaitsForNobody(t *testing.T) {
	f := newFeed()
	f.ticking = true // there is no house to take pictures of
	slow, _ := f.join()
	for range waitingMost + 1 {
		f.Write([]byte(`{"msg":"x"}`))
	}
	select {
	case <-slow.over:
	case <-time.After(10 * time.Second):
		t.Fatal("a listener that hears nothing stays")
	}
	if !slow.slow || len(f.listeners) != 0 || len(f.lines) > linesMost {
		t.Errorf("slow %v, %d listeners, %d lines", slow.slow, len(f.listeners), len(f.lines))
	}
	for range listenersMost {
		if l, _ := f.join(); l == nil {
			t.Fatal("a listener is not let in")
		}
	}
	if l, _ := f.join(); l != nil {
		t.Error("one too many is let in")
	}
}
