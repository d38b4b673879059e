package main

import (
	"os"
	"slices"
	"testing"
)

func TestTheServersFamily(t *testing.T) {
	all := []relation{
		{1, 0, 1}, {10, 1, 10}, // 10 is the server
		{11, 10, 10}, {12, 11, 12}, // a puddle, and its child in a session of its own
		{13, 1, 10},               // one that left its parent
		{20, 1, 20}, {21, 20, 20}, // somebody else
		{30, 10, 10}, {31, 30, 10}, // we, started by the server's own session
	}
	got := family(all, []int{10}, 30)
	slices.Sort(got)
	if want := []int{10, 11, 12, 13}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAStatWithAHostileName(t *testing.T) {
	got, ok := parseStat(7, []byte("7 (a) S 1 (b) S 42 43 44 0 -1"))
	if want := (relation{7, 42, 44}); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	if _, ok := parseStat(7, []byte("7 (gone) Z 1 2 3 0")); ok {
		t.Error("a zombie was taken for a process")
	}
}

func TestOurOwnCost(t *testing.T) {
	s := server{pids: []int{os.Getpid()}}
	cpu, err := s.cpu()
	if err != nil || cpu[os.Getpid()] <= 0 {
		t.Errorf("CPU %v, %v", cpu, err)
	}
	pss, n, err := s.memory()
	if err != nil || n != 1 || pss < 1<<20 {
		t.Errorf("%d bytes in %d processes, %v", pss, n, err)
	}
}
