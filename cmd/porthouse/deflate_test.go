package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/klauspost/compress/flate"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

const offersDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

// long text that compresses well, and is no other's.
func wordy(n int) string { return strings.Repeat(fmt.Sprintf("message %d to everybody; ", n), 30) }

func deflated(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 6)
	Check(t, err)
	io.WriteString(w, text)
	Check(t, w.Flush())
	return out.Bytes()[:out.Len()-4]
}

// hearsDeflated hears a message that must be compressed.
func hearsDeflated(t *testing.T, c *Client, text string) {
	t.Helper()
	begin, err := c.In.Peek(1)
	Check(t, err)
	first := begin[0]
	Check(t, err)
	_, payload, err := c.Next()
	Check(t, err)
	if first != Final|rsv1|OpText {
		t.Fatalf("heard %x %.50q; want a compressed text", first, payload)
	}
	plain, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil || !strings.Contains(string(plain), text) {
		t.Fatalf("heard %.50q, %v; want %.50q", plain, err, text)
	}
}

// Who has agreed to it hears what is worth it compressed, and may say it so;
// the others hear the same as ever.
func TestDeflateInARoom(t *testing.T) {
	h := newHouse(t, 2)
	plain, packed := h.on(0, "/a", ""), h.on(0, "/a", "", offersDeflate)
	far, farJSON := h.on(1, "/a", "", offersDeflate), h.on(1, "/a", JSON, offersDeflate)
	farJSON.Expects(`{"ok":"join"}`)
	narrow := h.on(1, "/a", "", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9")
	wide := h.on(0, "/a", JSON, offersDeflate)
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","rooms":["b"]}`, `{"ok":"join","room":"b"}`)
	for n := range 3 {
		text := wordy(n)
		switch n {
		case 0:
			plain.Text(text)
		case 1:
			packed.Say(Frame(Final|rsv1|OpText, deflated(t, text)))
		case 2: // in three frames, with a ping between
			whole := deflated(t, text)
			packed.Say(Frame(rsv1|OpText, whole[:10]))
			packed.Say(Frame(Final|OpPing, []byte("hello")))
			packed.Hears(OpPong, "hello")
			packed.Say(Frame(goOn, whole[10:20]))
			packed.Say(Frame(Final|goOn, whole[20:]))
		}
		if n > 0 {
			plain.Hears(OpText, text)
		} else {
			hearsDeflated(t, packed, text)
		}
		hearsDeflated(t, far, text)
		hearsDeflated(t, farJSON, text)
		hearsDeflated(t, wide, text)
		narrow.Hears(OpText, text)
	}
	packed.Text("short")
	plain.Hears(OpText, "short")
	far.Hears(OpText, "short")
	narrow.Hears(OpText, "short")
	farJSON.Expects(`{"data":"short"}`)
	wide.Expects(`{"data":"short"}`)
	for _, c := range []*Client{plain, packed, far, narrow, farJSON, wide} {
		c.HearsNothingNow()
	}
}

func TestDeflateStrictly(t *testing.T) {
	h := newHouse(t, 1)
	bomb := deflated(t, strings.Repeat("\x00", 32<<20))
	for _, c := range []struct {
		name, offers string
		say          []byte
		code         schema.CloseCode
	}{
		{"not agreed to", "", Frame(Final|rsv1|OpText, deflated(t, "hello")), schema.CloseProtocol},
		{"another bit", offersDeflate, Frame(Final|rsv2|OpText, deflated(t, "hello")), schema.CloseProtocol},
		{"on a ping", offersDeflate, Frame(Final|rsv1|OpPing, nil), schema.CloseProtocol},
		{"on a continuation", offersDeflate, append(Frame(OpText, []byte("a")), Frame(Final|rsv1|goOn, []byte("b"))...), schema.CloseProtocol},
		{"no deflate", offersDeflate, Frame(Final|rsv1|OpBytes, []byte{0xff, 0xff, 0xff}), schema.CloseUTF8},
		{"no text", offersDeflate, Frame(Final|rsv1|OpText, deflated(t, "\xff")), schema.CloseUTF8},
		{"a bomb", offersDeflate, Frame(Final|rsv1|OpBytes, bomb[:65000]), schema.CloseTooLarge},
	} {
		client := Open(t, h.address, "/a", "", strings.Split(c.offers, "\n")[:min(len(c.offers), 1)]...)
		client.Say(c.say)
		client.Closes(c.code)
		client.Close()
	}
	empty, hears := Open(t, h.address, "/b", "", offersDeflate), Open(t, h.address, "/b", "")
	empty.Say(Frame(Final|rsv1|OpText, []byte{0}))
	hears.Hears(OpText, "")
}

// A setting turns it off, and who offers it is told nothing of it.
func TestDeflateOff(t *testing.T) {
	h := newHouse(t, 1, "--deflate", "0")
	c := Open(t, h.address, "/a", "", offersDeflate)
	c.Say(Frame(Final|rsv1|OpText, deflated(t, "hello")))
	c.Closes(schema.CloseProtocol)
}

// What was agreed to, and half a compressed message, outlive the puddle: when it
// is reloaded, when it is killed, and when the socket moves.
func TestDeflateSurvives(t *testing.T) {
	h := newHouse(t, 2)
	speaker, hears := h.on(0, "/a", "", offersDeflate), h.on(0, "/a", "", offersDeflate)
	far := h.on(1, "/a", JSON, offersDeflate)
	far.Expects(`{"ok":"join"}`)
	for n, happens := range []func(){
		func() { h.run("reload") },
		func() { kill(t, h, 0) },
		func() { kill(t, h, 1) },
		func() { h.moves(speaker.Sequence, 1); h.moves(hears.Sequence, 1) },
		func() { kill(t, h, 1) },
		func() { h.moves(speaker.Sequence, 0) },
	} {
		text := wordy(n)
		frame := Frame(Final|rsv1|OpText, deflated(t, text))
		speaker.Say(frame[:20])
		time.Sleep(5 * time.Millisecond)
		happens()
		speaker.Say(frame[20:])
		hearsDeflated(t, hears, text)
		hearsDeflated(t, far, text)
	}
}

// TestDeflateDeath kills the puddle at one point after the other while it says
// compressed messages.
func TestDeflateDeath(t *testing.T) {
	path := t.TempDir() + "/point"
	t.Setenv(pointFile, path)
	for number := 1; ; number += stepOf(5, 17) {
		died := false
		t.Run(fmt.Sprint(number), func(t *testing.T) { died = dieDeflating(t, path, number) })
		if t.Failed() || !died {
			if number < 20 {
				t.Errorf("only %d points: the script does nothing", number)
			}
			return
		}
	}
}

// Another library's client speaks it as the house does.
func TestDeflateInterop(t *testing.T) {
	h := newHouse(t, 1)
	plain := Join(t, h.address, "/a")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, mode := range []websocket.CompressionMode{websocket.CompressionNoContextTakeover, websocket.CompressionContextTakeover} {
		c, answer, err := websocket.Dial(ctx, "ws://"+h.address+"/a", &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
		Check(t, err)
		if got := answer.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
			t.Errorf("agreed to %q", got)
		}
		for n := range 5 {
			Check(t, c.Write(ctx, websocket.MessageText, []byte(wordy(n))))
			plain.Hears(OpText, wordy(n))
			plain.Text(wordy(n) + "back")
			if _, heard, err := c.Read(ctx); err != nil || string(heard) != wordy(n)+"back" {
				t.Fatalf("heard %.50q, %v", heard, err)
			}
		}
		c.Close(websocket.StatusNormalClosure, "")
	}
}

func dieDeflating(t *testing.T, path string, number int) (died bool) {
	os.Remove(path + ".died")
	h := newHouse(t, 1)
	speaker, hears := Open(t, h.address, "/a", "", offersDeflate), Open(t, h.address, "/a", "", offersDeflate)
	plain, wide := Join(t, h.address, "/a"), Open(t, h.address, "/a", JSON, offersDeflate)
	wide.Expects(`{"ok":"join"}`)
	wide.Tells(`{"do":"join","room":"b"}`, `{"ok":"join","room":"b"}`)
	Check(t, os.WriteFile(path+".new", []byte(strconv.Itoa(number)), 0o600))
	Check(t, os.Rename(path+".new", path))
	for n := range 4 {
		text := wordy(n)
		if n%2 == 0 {
			text = "short"
		}
		frame := Frame(Final|rsv1|OpText, deflated(t, text))
		speaker.Say(frame[:9])
		time.Sleep(time.Millisecond)
		speaker.Say(frame[9:])
		if n%2 == 0 {
			hears.Hears(OpText, text)
			wide.Expects(`{"data":"short"}`)
		} else {
			hearsDeflated(t, hears, text)
			hearsDeflated(t, wide, text)
		}
		plain.Hears(OpText, text)
	}
	for _, c := range []*Client{speaker, hears, plain, wide} {
		c.HearsNothingNow()
	}
	os.Remove(path)
	_, err := os.Stat(path + ".died")
	return err == nil
}
