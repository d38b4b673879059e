package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A server is the processes whose cost is measured.
type server struct {
	pids []int
	tree bool // their descendants and the rest of their sessions too
}

func (s server) given() bool { return len(s.pids) > 0 }

// processes are the server's processes now.
func (s server) processes() ([]int, error) {
	if !s.tree {
		return s.pids, nil
	}
	all, err := readProcesses()
	if err != nil {
		return nil, err
	}
	return family(all, s.pids, os.Getpid()), nil
}

// A relation is one process's place among the others.
type relation struct {
	pid, parent, session int
}

// family are the roots, their descendants, and whoever is in a session that a
// root leads (one that left its parent), without except and what descends from
// it.
func family(all []relation, roots []int, except int) []int {
	found := slices.Clone(roots)
	for _, r := range all {
		if slices.Contains(roots, r.session) && !slices.Contains(found, r.pid) && !descends(all, r.pid, except) {
			found = append(found, r.pid)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, r := range all {
			if r.parent == found[i] && r.pid != except && !slices.Contains(found, r.pid) {
				found = append(found, r.pid)
			}
		}
	}
	return found
}

// descends tells whether pid is ancestor or a descendant of it.
func descends(all []relation, pid, ancestor int) bool {
	for pid > 0 && pid != ancestor {
		i := slices.IndexFunc(all, func(r relation) bool { return r.pid == pid })
		if i < 0 {
			return false
		}
		pid = all[i].parent
	}
	return pid == ancestor
}

func readProcesses() ([]relation, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for the server's processes: %v", err)
	}
	var all []relation
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if r, ok := parseStat(pid, stat); err == nil && ok {
			all = append(all, r)
		}
	}
	return all, nil
}

// parseStat reads /proc/PID/stat; the name in it may hold anything, and ends
// with the last parenthesis. Processes that ended are left out.
func parseStat(pid int, stat []byte) (relation, bool) {
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 4 || f[0][0] == 'Z' || f[0][0] == 'X' {
		return relation{}, false
	}
	parent, _ := strconv.Atoi(string(f[1]))
	session, _ := strconv.Atoi(string(f[3]))
	return relation{pid, parent, session}, true
}

// cpu is the time that each of the processes spent so far, user and system,
// in ns.
func (s server) cpu() (map[int]int64, error) {
	pids, err := s.processes()
	if err != nil {
		return nil, err
	}
	spent := map[int]int64{}
	for _, pid := range pids {
		if ns, err := processCPU(pid); err == nil {
			spent[pid] = ns
		} else if slices.Contains(s.pids, pid) {
			return nil, fmt.Errorf("CPU time of process %d: %v; is it still running?", pid, err)
		}
	}
	return spent, nil
}

// processCPU reads a process's CPU clock, in ns.
func processCPU(pid int) (int64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, err
	}
	return t.Nano(), nil
}

// spent is the CPU time between two readings, in ns, and how many processes
// ended in between, whose time is not in it.
func spent(before, after map[int]int64) (ns int64, ended int) {
	for pid, t := range after {
		ns += t - before[pid]
	}
	for pid := range before {
		if _, still := after[pid]; !still {
			ended++
		}
	}
	return ns, ended
}

// memory is the server's proportional set size, in bytes: what its processes
// share is counted once.
func (s server) memory() (pss int64, processes int, err error) {
	pids, err := s.processes()
	if err != nil {
		return 0, 0, err
	}
	for _, pid := range pids {
		n, err := processPss(pid)
		if err != nil {
			if slices.Contains(s.pids, pid) {
				return 0, 0, err
			}
			continue
		}
		pss += n
		processes++
	}
	return pss, processes, nil
}

func processPss(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	f, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %v; is it still running, and yours?", pid, err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no line Pss", name)
}
