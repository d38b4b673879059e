package ipc

import (
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/schema"
)

func pair(t *testing.T) (*Conn, *Conn) {
	t.Helper()
	a, b, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	left, err := ConnOf(a, "left")
	if err != nil {
		t.Fatal(err)
	}
	right, err := ConnOf(b, "right")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { left.Close(); right.Close() })
	return left, right
}

func TestConnCarriesWordsAndDescriptors(t *testing.T) {
	left, right := pair(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString("through the wall")
	word := ToPuddle{Start: &Start{Slot: 5, Settings: schema.DefaultSettings()}}
	if err := left.Send(word, int(file.Fd())); err != nil {
		t.Fatal(err)
	}
	if err := left.Send(ToPuddle{Serve: &Serve{}}); err != nil {
		t.Fatal(err)
	}
	var got ToPuddle
	descriptors, err := right.Receive(&got)
	if err != nil || len(descriptors) != 1 || !reflect.DeepEqual(got, word) {
		t.Fatalf("got %+v with descriptors %v, %v", got, descriptors, err)
	}
	defer unix.Close(descriptors[0])
	if flags, err := unix.FcntlInt(uintptr(descriptors[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the descriptor is not close-on-exec: %v, %v", flags, err)
	}
	text := make([]byte, 32)
	n, _ := unix.Pread(descriptors[0], text, 0)
	if string(text[:n]) != "through the wall" {
		t.Errorf("the descriptor reads %q", text[:n])
	}
	var second ToPuddle
	if descriptors, err := right.Receive(&second); err != nil || second.Serve == nil || len(descriptors) != 0 {
		t.Errorf("the second word: %+v, %v, %v", second, descriptors, err)
	}
}

func TestConnRefuses(t *testing.T) {
	left, right := pair(t)
	if err := left.Send("x", make([]int, 254)...); err == nil || !strings.Contains(err.Error(), "253 are the most") {
		t.Errorf("254 descriptors: %v", err)
	}
	left.Unix().Write([]byte{0xff, 0xff, 0xff, 0xff})
	var word ToPuddle
	if _, err := right.Receive(&word); err == nil || !strings.Contains(err.Error(), "are the most") {
		t.Errorf("a frame of 4 GB: %v", err)
	}
}

func TestConnEnds(t *testing.T) {
	left, right := pair(t)
	left.Close()
	var word ToPuddle
	if _, err := right.Receive(&word); err != io.EOF {
		t.Errorf("the other side is gone: %v; want EOF", err)
	}
}
