package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A process is one of a house's.
type process struct {
	pid, parent int
	args        []string
}

// is tells whether it runs that subcommand, and for that slot unless slot is
// negative.
func (p process) is(command string, slot int) bool {
	return len(p.args) > 1 && p.args[1] == command &&
		(slot < 0 || len(p.args) > 2 && p.args[2] == strconv.Itoa(slot))
}

// processes are those that live and that are wanted.
func processes(wanted func(pid, parent int) bool) []process {
	var found []process
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		parent, alive := parentOf(name)
		if !alive || !wanted(pid, parent) {
			continue
		}
		line, _ := os.ReadFile(name + "/cmdline")
		found = append(found, process{pid, parent, strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")})
	}
	return found
}

// processesIn are those whose executable is, or was, in a folder.
func processesIn(folder string) []process {
	return processes(func(pid, _ int) bool {
		executable, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		return err == nil && strings.HasPrefix(executable, folder+"/")
	})
}

// childrenOf are those that a process started.
func childrenOf(pid int) []process {
	return processes(func(_, parent int) bool { return parent == pid })
}

// parentOf reads /proc/PID/stat, where the name may hold anything and ends
// with the last parenthesis.
func parentOf(folder string) (parent int, alive bool) {
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return 0, false
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 2 || f[0][0] == 'Z' || f[0][0] == 'X' {
		return 0, false
	}
	parent, _ = strconv.Atoi(string(f[1]))
	return parent, true
}
