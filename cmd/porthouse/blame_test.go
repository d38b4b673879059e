package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// faultFile names, in the environment of a house, a file that says where a
// puddle has a fault: it panics when it deals with a sequence ("~…"), with any
// ("all"), or with any where it is of one file ("inode N").
const faultFile = "PORTHOUSE_TEST_FAULT"

func haveFaults() {
	path := os.Getenv(faultFile)
	if path == "" || len(os.Args) < 2 || os.Args[1] != "puddle" {
		return
	}
	own := fmt.Sprint("inode ", inodeOf("/proc/self/exe"))
	table.Dealing = func(id schema.SequenceID) {
		if id == 0 {
			return
		}
		if at, _ := os.ReadFile(path); string(at) == id.String() || string(at) == own || string(at) == "all" {
			panic("a fault in a test: " + string(at))
		}
	}
}

func inodeOf(path string) uint64 {
	var stat syscall.Stat_t
	if syscall.Stat(path, &stat) != nil {
		return 0
	}
	return stat.Ino
}

// A sequence that ends who deals with it is closed alone; the others go on.
func TestPoisonousSequenceIsClosedAlone(t *testing.T) {
	fault := filepath.Join(t.TempDir(), "fault")
	t.Setenv(faultFile, fault)
	h := newHouse(t, 1)
	one, two, json := Join(t, h.address, "/a"), Join(t, h.address, "/a"), Open(t, h.address, "/a", JSON)
	json.Expects(`{"ok":"join"}`)
	bad := Join(t, h.address, "/a")
	bad.Text("still well")
	one.Hears(OpText, "still well")
	two.Hears(OpText, "still well")
	json.Expects(`{"data":"still well"}`)
	Check(t, os.WriteFile(fault, []byte(bad.Sequence), 0o600))
	bad.Text("poison")
	one.Text("and now")
	bad.Closes(schema.CloseFault)
	two.Hears(OpText, "and now")
	json.Expects(`{"data":"and now"}`)
	two.Text("all is well")
	one.Hears(OpText, "all is well")
	h.eventually("it is gone", func() bool { return !h.lists(bad) })
	if status, err := h.status(); err != nil || status.Sequences != 3 {
		t.Errorf("%d sequences, %v; want 3", status.Sequences, err)
	}
}

// Sockets that no process can take over are told to come back, and find a
// house.
func TestSocketsThatNobodyCanTakeOver(t *testing.T) {
	fault := filepath.Join(t.TempDir(), "fault")
	t.Setenv(faultFile, fault)
	h := newHouse(t, 2)
	all, slots := h.crowd(12, 2, "/a")
	Check(t, os.WriteFile(fault, []byte("all"), 0o600))
	status, err := h.status()
	Check(t, err)
	for _, p := range status.Puddles {
		syscall.Kill(p.Pid, syscall.SIGKILL)
	}
	closed := map[schema.CloseCode]int{}
	for _, c := range all {
		closed[closeCodeOf(t, c)]++
	}
	Check(t, os.Remove(fault))
	// The first of each puddle was suspected to be why.
	if closed[schema.CloseNotCarried]+closed[schema.CloseFault] != len(all) || closed[schema.CloseFault] > 2*len(slots) {
		t.Errorf("closed with %v; want 1012 but for the first of each puddle", closed)
	}
	h.eventually("nobody is left", func() bool {
		status, err := h.status()
		return err == nil && status.Sequences == 0
	})
	one, two := Join(t, h.address, "/a"), Join(t, h.address, "/a")
	one.Text("again")
	two.Hears(OpText, "again")
}

func closeCodeOf(t *testing.T, c *Client) schema.CloseCode {
	op, payload, err := c.Next()
	if err != nil || op != OpClose || len(payload) < 2 {
		t.Fatalf("%s heard op %d %.80q, %v; want a close frame", c.Sequence, op, payload, err)
	}
	return schema.CloseCode(binary.BigEndian.Uint16(payload))
}

// install puts a binary of its own inode at a path.
func install(t *testing.T, path string) {
	t.Helper()
	own, err := os.Executable()
	Check(t, err)
	whole, err := os.ReadFile(own)
	Check(t, err)
	Check(t, os.WriteFile(path+".new", whole, 0o755))
	Check(t, os.Rename(path+".new", path))
}

// installedHouse is a house of a binary at a path, and where faults are named.
func installedHouse(t *testing.T) (h *house, path, fault string) {
	t.Helper()
	fault = filepath.Join(t.TempDir(), "fault")
	t.Setenv(faultFile, fault)
	path = filepath.Join(t.TempDir(), "porthouse")
	install(t, path)
	return newHouseOf(t, path, 2), path, fault
}

// A new binary that serves nobody gives way to the one before.
func TestPreviousBinaryServesOn(t *testing.T) {
	h, path, fault := installedHouse(t)
	c := gather(t, h, 2, 6)
	install(t, path)
	Check(t, os.WriteFile(fault, fmt.Append(nil, "inode ", inodeOf(path)), 0o600))
	out, errs, code := h.run("reload")
	if code != 1 || !strings.Contains(errs, "a fault in a test") {
		t.Errorf("reload: status %d: %s%s; want 1 and why", code, out, errs)
	}
	t.Log(strings.TrimSpace(errs))
	h.eventually("the previous binary serves", func() bool {
		status, err := h.status()
		return err == nil && status.Puddles[0].State == "serving" && inodeOf(fmt.Sprintf("/proc/%d/exe", status.Puddles[0].Pid)) != inodeOf(path)
	})
	time.Sleep(100 * time.Millisecond) // of talk
	Check(t, os.Remove(fault))
	if out, errs, code := h.run("reload"); code != 0 {
		t.Errorf("reload of a binary that is well: status %d: %s%s", code, out, errs)
	}
	c.settle()
}

// A supervisor that became another binary knows the one before still.
func TestPreviousBinaryAfterUpgrade(t *testing.T) {
	h, path, fault := installedHouse(t)
	c := gather(t, h, 2, 6)
	before := inodeOf(path)
	install(t, path)
	if out, errs, code := h.run("upgrade"); code != 0 {
		t.Fatalf("upgrade: status %d: %s%s", code, out, errs)
	}
	Check(t, os.WriteFile(fault, fmt.Append(nil, "inode ", inodeOf(path)), 0o600))
	h.eventually("the previous binary serves", func() bool {
		status, err := h.status()
		if err != nil {
			return false
		}
		for _, p := range status.Puddles {
			if p.State != "serving" || inodeOf(fmt.Sprintf("/proc/%d/exe", p.Pid)) != before {
				return false
			}
		}
		return true
	})
	Check(t, os.Remove(fault))
	if out, errs, code := h.run("reload"); code != 0 {
		t.Errorf("reload of a binary that is well: status %d: %s%s", code, out, errs)
	}
	c.settle()
}
