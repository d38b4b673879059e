package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// crowd is numbered senders and receivers in rooms, each of whom must hear
// every other's numbers once and in order.
type crowd struct {
	t       *testing.T
	members []*crowdMember
	stop    atomic.Bool
	senders sync.WaitGroup
	readers sync.WaitGroup
}

type crowdMember struct {
	*Client
	number, room int
	sent         atomic.Int64
	heard        []atomic.Int64 // by member: the last number
	faults       atomic.Pointer[string]
}

var crowds atomic.Int64 // so that no two share a room

// gather brings rooms of members in, spread over the puddles as they come.
func gather(t *testing.T, h *house, rooms, members int) *crowd {
	t.Helper()
	return gatherBy(t, rooms, members, func(_ int, path string) *Client { return Join(t, h.address, path) })
}

// gatherBy is gather of sockets that join makes, the n-th at a path.
func gatherBy(t *testing.T, rooms, members int, join func(n int, path string) *Client) *crowd {
	t.Helper()
	c := &crowd{t: t}
	name := crowds.Add(1)
	for n := range rooms * members {
		m := &crowdMember{Client: join(n, fmt.Sprintf("/crowd%d-%d", name, n%rooms)), number: n, room: n % rooms, heard: make([]atomic.Int64, rooms*members)}
		m.SetDeadline(time.Time{})
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		c.senders.Go(func() { c.send(m) })
		c.readers.Go(func() { c.read(m) })
	}
	return c
}

// send says numbers, a tenth of them in two pieces.
func (c *crowd) send(m *crowdMember) {
	for n := int64(1); !c.stop.Load(); n++ {
		frame := Frame(Final|OpText, fmt.Appendf(nil, "%d %d %s", m.number, n, strings.Repeat("x", rand.IntN(100))))
		cut := 0
		if rand.IntN(10) == 0 {
			cut = 1 + rand.IntN(len(frame)-1)
			if _, err := m.Write(frame[:cut]); err != nil {
				c.fault(m, "send: %v", err)
				return
			}
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
		if _, err := m.Write(frame[cut:]); err != nil {
			c.fault(m, "send: %v", err)
			return
		}
		m.sent.Store(n)
		time.Sleep(time.Duration(1+rand.IntN(8)) * time.Millisecond)
	}
}

func (c *crowd) read(m *crowdMember) {
	for {
		op, payload, err := m.Next()
		if err != nil {
			if !c.stop.Load() {
				c.fault(m, "closed: %v", err)
			}
			return
		}
		switch op &^ Final {
		case OpText:
		case 8:
			c.fault(m, "closed: % x %q", payload[:min(2, len(payload))], payload)
			return
		default:
			continue
		}
		var from int
		var number int64
		if _, err := fmt.Sscanf(string(payload), "%d %d", &from, &number); err != nil || from >= len(m.heard) {
			c.fault(m, "garbled: %q", payload)
			continue
		}
		if last := m.heard[from].Swap(number); number != last+1 {
			c.fault(m, "of %d: %d after %d", from, number, last)
		}
	}
}

func (c *crowd) fault(m *crowdMember, format string, args ...any) {
	text := fmt.Sprintf("member %d (%s): ", m.number, m.Sequence) + fmt.Sprintf(format, args...)
	m.faults.CompareAndSwap(nil, &text)
}

// settle ends the sending, and checks that everybody has heard everything.
func (c *crowd) settle() {
	c.t.Helper()
	c.stop.Store(true)
	c.senders.Wait()
	deadline := time.Now().Add(10 * time.Second)
	missing := ""
	for missing = c.missing(); missing != "" && time.Now().Before(deadline); missing = c.missing() {
		time.Sleep(10 * time.Millisecond)
	}
	if missing != "" {
		c.t.Error("not heard: " + missing)
	}
	shown := 0
	for _, m := range c.members {
		m.Close()
		if fault := m.faults.Load(); fault != nil && shown < 10 {
			c.t.Error(*fault)
			shown++
		}
	}
	c.readers.Wait()
}

func (c *crowd) missing() string {
	for _, hears := range c.members {
		for _, says := range c.members {
			if says.room == hears.room && says != hears && hears.heard[says.number].Load() != says.sent.Load() {
				return fmt.Sprintf("member %d has heard %d of %d's %d", hears.number, hears.heard[says.number].Load(), says.number, says.sent.Load())
			}
		}
	}
	return ""
}

func TestReloadLosesNothing(t *testing.T) {
	h := newHouse(t, 2)
	c := gather(t, h, 6, 6)
	time.Sleep(300 * time.Millisecond)
	for range 4 {
		out, errs, code := h.run("reload")
		if code != 0 {
			t.Fatalf("reload: status %d: %s%s", code, out, errs)
		}
		t.Log(strings.TrimSpace(out))
		time.Sleep(100 * time.Millisecond)
	}
	c.settle()
}

func TestKillLosesNothing(t *testing.T) {
	h := newHouse(t, 3)
	c := gather(t, h, 6, 6)
	time.Sleep(300 * time.Millisecond)
	kills := 30
	if testing.Short() {
		kills = 5
	}
	for range kills {
		status, err := h.status()
		Check(t, err)
		victim := status.Puddles[rand.IntN(len(status.Puddles))]
		if victim.Pid > 0 {
			syscall.Kill(victim.Pid, syscall.SIGKILL)
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
	}
	c.settle()
}

func TestSupervisorKilledKeepsSockets(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprintf("with puddles %v", all), func(t *testing.T) {
			h := newHouse(t, 2)
			c := gather(t, h, 4, 6)
			time.Sleep(200 * time.Millisecond)
			status, err := h.status()
			Check(t, err)
			h.command.Process.Kill()
			if all {
				for _, p := range status.Puddles {
					syscall.Kill(p.Pid, syscall.SIGKILL)
				}
			}
			<-h.ended
			time.Sleep(100 * time.Millisecond)
			h.again()
			time.Sleep(300 * time.Millisecond)
			if out, errs, code := h.run("reload"); code != 0 {
				t.Errorf("reload: status %d: %s%s", code, out, errs)
			}
			c.settle()
		})
	}
}

