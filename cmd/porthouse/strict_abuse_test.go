package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// Those who mean harm, against a real house: what they hold is bounded and
// given back, and others notice nothing.

// openFiles are the descriptors of the processes that hold sockets.
func (h *house) openFiles() (n int) {
	h.t.Helper()
	status, err := h.status()
	Check(h.t, err)
	pids := h.children("keeper")
	for _, p := range status.Puddles {
		pids = append(pids, p.Pid)
	}
	for _, pid := range pids {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		Check(h.t, err)
		n += len(entries)
	}
	return n
}

// comesBack expects that as many descriptors are open as before, and no more
// sequences.
func (h *house) comesBack(files, sequences int) {
	h.t.Helper()
	h.eventually(fmt.Sprintf("%d descriptors and %d sequences are left", files, sequences), func() bool {
		return h.openFiles() <= files && len(h.sequences()) == sequences
	})
}

// pair are two who talk, whatever others do.
type pair struct{ a, b *Client }

func (h *house) pair() pair {
	h.t.Helper()
	p := pair{Join(h.t, h.address, "/talk"), Join(h.t, h.address, "/talk")}
	p.undisturbed("hello")
	return p
}

func (p pair) undisturbed(text string) {
	p.a.SetDeadline(time.Now().Add(10 * time.Second))
	p.b.SetDeadline(time.Now().Add(10 * time.Second))
	p.a.Text(text)
	p.b.Hears(OpText, text)
}

