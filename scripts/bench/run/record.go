package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// record is a run as JSON: where it was made, and its table.
type record struct {
	Date     time.Time         `json:"date"`
	Kernel   string            `json:"kernel"`
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	Load     [2]string         `json:"load"` // /proc/loadavg before and after
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Duration string            `json:"duration"`
	Puddles  int               `json:"puddles"`
	Pinned   bool              `json:"pinned"`
	Rows     []row             `json:"rows"`
}

// write writes the run's table as JSON, if a file was named.
func (b *bench) write(rows []row, out string) error {
	if out == "" {
		return nil
	}
	var u unix.Utsname
	unix.Uname(&u)
	r := record{
		Date: time.Now().UTC().Truncate(time.Second), Kernel: unix.ByteSliceToString(u.Release[:]), CPU: model(), CPUs: runtime.NumCPU(),
		Versions: b.versions(), Rounds: b.rounds, Duration: b.duration.String(), Puddles: b.puddles, Pinned: b.pin, Load: [2]string{b.loaded, loadAverage()}, Rows: rows,
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// model is the name of the machine's first CPU.
func model() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// loadAverage is how busy the machine was in the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(text))
}

// versions are those of the servers that were measured, as they tell them.
func (b *bench) versions() map[string]string {
	all := map[string]string{"go": runtime.Version()}
	for name, words := range map[string][]string{
		porthouse:  {b.path(porthouse), "version"},
		gorilla:    {"go", "list", "-m", "github.com/gorilla/websocket"},
		centrifuge: {"go", "list", "-m", "github.com/centrifugal/centrifuge"},
		nats:       {"nats-server", "--version"},
		nchan:      {"dpkg-query", "-W", "-f", "${Package} ${Version}\n", "nginx", "libnginx-mod-nchan"},
	} {
		if !slices.Contains(b.servers, name) {
			continue
		}
		said, err := exec.Command(words[0], words[1:]...).Output()
		if err != nil {
			said = []byte("unknown: " + err.Error())
		}
		all[name] = strings.ReplaceAll(string(bytes.TrimSpace(said)), "\n", ", ")
	}
	return all
}
