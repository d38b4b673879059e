package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// pointFile names, in the environment of a house, a file with a number: the
// first puddle that is told to count takes it, and dies at that point.
const pointFile = "PORTHOUSE_TEST_POINT"

// dieAtPoint has a puddle look for the file at each point, so that a test can
// say when the count begins.
func dieAtPoint() {
	path := os.Getenv(pointFile)
	if path == "" || len(os.Args) < 2 || os.Args[1] != "puddle" {
		return
	}
	left := -1
	table.Point = func() {
		if left < 0 {
			own := path + "." + os.Args[2]
			text, err := os.ReadFile(path)
			if err != nil {
				text, err = os.ReadFile(own)
			}
			if err != nil {
				return
			}
			os.Remove(path)
			os.Remove(own)
			left, _ = strconv.Atoi(string(text))
		}
		if left--; left == 0 {
			os.WriteFile(path+".died", nil, 0o600)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

// stepOf is from one point to the next, in the long run of the tests and in the
// short one.
func stepOf(long, short int) int {
	if testing.Short() {
		return short
	}
	return long
}

// TestDeathAtEachPoint kills a puddle at one point after the other of a script
// and expects every client to hear what it would have heard.
func TestDeathAtEachPoint(t *testing.T) { dieEverywhere(t, stepOf(1, 15), 50, dieAt) }

// dieEverywhere has a script die at one point after the other, until it passes
// fewer: at least so many.
func dieEverywhere(t *testing.T, step, least int, die func(t *testing.T, path string, number int)) {
	path := filepath.Join(t.TempDir(), "point")
	t.Setenv(pointFile, path)
	for number := 1; ; number += step {
		os.Remove(path + ".died")
		ok := t.Run(fmt.Sprint(number), func(t *testing.T) { die(t, path, number) })
		if _, err := os.Stat(path + ".died"); err != nil {
			t.Logf("%d points", number-1)
			if number < least {
				t.Errorf("only %d points: the script does nothing", number-1)
			}
			return
		}
		if !ok {
			return
		}
	}
}

func dieAt(t *testing.T, path string, number int) {
	h := newHouse(t, 1)
	raw, second := Join(t, h.address, "/a"), Join(t, h.address, "/a")
	json := Open(t, h.address, "/a", JSON)
	json.Expects(`{"ok":"join"}`)
	wide := Open(t, h.address, "/a", JSON)
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","room":"b"}`, `{"ok":"join","room":"b"}`)
	Check(t, os.WriteFile(path+".new", []byte(strconv.Itoa(number)), 0o600))
	Check(t, os.Rename(path+".new", path))

	raw.Text("one")
	second.Hears(OpText, "one")
	json.Expects(`{"data":"one"}`)
	wide.Expects(`{"data":"one","room":"a"}`)
	third := Join(t, h.address, "/b")
	third.Text("two")
	wide.Expects(`{"data":"two","room":"b"}`)
	second.Say(append(Frame(OpText, []byte("thr")), Frame(Final, []byte("ee"))...))
	raw.Hears(OpText, "three")
	json.Expects(`{"data":"three"}`)
	wide.Expects(`{"data":"three"}`)
	json.Tells(fmt.Sprintf(`{"data":"four","to":[%q],"ref":"x"}`, wide.Sequence), `{"ok":"send","ref":"x","receivers":1}`)
	wide.Expects(`{"data":"four"}`)
	raw.Say(Frame(Final|OpPing, []byte("are you there")))
	raw.Hears(OpPong, "are you there")
	wide.Text(`{"room":"a","data":"five"}`)
	for _, hears := range []*Client{raw, second} {
		hears.Hears(OpText, "five")
	}
	json.Expects(`{"data":"five"}`)
	frame := Frame(Final|OpText, []byte(strings.Repeat("six", 100)))
	raw.Say(frame[:50])
	time.Sleep(time.Millisecond)
	raw.Say(frame[50:])
	second.Hears(OpText, strings.Repeat("six", 100))
	json.Object()
	wide.Object()
	second.Say(Frame(Final|OpClose, binary.BigEndian.AppendUint16(nil, 1000)))
	second.Closes(1000)
	json.Text(`{"data":"seven"}`)
	raw.Hears(OpText, "seven")
	wide.Expects(`{"data":"seven"}`)
	for _, c := range []*Client{raw, json, wide, third} {
		c.HearsNothingNow()
	}
}

// TestDeathWithAKey kills a puddle at one point after the other while it sends a
// message with a key to some on both puddles: nobody hears it twice, and its
// sender can go on and be moved.
func TestDeathWithAKey(t *testing.T) { dieEverywhere(t, stepOf(2, 15), 10, dieWithAKey) }

func dieWithAKey(t *testing.T, path string, number int) {
	h := newHouse(t, 2)
	sender, near, far := h.on(0, "/a", JSON), h.on(0, "/a", JSON), h.on(1, "/a", JSON)
	for _, c := range []*Client{sender, near, far} {
		c.Expects(`{"ok":"join"}`)
	}
	at := path + ".0"
	Check(t, os.WriteFile(at+".new", []byte(strconv.Itoa(number)), 0o600))
	Check(t, os.Rename(at+".new", at))
	sender.Text(fmt.Sprintf(`{"to":[%q,%q],"data":"once","key":"k","ref":"1"}`, near.Sequence, far.Sequence))
	near.Expects(`{"data":"once"}`)
	far.Expects(`{"data":"once"}`)
	sender.Text(`{"do":"ping"}`)
	for sender.Object()["ok"] != "ping" { // the receipt, unless it was lost
	}
	os.Remove(at)
	h.moves(sender.Sequence, 1)
	sender.Text(`{"data":"after"}`)
	near.Expects(`{"data":"after"}`)
	far.Expects(`{"data":"after"}`)
}