func TestUpgradeLosesNothing(t *testing.T) {
	h := newHouse(t, 2)
	c := gather(t, h, 4, 6)
	time.Sleep(200 * time.Millisecond)
	for range 2 {
		out, errs, code := h.run("upgrade")
		if code != 0 {
			t.Fatalf("upgrade: status %d: %s%s", code, out, errs)
		}
		h.eventually("the house is up again", func() bool {
			status, err := h.status()
			return err == nil && status.State == "up"
		})
		time.Sleep(200 * time.Millisecond)
	}
	if pid := h.command.Process.Pid; syscall.Kill(pid, 0) != nil {
		t.Errorf("process %d is gone: an upgrade keeps it", pid)
	}
	c.settle()
}

func TestScaleLosesNothing(t *testing.T) {
	h := newHouse(t, 1)
	c := gather(t, h, 2, 6)
	for _, puddles := range []string{"3", "1"} {
		if out, errs, code := h.run("scale", puddles); code != 0 {
			t.Fatalf("scale %s: status %d: %s%s", puddles, code, out, errs)
		}
		d := gather(t, h, 2, 6)
		time.Sleep(200 * time.Millisecond)
		d.settle()
	}
	h.eventually("the retired puddles have ended", func() bool {
		status, err := h.status()
		return err == nil && len(status.Puddles) == 1
	})
	c.settle()
}