// reset ends a connection with an RST.
func reset(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func TestAbuseBeforeTheHandshake(t *testing.T) {
	h := strictHouse(t, "--header-time", "2s")
	talk := h.pair()
	files := h.openFiles()
	var slow []*Client
	for n := range 200 { // a few bytes, or none, and then silence
		c := Dial(t, h.address)
		c.Say([]byte(opening[:n%len(opening)]))
		slow = append(slow, c)
	}
	for n := range 500 { // aborted, at any byte
		c := Dial(t, h.address)
		c.Say([]byte((opening + "\r\n")[:n%(len(opening)+3)]))
		if n%2 == 0 {
			reset(c.Conn)
		} else {
			c.Close()
		}
	}
	talk.undisturbed("during")
	for n, c := range slow {
		if status := c.Head(); status != 408 {
			t.Errorf("after %d bytes: status %d; want 408", n%len(opening), status)
		}
		if _, err := io.Copy(io.Discard, c.In); err != nil {
			t.Errorf("behind the 408: %v", err)
		}
		c.Close()
	}
	talk.undisturbed("after")
	h.comesBack(files, 2)
}

func TestAbuseByResets(t *testing.T) {
	h := strictHouse(t)
	talk := h.pair()
	files := h.openFiles()
	for n := range 500 {
		c := Dial(t, h.address)
		c.Say([]byte(RequestFor("/echo") + said(Final|OpText, strings.Repeat("x", n))))
		switch n % 4 {
		case 0: // before the 101 is read
		case 1:
			c.Head()
		case 2:
			c.Head()
			c.Say([]byte(said(OpText, "half")))
		case 3:
			c.Head()
			c.Say([]byte(closing(1000, "")))
		}
		reset(c.Conn)
	}
	talk.undisturbed("after")
	h.comesBack(files, 2)
}

// A peer that ends its own side, or is gone without a word, is not kept.
func TestAbuseByHalfOpen(t *testing.T) {
	h := strictHouse(t, "--ping", "1s", "--silent", "3s")
	files := h.openFiles()
	var left []*Client
	for range 50 {
		c := Join(t, h.address, "/echo")
		c.Conn.(*net.TCPConn).CloseWrite()
		left = append(left, Join(t, h.address, "/echo"), c) // the first answers no ping
	}
	h.comesBack(files, 0)
	for _, c := range left {
		if _, err := io.Copy(io.Discard, c.In); err != nil {
			t.Errorf("%v; want EOF", err)
		}
	}
}

// Who sends pings, or commands, and reads nothing is too slow to hear: what
// waits for it is bounded as for anybody.
func TestAbuseByQuestions(t *testing.T) {
	for name, flood := range map[string]struct{ path, say string }{
		"pings":               {"/echo", strings.Repeat(said(Final|OpPing, strings.Repeat("p", 125)), 500)},
		"echoes":              {"/echo", strings.Repeat(said(Final|OpText, strings.Repeat("e", 1000)), 50)},
		"commands":            {"/", strings.Repeat(said(Final|OpText, "HELP"), 5000)},
		"what is not allowed": {"/", strings.Repeat(said(Final|OpText, "LEAVE nothing"), 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			h := strictHouse(t, "--close-time", "1s")
			talk := h.pair()
			files := h.openFiles()
			c := JoinNarrow(t, h.address, flood.path, 4<<10)
			ended := make(chan error, 1)
			go func() {
				for {
					if _, err := c.Write([]byte(flood.say)); err != nil {
						ended <- err
						return
					}
				}
			}()
			for range 20 {
				talk.undisturbed("during")
				if held := h.held(); held > 64<<20 {
					t.Fatalf("the puddles hold %d bytes for a flood", held)
				}
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("the flood is never ended")
			}
			c.Close()
			talk.undisturbed("after")
			h.comesBack(files, 2)
		})
	}
}

// held is how much of their tables the house's puddles have touched, bytes.
func (h *house) held() (n int) {
	h.t.Helper()
	status, err := h.status()
	Check(h.t, err)
	for _, p := range status.Puddles {
		said, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		Check(h.t, err)
		_, after, _ := strings.Cut(string(said), "RssShmem:")
		var kib int
		fmt.Sscan(after, &kib)
		n += kib << 10
	}
	return n
}

// Fragments by the hundred thousand: within the settings they are one message,
// beyond them the end, and what they held is given back.
func TestAbuseByFragments(t *testing.T) {
	h := strictHouse(t, "--fragments", "300000")
	talk := h.pair()
	files := h.openFiles()
	c := Join(t, h.address, "/echo")
	c.Say([]byte(said(OpText, "")))
	for range 299 {
		c.Say([]byte(strings.Repeat(said(goOn, ""), 1000)))
	}
	c.Say([]byte(said(Final|goOn, "end")))
	c.Hears(OpText, "end")
	c.Say([]byte(said(OpText, "a")))
	c.Say([]byte(strings.Repeat(said(goOn, "b"), size64K-1) + said(Final|goOn, "")))
	c.Hears(OpText, "a"+strings.Repeat("b", size64K-1))
	talk.undisturbed("during")
	c.Say([]byte(said(OpBytes, "")))
	for range 300 {
		if _, err := c.Write([]byte(strings.Repeat(said(goOn, ""), 1000))); err != nil {
			break
		}
	}
	c.Closes(1008)
	c.Close()
	h.comesBack(files, 2)
}

// Many who each hold half a message hold what they sent and no more; a message
// that nobody has room for ends its sender alone.
func TestAbuseByHalfMessages(t *testing.T) {
	h := strictHouse(t, "--slab-bytes", "1MiB")
	talk := h.pair()
	var all []*Client
	closed := 0
	for range 64 {
		c := Join(t, h.address, "/echo")
		c.Say([]byte(header(Final|OpBytes, masked|127, long(size64K)...) + mask + strings.Repeat("x", 60_000)))
		all = append(all, c)
	}
	talk.undisturbed("during")
	for _, c := range all {
		c.Write([]byte(said(Final|OpPing, "")[:1])) // one byte more
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if op, b, err := c.Next(); err == nil && op == OpClose && strings.HasPrefix(string(b), "\x03\xf5") {
			closed++
		} else if err == nil {
			t.Errorf("heard op %d %q", op, b)
		}
	}
	if closed == 0 || closed == len(all) {
		t.Errorf("%d of %d were closed with 1013", closed, len(all))
	}
	for _, c := range all {
		c.Close()
	}
	talk.undisturbed("after")
	h.eventually("the room they took is given back", func() bool {
		c := Join(t, h.address, "/echo")
		defer c.Close()
		c.Say(Frame(Final|OpBytes, make([]byte, 60_000)))
		op, _, err := c.Next()
		return err == nil && op == OpBytes
	})
}

// metric is one number of /metrics.
func (h *house) metric(line string) string {
	h.t.Helper()
	admin := regexp.MustCompile(`"admin":"([^"]+)"`).FindStringSubmatch(h.log.String())
	if admin == nil {
		h.t.Fatalf("the log tells no admin address:\n%s", h.log)
	}
	answer, err := http.Get("http://" + admin[1] + "/metrics")
	Check(h.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	Check(h.t, err)
	for each := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(each, line+" "); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// spent is the processor time of a process so far.
func spent(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	Check(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	var user, system int
	fmt.Sscan(fields[12], &user)
	fmt.Sscan(fields[13], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// At the limit of open files accepting pauses: who is in stays in and is
// served, nothing spins, and whoever waits comes in when others have gone.
func TestAbuseByDescriptors(t *testing.T) {
	own, err := os.Executable()
	Check(t, err)
	limited := filepath.Join(t.TempDir(), "limited")
	Check(t, os.WriteFile(limited, fmt.Appendf(nil, "#!/bin/sh\nulimit -n 256\nexec %q \"$@\"\n", own), 0o700))
	h := newHouseOf(t, limited, 1, "--admin", "127.0.0.1:0")
	talk := h.pair()
	var waiting []net.Conn
	for range 400 {
		c, err := net.Dial("tcp", h.address)
		Check(t, err)
		defer c.Close()
		c.Write([]byte(RequestFor("/talk")))
		waiting = append(waiting, c)
	}
	h.eventually("accepting pauses", func() bool { return h.metric(`porthouse_refused_total{reason="limit"}`) != "0" })
	talk.undisturbed("at the limit")
	status, err := h.status()
	Check(t, err)
	spentBefore := spent(t, status.Puddles[0].Pid)
	time.Sleep(2 * time.Second)
	if took := spent(t, status.Puddles[0].Pid) - spentBefore; took > 500*time.Millisecond {
		t.Errorf("%v of processor time in 2 s at the limit: it spins", took)
	}
	talk.undisturbed("still")
	in := len(h.sequences())
	for _, c := range waiting {
		reset(c)
	}
	h.eventually("the others are gone", func() bool { return len(h.sequences()) == 2 })
	late := Join(t, h.address, "/talk")
	late.Text("late")
	talk.a.Hears(OpText, "late")
	if in < 100 || in > 256 {
		t.Errorf("%d were in at a limit of 256 open files", in)
	}
}
