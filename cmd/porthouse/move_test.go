package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// moves has a sequence served by another puddle, however often it takes: its
// puddle may be killed meanwhile.
func (h *house) moves(sequence string, slot int) {
	h.t.Helper()
	said, code := "", 1
	for deadline := time.Now().Add(15 * time.Second); code != 0; time.Sleep(10 * time.Millisecond) {
		if _, said, code = h.ask("sequence", "move", sequence, "--slot", strconv.Itoa(slot)); code != 0 && time.Now().After(deadline) {
			h.t.Fatalf("%s does not move to puddle %d: %s", sequence, slot, said)
		}
	}
	h.eventually("it is listed there", func() bool { return h.slotNow(sequence) == slot })
}

func (h *house) slotNow(sequence string) int {
	for _, s := range h.sequences() {
		if s.Sequence == sequence {
			return s.Slot
		}
	}
	return -1
}

// Sockets of every kind move to and fro, and are what they were.
func TestSequenceMoves(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", `{"owner":true}`)
		d.do("room", "add", "slow", `{"rules":{"rate":"3/m","meta":["from"]}}`)
		d.do("room", "add", "locked", `{"rules":{"password":"x"}}`)
	}), "--open")
	raw := h.on(0, "/a", "")
	far := h.on(1, "/a", JSON)
	far.Expects(`{"ok":"join"}`)
	wide := h.on(0, "/a", JSON, bearer(alice))
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","rooms":["b"]}`, `{"ok":"join","room":"b"}`)
	wide.Tells(`{"do":"join","rooms":["slow"]}`, `{"ok":"join","room":"slow"}`)
	lobby := h.on(0, "/", "")
	pack := h.on(0, "/b", Msgpack)
	hearsPacked(t, pack, "join")
	lastSlow := ""
	for n, slot := range []int{2, 1, 0, 1, 2, 0} {
		for _, c := range []*Client{raw, wide, lobby, pack} {
			h.moves(c.Sequence, slot)
		}
		text := fmt.Sprint("round ", n)
		raw.Text(text)
		far.Expects(fmt.Sprintf(`{"room":"a","data":%q}`, text))
		wide.Expects(fmt.Sprintf(`{"room":"a","data":%q}`, text))
		far.Text(fmt.Sprintf(`{"data":%q,"ref":"1"}`, text+" back"))
		far.Expects(`{"ok":"send","ref":"1","receivers":2}`)
		raw.Hears(OpText, text+" back")
		wide.Expects(fmt.Sprintf(`{"room":"a","data":%q}`, text+" back"))
		wide.Text(fmt.Sprintf(`{"room":"b","data":%q}`, text))
		hearsPacked(t, pack, text)
		lobby.Tells("WHOAMI", fmt.Sprintf(`{"state":"lobby","sequence":%q}`, lobby.Sequence))
		wide.Tells(`{"do":"whoami"}`, `{"client":"alice","rooms":["a","b","slow"]}`)
		far.Text(fmt.Sprintf(`{"to":[%q],"data":"direct"}`, "alice"))
		wide.Expects(`{"data":"direct"}`)
		// The balance of a rate goes with the socket.
		wide.Text(`{"room":"slow","data":1,"ref":"r"}`)
		lastSlow = fmt.Sprint(wide.Object())
	}
	if !strings.Contains(lastSlow, "rate") {
		t.Errorf("the sixth message in a room of three a minute: %s", lastSlow)
	}
	lobby.Text("JOIN locked")
	lobby.Expects(`{"ask":["password"],"room":"locked"}`)
	if _, stderr, code := h.run("sequence", "move", lobby.Sequence, "--slot", "2"); code != 1 || !strings.Contains(stderr, "in the middle of something") {
		t.Errorf("moved while it is asked for a password: exit %d, %s", code, stderr)
	}
	lobby.Tells("ENTER x", `{"ok":"join","room":"locked"}`)
	for _, c := range []struct{ id, slot, says string }{
		{raw.Sequence, "7", "there is no puddle 7"},
		{"~0123456789abc", "1", "no sequence"},
		{raw.Sequence, "-2", "--slot"},
		{"nothing", "1", "nothing"},
	} {
		if _, stderr, code := h.run("sequence", "move", c.id, "--slot", c.slot); code == 0 || !strings.Contains(stderr, c.says) {
			t.Errorf("move %s --slot %s: exit %d: %s", c.id, c.slot, code, stderr)
		}
	}
	for _, c := range []*Client{raw, far, wide, pack} {
		c.HearsNothing()
	}
}

// A crowd talks while the house is scaled and puddles are killed.
func TestMovesLoseNothing(t *testing.T) {
	h := newHouse(t, 2)
	c := gather(t, h, 5, 6)
	for round, puddles := range []int{3, 1, 2, 4, 1, 3} {
		if _, stderr, code := h.run("scale", strconv.Itoa(puddles)); code != 0 {
			t.Fatalf("scale %d: %s", puddles, stderr)
		}
		h.eventually("the sockets have moved", func() bool {
			spread := map[int]int{}
			for _, s := range h.sequences() {
				spread[s.Slot]++
			}
			least := len(c.members)
			for slot := range puddles {
				least = min(least, spread[slot])
			}
			return len(spread) == puddles && least >= len(c.members)/puddles/2
		})
		if round%2 == 1 {
			kill(t, h, 0)
		}
	}
	c.settle()
	h.eventually("puddles that retire end", func() bool {
		now, err := h.status()
		return err == nil && len(now.Puddles) == 3
	})
}

