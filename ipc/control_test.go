package ipc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// converse has one ask go to the socket of a folder and an answer come back.
func converse(t *testing.T, folder string) {
	t.Helper()
	listener, err := ListenControl(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	drain := 3 * time.Second
	asked := Ask{Stop: &AskStop{Drain: &drain}}
	done := make(chan error, 1)
	go func() {
		socket, err := listener.AcceptUnix()
		if err != nil {
			done <- err
			return
		}
		if peer, err := PeerOf(socket); err != nil || int(peer.Uid) != os.Getuid() || int(peer.Pid) != os.Getpid() {
			t.Errorf("PeerOf = %+v, %v", peer, err)
		}
		conn := NewConn(socket)
		var ask Ask
		if _, err := conn.Receive(&ask); err != nil || ask.Stop == nil || *ask.Stop.Drain != drain || ask.Status != nil {
			t.Errorf("received %+v, %v", ask, err)
		}
		done <- conn.Send(Answer{Sequences: []Sequence{{ID: 7, Rooms: []string{"chat"}, Since: time.UnixMilli(5)}}})
	}()
	conn, err := DialControl(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Send(asked); err != nil {
		t.Fatal(err)
	}
	var answer Answer
	if _, err := conn.Receive(&answer); err != nil {
		t.Fatal(err)
	}
	if q := answer.Sequences; len(q) != 1 || q[0].ID != schema.SequenceID(7) || q[0].Client != nil || !q[0].Since.Equal(time.UnixMilli(5)) {
		t.Errorf("heard %+v", answer)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestControlSocket(t *testing.T) {
	folder := t.TempDir()
	converse(t, folder)
	info, err := os.Lstat(filepath.Join(folder, ControlSocket))
	if err != nil {
		t.Fatal("the socket is gone with its listener:", err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := DialControl(folder); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a stale socket answers: %v", err)
	}
	converse(t, folder) // in its place
	if err := RemoveControl(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := DialControl(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that is gone: %v", err)
	}
	if err := RemoveControl(folder); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

func TestControlSocketLongPath(t *testing.T) {
	folder := filepath.Join(t.TempDir(), strings.Repeat("long/", 40), strings.Repeat("x", 200))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("unix", filepath.Join(folder, ControlSocket)); !errors.Is(err, syscall.EINVAL) {
		t.Fatalf("the path is not long enough for this test: %v", err)
	}
	converse(t, folder)
	if err := RemoveControl(folder); err != nil {
		t.Fatal(err)
	}
}

func TestControlSocketInTheWay(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, ControlSocket)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenControl(folder); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file in its place: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Error("somebody's file was removed")
	}
}

// What the command line asks for and hears arrives as it was said.
func TestAsksArrive(t *testing.T) {
	a, b, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	from, err := ConnOf(a, "from")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := ConnOf(b, "to")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for _, ask := range []Ask{
		{Do: &AskDo{Operation: schema.Operation{Noun: "client", Verb: "add", Name: "alice", Values: []byte(`{"owner":true}`)}}},
		{Do: &AskDo{Operation: schema.Operation{Noun: "room", Verb: "list"}}},
		{Send: &AskSend{Hit: Hit{Room: "chat", Kind: 1, Data: []byte{0, 255}, To: []string{"bob"}}}},
		{Pass: &AskPass{}},
		{Backup: &AskBackup{File: "/tmp/x"}},
		{Sequences: &AskSequences{Room: "chat", Client: "alice"}},
		{Close: &AskClose{Client: "alice"}},
	} {
		var heard Ask
		if err := from.Send(ask); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Receive(&heard); err != nil || !reflect.DeepEqual(heard, ask) {
			t.Errorf("sent %+v, heard %+v, %v", ask, heard, err)
		}
	}
	answer := Answer{JSON: []byte(`{"client":"alice"}`), Pass: &Pass{Token: "t", Listen: []string{":1"}, Primary: "p"}}
	var heard Answer
	if err := from.Send(answer); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Receive(&heard); err != nil || !reflect.DeepEqual(heard, answer) {
		t.Errorf("answer: %+v, %v", heard, err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", *answer.Pass, answer, *answer.Pass); strings.Contains(printed, `"t"`) || strings.Contains(printed, "Token") {
		t.Errorf("a pass prints its token: %s", printed)
	}
}
