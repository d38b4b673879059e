package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What is done to a server at noon, with sockets on it.
const (
	reload    = "reload"     // it reads its settings again
	newBinary = "new binary" // the one that is on disk is put to work
)

// atNoon is the shell command that does so as the server's own guide has it;
// "" where the server has none. Who can be given a new binary in no other way
// is stopped; that it is started again changes nothing for the sockets.
func (b *bench) atNoon(what, server string, pid int, folder string) string {
	switch {
	case server == porthouse && what == reload:
		return fmt.Sprintf("%s reload --data %s", b.path(porthouse), folder)
	case server == porthouse:
		return fmt.Sprintf("%s upgrade --data %s", b.path(porthouse), folder)
	case what == reload && (server == nchan || server == nats):
		return fmt.Sprintf("kill -HUP %d", pid)
	case what == reload:
		return ""
	case server == nchan: // a new master with new workers, then the old ones go
		return fmt.Sprintf("kill -USR2 %d; until test -s %[2]s/pid.oldbin -a -s %[2]s/pid; do sleep 0.05; done; kill -QUIT %[1]d", pid, folder)
	}
	return fmt.Sprintf("kill -TERM %d", pid)
}

// possible tells whether a server can do a scenario's work.
func (b *bench) possible(s scenario, server string) bool {
	return s.noon == "" || b.atNoon(s.noon, server, 0, "") != ""
}

// endSuccessor ends nginx's new master, which is no child of ours, and waits
// for that at most 2 s: its old one holds our end of stderr no longer.
func endSuccessor(pid int, folder string) {
	text, err := os.ReadFile(filepath.Join(folder, "pid"))
	successor, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || successor <= 1 || successor == pid {
		return
	}
	for range 100 {
		if syscall.Kill(successor, syscall.SIGTERM) != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
		syscall.Wait4(successor, nil, syscall.WNOHANG, nil)
	}
}