// TestKeeperKilled kills the keepers, and once others have what they had, a
// puddle: what is lost is what neither has.
func TestKeeperKilled(t *testing.T) {
	h := newHouse(t, 2)
	c := gather(t, h, 4, 6)
	time.Sleep(200 * time.Millisecond)
	all := h.kept()
	if all < 4*6 {
		t.Fatalf("the keepers have %d sockets", all)
	}
	for range 3 {
		for _, pid := range h.children("keeper") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		h.eventually("other keepers have all sockets", func() bool { return h.kept() >= all })
		status, err := h.status()
		Check(t, err)
		syscall.Kill(status.Puddles[0].Pid, syscall.SIGKILL)
		killed := status.Puddles[0].Pid
		h.eventually("another puddle serves", func() bool {
			status, err := h.status()
			return err == nil && status.Puddles[0].Pid != killed && status.Puddles[0].State == "serving"
		})
	}
	c.settle()
}

// kept is how many sockets the keepers have, their own links among them.
func (h *house) kept() (n int) {
	for _, pid := range h.children("keeper") {
		descriptors, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, path := range descriptors {
			if what, _ := os.Readlink(path); strings.HasPrefix(what, "socket:") {
				n++
			}
		}
	}
	return n
}

// again starts the house anew on its folder.
func (h *house) again() {
	h.t.Helper()
	args := h.command.Args[1:]
	h.command = porthouse(args...)
	h.command.Stderr, h.command.WaitDelay = h.log, 100*time.Millisecond
	Check(h.t, h.command.Start())
	command := h.command
	go func() { h.ended <- command.Wait() }()
	h.eventually("the house is up again", func() bool {
		status, err := h.status()
		return err == nil && status.State == "up"
	})
}

// children are the house's processes of one kind.
func (h *house) children(kind string) (pids []int) {
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	Check(h.t, err)
	for _, entry := range entries {
		stat, _ := os.ReadFile(entry)
		var pid, parent int
		var name, state string
		fmt.Sscanf(string(stat), "%d %s %s %d", &pid, &name, &state, &parent)
		said, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if args := strings.Split(string(said), "\x00"); parent == h.command.Process.Pid && len(args) > 1 && args[1] == kind {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestBrokenBinaryIsRolledBack(t *testing.T) {
	own, err := os.Executable()
	Check(t, err)
	whole, err := os.ReadFile(own)
	Check(t, err)
	path := filepath.Join(t.TempDir(), "porthouse")
	install := func(binary []byte) {
		Check(t, os.WriteFile(path+".new", binary, 0o755))
		Check(t, os.Rename(path+".new", path))
	}
	install(whole)
	h := newHouseOf(t, path, 2)
	c := gather(t, h, 2, 6)
	before, err := h.status()
	Check(t, err)
	for name, broken := range map[string]string{"it exits": "#!/bin/sh\nexit 7\n", "it is no binary": "not a binary"} {
		install([]byte(broken))
		for _, command := range []string{"reload", "upgrade"} {
			if out, errs, code := h.run(command); code != 1 || errs == "" {
				t.Errorf("%s, %s: status %d: %s%s", name, command, code, out, errs)
			} else {
				t.Log(strings.TrimSpace(errs))
			}
		}
	}
	now, err := h.status()
	Check(t, err)
	for n, p := range now.Puddles {
		if p.Pid != before.Puddles[n].Pid {
			t.Errorf("puddle %d: process %d was replaced by %d", n, before.Puddles[n].Pid, p.Pid)
		}
	}
	install(whole)
	if out, errs, code := h.run("upgrade"); code != 0 {
		t.Errorf("upgrade: status %d: %s%s", code, out, errs)
	}
	c.settle()
}

func TestOldProcessHangs(t *testing.T) {
	h := newHouse(t, 2)
	c := gather(t, h, 2, 6)
	status, err := h.status()
	Check(t, err)
	time.AfterFunc(20*time.Millisecond, func() { syscall.Kill(status.Puddles[0].Pid, syscall.SIGSTOP) })
	if out, errs, code := h.run("reload"); code != 0 {
		t.Errorf("reload: status %d: %s%s", code, out, errs)
	}
	c.settle()
}
