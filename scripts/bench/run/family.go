package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes what outlives its parent below us our child, so that it is found
// and ended too.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: take in orphaned processes: %w", err)
	}
	return nil
}

// descendants are all processes below pid, from /proc.
func descendants(pid int) []int {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(f) > 1 && f[0][0] != 'Z' {
			parents[child], _ = strconv.Atoi(string(f[1]))
		}
	}
	var below []int
	for child := range parents {
		for p := parents[child]; p > 0; p = parents[p] {
			if p == pid {
				below = append(below, child)
				break
			}
		}
	}
	return below
}

// endOrphans kills whatever we started and did not see end, for at most 2 s,
// and says how many there were.
func endOrphans() int {
	killed := map[int]bool{}
	for range 100 {
		left := descendants(os.Getpid())
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			killed[pid] = true
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
		for pid := range killed {
			syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
	return len(killed)
}