// hearsPacked hears the next envelope of a msgpack socket, in which text is.
func hearsPacked(t *testing.T, c *Client, text string) {
	t.Helper()
	op, payload, err := c.Next()
	if err != nil || op&^Final != OpBytes || !strings.Contains(string(payload), text) {
		t.Fatalf("heard %x %q, %v; want %q in msgpack", op, payload, err, text)
	}
}

func kill(t *testing.T, h *house, slot int) {
	t.Helper()
	now, err := h.status()
	Check(t, err)
	for _, p := range now.Puddles {
		if p.Slot == slot && p.Pid > 0 {
			Check(t, syscall.Kill(p.Pid, syscall.SIGKILL))
		}
	}
}

// TestDeathDuringMove kills the puddle that a socket leaves, and the one where
// it goes, at one point after the other.
func TestDeathDuringMove(t *testing.T) {
	for slot := range 2 {
		dieEverywhere(t, stepOf(6, 23), 20, func(t *testing.T, path string, number int) { dieMoving(t, path, slot, number) })
	}
}

// TestDeathMovingAPair does so while a socket moves with its sibling: both are
// served by one puddle, whoever dies.
func TestDeathMovingAPair(t *testing.T) {
	for slot := range 2 {
		dieEverywhere(t, stepOf(8, 29), 20, func(t *testing.T, path string, number int) { dieMovingPair(t, path, slot, number) })
	}
}

func dieMovingPair(t *testing.T, path string, slot, number int) {
	h := newHouse(t, 2)
	main, key := h.mainOn(0)
	sibling := Open(t, h.address, "/-/sibling", offers(JSON, key))
	sibling.Tells(`{"do":"join","room":"b"}`, `{"ok":"join","room":"b"}`)
	far := h.on(1, "/chat", "")
	at := fmt.Sprintf("%s.%d", path, slot)
	Check(t, os.WriteFile(at+".new", []byte(strconv.Itoa(number)), 0o600))
	Check(t, os.Rename(at+".new", at))

	far.Text("before")
	h.moves(main.Sequence, 1)
	main.Text("after")
	main.Hears(OpText, "before")
	far.Hears(OpText, "after")
	sibling.Tells(`{"do":"whoami"}`, `{"ok":"whoami","state":"room","rooms":["chat","b"],"sequence":"`+main.Sequence+`"}`)
	sibling.Tells(`{"do":"leave","room":"b"}`, `{"ok":"leave","room":"b"}`)
	far.Text("at last")
	main.Hears(OpText, "at last")
	time.Sleep(5 * time.Millisecond)
	for _, c := range []*Client{main, far, sibling} {
		c.HearsNothingNow()
	}
	os.Remove(at)
	main.Close()
	sibling.Closes(schema.CloseDone)
}

func dieMoving(t *testing.T, path string, slot, number int) {
	h := newHouse(t, 2)
	raw := h.on(0, "/a", "")
	far := h.on(1, "/a", JSON)
	far.Expects(`{"ok":"join"}`)
	wide := h.on(0, "/a", JSON)
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","room":"b"}`, `{"ok":"join","room":"b"}`)
	at := fmt.Sprintf("%s.%d", path, slot)
	Check(t, os.WriteFile(at+".new", []byte(strconv.Itoa(number)), 0o600))
	Check(t, os.Rename(at+".new", at))

	raw.Text("before")
	frame := Frame(Final|OpText, []byte("in two parts"))
	raw.Say(frame[:7])
	for _, c := range []*Client{raw, wide} {
		h.moves(c.Sequence, 1)
	}
	raw.Say(frame[7:])
	for _, text := range []string{"before", "in two parts"} {
		far.Expects(fmt.Sprintf(`{"data":%q}`, text))
		wide.Expects(fmt.Sprintf(`{"data":%q}`, text))
	}
	far.Text(`{"data":"after"}`)
	raw.Hears(OpText, "after")
	wide.Expects(`{"data":"after"}`)
	wide.Text(`{"room":"a","data":"of the wide one"}`)
	raw.Hears(OpText, "of the wide one")
	far.Expects(`{"data":"of the wide one"}`)
	time.Sleep(5 * time.Millisecond)
	for _, c := range []*Client{raw, far, wide} {
		c.HearsNothingNow()
	}
	os.Remove(at)
}

// Rooms of few live in one puddle, rooms of many where their members are; who
// gathers loses nothing.
func TestSmallRoomsGather(t *testing.T) {
	h := newHouse(t, 3, "--transient", "anyone", "--gather", "4")
	var small, large []*Client
	for slot := range 3 {
		small = append(small, h.on(slot, "/small", ""))
	}
	small = append(small, h.on(1, "/small", ""))
	for n := range 6 {
		large = append(large, h.on(n%3, "/large", ""))
	}
	h.eventually("the small room is in one puddle", func() bool { return h.slotsOf("small") == 1 })
	if n := h.slotsOf("large"); n < 2 { // its first four were a small room, and may have gathered
		t.Errorf("six members of a large room are in %d puddle", n)
	}
	for n, room := range [][]*Client{small, large} {
		for m, speaker := range room {
			text := fmt.Sprint(n, " ", m)
			speaker.Text(text)
			for _, c := range room {
				if c != speaker {
					c.Hears(OpText, text)
				}
			}
		}
	}
	fifth := h.on(0, "/small", "") // now it is none of few
	fifth.Text("hello")
	for _, c := range small {
		c.Hears(OpText, "hello")
	}
	for _, c := range append(append(small, large...), fifth) {
		c.HearsNothingNow()
	}
}

// slotsOf is in how many puddles a room has members.
func (h *house) slotsOf(room string) int {
	in := map[int]bool{}
	for _, s := range h.sequences() {
		for _, r := range s.Rooms {
			if r == room {
				in[s.Slot] = true
			}
		}
	}
	return len(in)
}
