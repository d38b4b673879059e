package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

// RFC 6455 by raw bytes, against a real house: what is said, what is heard, and
// the very close code. Each case is said in one piece and byte by byte.

// strictCase is what a socket in an echo room says and hears.
type strictCase struct {
	name  string
	say   string           // the frames, masked
	hears []string         // as heardFrame writes them, before the close frame
	code  schema.CloseCode // that it is closed with; 0: it lives on
}

// heardFrame writes a frame down: "text hello".
func heardFrame(op byte, payload []byte) string {
	name := map[byte]string{OpText: "text", OpBytes: "bytes", OpPing: "ping", OpPong: "pong"}[op]
	if len(payload) > 64 {
		return fmt.Sprintf("%s of %d", name, len(payload))
	}
	return name + " " + string(payload)
}

// said is a frame of a client's.
func said(first byte, payload string) string { return string(Frame(first, []byte(payload))) }

// header is the begin of a frame: two bytes, and what else is said to follow.
func header(first, second byte, more ...byte) string {
	return string([]byte{first, second}) + string(more)
}

func long(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

const (
	mask    = "\x01\x02\x03\x04"
	noMask  = "\x00\x00\x00\x00"
	rsv1    = 0x40
	rsv2    = 0x20
	rsv3    = 0x10
	masked  = 0x80
	goOn    = 0 // the opcode of a continuation
	size64K = 65536
)

func closing(code uint16, reason string) string {
	return said(Final|OpClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

func echoes(frames ...string) []string { return frames }

func framingCases() []strictCase {
	long125, long126 := strings.Repeat("x", 125), strings.Repeat("x", 126)
	return []strictCase{
		{"empty text", said(Final|OpText, ""), echoes("text "), 0},
		{"text", said(Final|OpText, "hello"), echoes("text hello"), 0},
		{"text of 125", said(Final|OpText, long125), echoes("text of 125"), 0},
		{"text of 126", said(Final|OpText, long126), echoes("text of 126"), 0},
		{"text of 127", said(Final|OpText, long126+"x"), echoes("text of 127"), 0},
		{"text of 65535", said(Final|OpText, strings.Repeat("x", 65535)), echoes("text of 65535"), 0},
		{"text of 65536", said(Final|OpText, strings.Repeat("x", size64K)), echoes("text of 65536"), 0},
		{"empty bytes", said(Final|OpBytes, ""), echoes("bytes "), 0},
		{"bytes", said(Final|OpBytes, "\x00\xff\xfe"), echoes("bytes \x00\xff\xfe"), 0},
		{"bytes of 125", said(Final|OpBytes, long125), echoes("bytes of 125"), 0},
		{"bytes of 126", said(Final|OpBytes, long126), echoes("bytes of 126"), 0},
		{"bytes of 65535", said(Final|OpBytes, strings.Repeat("\xfe", 65535)), echoes("bytes of 65535"), 0},
		{"bytes of 65536", said(Final|OpBytes, strings.Repeat("\xfe", size64K)), echoes("bytes of 65536"), 0},
		{"a mask of zeros", header(Final|OpText, masked|2) + noMask + "hi", echoes("text hi"), 0},
		{"two in one segment", said(Final|OpText, "a") + said(Final|OpText, "b"), echoes("text a", "text b"), 0},

		{"reserved bit 1", said(Final|rsv1|OpText, "x"), nil, 1002},
		{"reserved bit 2", said(Final|rsv2|OpText, "x"), nil, 1002},
		{"reserved bit 3", said(Final|rsv3|OpText, "x"), nil, 1002},
		{"all reserved bits", said(Final|rsv1|rsv2|rsv3|OpBytes, "x"), nil, 1002},
		{"reserved bit 1 on a ping", said(Final|rsv1|OpPing, ""), nil, 1002},
		{"reserved bit 2 on a close", said(Final|rsv2|OpClose, ""), nil, 1002},
		{"reserved bit 3 on a continuation", said(OpText, "a") + said(Final|rsv3|goOn, "b"), nil, 1002},
		{"a reserved bit behind a good message", said(Final|OpText, "a") + said(Final|rsv2|OpText, "b"), echoes("text a"), 1002},
		{"opcode 3", said(Final|3, ""), nil, 1002},
		{"opcode 4", said(Final|4, "x"), nil, 1002},
		{"opcode 5", said(Final|5, "x"), nil, 1002},
		{"opcode 6", said(Final|6, "x"), nil, 1002},
		{"opcode 7", said(Final|7, "x"), nil, 1002},
		{"opcode 11", said(Final|11, ""), nil, 1002},
		{"opcode 12", said(Final|12, "x"), nil, 1002},
		{"opcode 13", said(Final|13, "x"), nil, 1002},
		{"opcode 14", said(Final|14, "x"), nil, 1002},
		{"opcode 15", said(Final|15, "x"), nil, 1002},
		{"opcode 3 within a message", said(OpText, "a") + said(Final|3, ""), nil, 1002},

		{"no mask", header(Final|OpText, 2) + "hi", nil, 1002},
		{"no mask, only the header", header(Final|OpText, 2), nil, 1002},
		{"no mask on a ping", header(Final|OpPing, 0), nil, 1002},
		{"no mask on a close", header(Final|OpClose, 2, 3, 232), nil, 1002},
		{"no mask on a continuation", said(OpText, "a") + header(Final|goOn, 1) + "b", nil, 1002},

		{"16 bits of length for 5", header(Final|OpText, masked|126, 0, 5) + noMask + "hello", nil, 1002},
		{"16 bits of length for 125", header(Final|OpText, masked|126, 0, 125), nil, 1002},
		{"64 bits of length for 0", header(Final|OpText, masked|127, long(0)...), nil, 1002},
		{"64 bits of length for 126", header(Final|OpText, masked|127, long(126)...), nil, 1002},
		{"64 bits of length for 65535", header(Final|OpBytes, masked|127, long(65535)...), nil, 1002},
		{"a length with the top bit", header(Final|OpBytes, masked|127, long(1<<63)...), nil, 1002},
		{"a length of all bits", header(Final|OpBytes, masked|127, long(1<<64-1)...), nil, 1002},
		{"a length of 2^62", header(Final|OpBytes, masked|127, long(1<<62)...) + mask, nil, 1009},
		{"a length of 2^31", header(Final|OpText, masked|127, long(1<<31)...) + mask, nil, 1009},
		{"a length of 2^32+1", header(Final|OpText, masked|127, long(1<<32+1)...) + mask, nil, 1009},
		{"one byte too much declared", header(Final|OpText, masked|127, long(size64K+1)...) + mask, nil, 1009},
		{"too much declared for the rest of a message", said(OpText, "a") + header(Final|goOn, masked|127, long(size64K)...) + mask, nil, 1009},
		{"2^62 declared for the rest of a message", said(OpBytes, "a") + header(Final|goOn, masked|127, long(1<<62)...) + mask, nil, 1009},
	}
}

func fragmentCases() []strictCase {
	return []strictCase{
		{"two fragments", said(OpText, "a") + said(Final|goOn, "b"), echoes("text ab"), 0},
		{"three fragments", said(OpBytes, "a") + said(goOn, "b") + said(Final|goOn, "c"), echoes("bytes abc"), 0},
		{"empty fragments", said(OpText, "") + said(goOn, "") + said(Final|goOn, ""), echoes("text "), 0},
		{"one full fragment among empty ones", said(OpText, "") + said(goOn, "x") + said(Final|goOn, ""), echoes("text x"), 0},
		{"a ping within", said(OpText, "a") + said(Final|OpPing, "p") + said(Final|goOn, "b"), echoes("pong p", "text ab"), 0},
		{"a pong within", said(OpText, "a") + said(Final|OpPong, "p") + said(Final|goOn, "b"), echoes("text ab"), 0},
		{"a close within", said(OpText, "a") + closing(1000, ""), nil, 1000},
		{"1024 fragments", said(OpText, "a") + strings.Repeat(said(goOn, "b"), 1022) + said(Final|goOn, "c"), echoes("text of 1024"), 0},
		{"1025 fragments", said(OpText, "a") + strings.Repeat(said(goOn, "b"), 1024), nil, 1008},
		{"1025 empty fragments", said(OpBytes, "") + strings.Repeat(said(goOn, ""), 1024), nil, 1008},
		{"1025 pings within", said(OpText, "a") + strings.Repeat(said(Final|OpPing, ""), 1025), pongs(1024), 1008},
		{"1025 pongs within", said(OpText, "a") + strings.Repeat(said(Final|OpPong, ""), 1025), nil, 1008},
		{"64 KiB in two", said(OpText, strings.Repeat("x", 40000)) + said(Final|goOn, strings.Repeat("x", 25536)), echoes("text of 65536"), 0},
		{"a byte more in two", said(OpText, strings.Repeat("x", 40000)) + said(Final|goOn, strings.Repeat("x", 25537)), nil, 1009},

		{"a continuation of nothing", said(Final|goOn, "x"), nil, 1002},
		{"a continuation that goes on, of nothing", said(goOn, "x"), nil, 1002},
		{"an empty continuation of nothing", said(Final|goOn, ""), nil, 1002},
		{"a continuation behind a message", said(Final|OpText, "a") + said(Final|goOn, "b"), echoes("text a"), 1002},
		{"a continuation behind a fragmented message", said(OpText, "a") + said(Final|goOn, "b") + said(goOn, "c"), echoes("text ab"), 1002},
		{"text within a message", said(OpText, "a") + said(Final|OpText, "b"), nil, 1002},
		{"bytes within a message", said(OpText, "a") + said(Final|OpBytes, "b"), nil, 1002},
		{"a text that begins within a message", said(OpBytes, "a") + said(OpText, "b"), nil, 1002},
	}
}

func controlCases() []strictCase {
	long125 := strings.Repeat("p", 125)
	return []strictCase{
		{"ping", said(Final|OpPing, ""), echoes("pong "), 0},
		{"ping with text", said(Final|OpPing, "hello"), echoes("pong hello"), 0},
		{"ping with bytes", said(Final|OpPing, "\x00\xff\xfe"), echoes("pong \x00\xff\xfe"), 0},
		{"ping of 125", said(Final|OpPing, long125), echoes("pong of 125"), 0},
		{"ten pings", strings.Repeat(said(Final|OpPing, "x"), 10), strings.Split(strings.Repeat("pong x|", 9)+"pong x", "|"), 0},
		{"pong unasked", said(Final|OpPong, ""), nil, 0},
		{"pong unasked, then ping", said(Final|OpPong, "x") + said(Final|OpPing, "y"), echoes("pong y"), 0},
		{"ping of 126", said(Final|OpPing, long125+"p"), nil, 1002},
		{"ping of 126, only the header", header(Final|OpPing, masked|126), nil, 1002},
		{"ping with 64 bits of length", header(Final|OpPing, masked|127), nil, 1002},
		{"pong of 126", said(Final|OpPong, long125+"p"), nil, 1002},
		{"close of 126", closing(1000, strings.Repeat("x", 124)), nil, 1002},
		{"a ping that goes on", said(OpPing, "a"), nil, 1002},
		{"a pong that goes on", said(OpPong, "a"), nil, 1002},
		{"a close that goes on", said(OpClose, ""), nil, 1002},
		{"a ping in fragments within a message", said(OpText, "a") + said(OpPing, "b"), nil, 1002},
	}
}

func closeCases() (cases []strictCase) {
	cases = []strictCase{
		{"close, empty", said(Final|OpClose, ""), nil, 1000},
		{"close of one byte", said(Final|OpClose, "\x03"), nil, 1002},
		{"close with a reason", closing(1000, "bye"), nil, 1000},
		{"close with a reason of 123", closing(1000, strings.Repeat("x", 123)), nil, 1000},
		{"close with a reason in UTF-8", closing(1000, "κόσμε"), nil, 1000},
		{"close with a reason that is no UTF-8", closing(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), nil, 1007},
		{"close with a reason cut in a character", closing(1001, "\xe2\x82"), nil, 1007},
		{"a message behind a close", closing(1000, "") + said(Final|OpText, "late"), nil, 1000},
		{"a ping behind a close", closing(1000, "") + said(Final|OpPing, "late"), nil, 1000},
		{"two closes", closing(1000, "") + closing(1001, ""), nil, 1000},
		{"nonsense behind a close", closing(1000, "") + "\xff\xff\xff\xff\xff", nil, 1000},
		{"a message, and a close", said(Final|OpText, "last") + closing(1000, ""), echoes("text last"), 1000},
		{"a ping, and a close", said(Final|OpPing, "last") + closing(1000, ""), echoes("pong last"), 1000},
		{"half a message, and a close", said(OpText, "half") + closing(1001, "away"), nil, 1001},
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, strictCase{fmt.Sprint("close code ", code), closing(code, ""), nil, schema.CloseCode(code)})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 32767, 65535} {
		cases = append(cases, strictCase{fmt.Sprint("close code ", code), closing(code, "why"), nil, 1002})
	}
	return cases
}

func pongs(n int) (all []string) {
	for range n {
		all = append(all, "pong ")
	}
	return all
}

// goodTexts are UTF-8 at its edges.
var goodTexts = []string{
	"κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff",
	"\ud7ff", "\ue000", "\ufffd", "\ufeff", "\ufffe", "\U0001fffe", "\U0010fffe", "𝄞", "日本語", "a\u0301",
}

// badTexts end in the very byte that makes them no UTF-8, whatever follows.
var badTexts = []string{
	"\x80", "\xbf", "a\x80", "\xfe", "\xff", "\xc0", "\xc1", "\xf5", "\xf8", "\xfc", "\xfd",
	"\xc3\x28", "\xc2a", "\xdf\xc0", "\xe0\x80", "\xe0\x9f", "\xe1\x28", "\xe1\x80\xc0", "\xe2\x82\x28", "\xed\xa0", "\xed\xbf",
	"\xef\xbf\x41", "\xf0\x80", "\xf0\x8f", "\xf0\x90\x28", "\xf0\x90\x80\x28", "\xf1\x80\x80\xc0", "\xf4\x90", "\xf4\xbf",
	"\xf3\x80\xe0", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90",
	strings.Repeat("a", 4095) + "\xff", strings.Repeat("a", 4095) + "\xc3\x28", strings.Repeat("κ", 4000) + "\xed\xa0",
}

// unfinishedTexts end within a character.
var unfinishedTexts = []string{"\xc2", "\xe2\x82", "\xf0\x9f", "\xf0\x9f\x92", "abc\xe1", "\xf4\x8f\xbf", "\xed\x9f", strings.Repeat("é", 3000) + "\xc3"}

func textCases() (cases []strictCase) {
	for n, text := range goodTexts {
		cases = append(cases, strictCase{fmt.Sprint("good text ", n), said(Final|OpText, text), echoes("text " + text), 0})
		say := ""
		for at := range len(text) { // each byte is a fragment, pings between
			say += said([]byte{OpText, goOn}[min(at, 1)], text[at:at+1]) + said(Final|OpPong, "")
		}
		cases = append(cases, strictCase{fmt.Sprint("good text in bytes ", n), say + said(Final|goOn, ""), echoes("text " + text), 0})
	}
	for n, text := range badTexts {
		last := len(text) - 1
		size := header(OpText, masked|126, byte((len(text)+200)>>8), byte(len(text)+200)) + noMask
		cases = append(cases,
			strictCase{fmt.Sprint("bad text ", n), said(Final|OpText, text+"edited"), nil, 1007},
			strictCase{fmt.Sprint("bad text in a frame without end ", n), size + text, nil, 1007},
			strictCase{fmt.Sprint("bad text in a fragment ", n), said(OpText, text), nil, 1007},
			strictCase{fmt.Sprint("bad text in two ", n), said(OpText, text[:last]) + said(Final|OpPing, "yet") + said(goOn, text[last:]), echoes("pong yet"), 1007},
			strictCase{fmt.Sprint("bad text in a continuation without end ", n), said(OpText, text[:last]) + header(goOn, masked|100) + mask + string([]byte{text[last] ^ 1}), nil, 1007},
		)
	}
	for n, text := range unfinishedTexts {
		cases = append(cases,
			strictCase{fmt.Sprint("unfinished text ", n), said(Final|OpText, text), nil, 1007},
			strictCase{fmt.Sprint("unfinished text in fragments ", n), said(OpText, text) + said(Final|OpPing, "yet") + said(Final|goOn, ""), echoes("pong yet"), 1007},
		)
	}
	return append(cases, strictCase{"bad text behind a good one", said(Final|OpText, "a") + said(Final|OpText, "\xff"), echoes("text a"), 1007},
		strictCase{"what is no text in bytes", said(OpBytes, "\xff") + said(Final|goOn, "\xc3"), echoes("bytes \xff\xc3"), 0})
}

func TestStrictFrames(t *testing.T) {
	h := strictHouse(t)
	total := 0
	for _, table := range [][]strictCase{framingCases(), fragmentCases(), controlCases(), closeCases(), textCases()} {
		for _, c := range table {
			t.Run(c.name, func(t *testing.T) {
				runStrict(t, h.address, &c, len(c.say))
				if len(c.say) < 1000 {
					runStrict(t, h.address, &c, 1)
				}
			})
			total++
		}
	}
	t.Logf("%d cases", total)
	if total < 100 {
		t.Errorf("only %d cases", total)
	}
}

// strictHouse has an echo room.
func strictHouse(t *testing.T, flags ...string) *house {
	t.Helper()
	h := newHouse(t, 2, flags...)
	if _, stderr, code := h.ask("room", "add", "echo", "--rules", `{"to":"self"}`); code != 0 {
		t.Fatalf("room add: exit %d: %s", code, stderr)
	}
	return h
}

// runStrict says what a case says, in pieces of so many bytes.
func runStrict(t *testing.T, address string, c *strictCase, piece int) {
	t.Helper()
	client := Join(t, address, "/echo")
	defer client.Close()
	client.SetDeadline(time.Now().Add(10 * time.Second))
	client.Conn.(*net.TCPConn).SetNoDelay(true)
	for rest := c.say; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := client.Write([]byte(rest[:n])); err != nil {
			break // it was closed at a byte before: what it heard tells
		}
		rest = rest[n:]
	}
	for n, want := range c.hears {
		op, payload, err := client.Next()
		if err != nil || heardFrame(op, payload) != want {
			t.Fatalf("frame %d: heard op %d %.80q, %v; want %.80q", n, op, payload, err, want)
		}
	}
	if c.code != 0 {
		client.Closes(c.code)
		return
	}
	client.Say(Frame(Final|OpPing, []byte("alive")))
	client.Hears(OpPong, "alive")
}

// Our close frame has no code that must not be on the wire, and a reason that
// is UTF-8 of at most 123 bytes, also where the house's words were longer.
func TestStrictCloseOfOurs(t *testing.T) {
	h := strictHouse(t)
	c := Join(t, h.address, "/echo")
	if _, stderr, code := h.ask("sequence", "close", c.Sequence); code != 0 {
		t.Fatal(stderr)
	}
	c.Closes(schema.ClosePutOut)
}

// Who closes and hears no more of us is let go in time; who answers our close
// frame late is drained, not reset.
func TestStrictClosingHandshake(t *testing.T) {
	h := strictHouse(t, "--close-time", "1s")
	silent := Join(t, h.address, "/echo")
	silent.Say([]byte(said(Final|3, "")))
	silent.Closes(1002) // and does not close
	h.eventually("it is gone", func() bool { return !h.lists(silent) })

	flood := Join(t, h.address, "/echo")
	flood.Say([]byte(said(Final|3, "")))
	junk := make([]byte, 64<<10)
	for range 64 { // what it says meanwhile is drained
		if _, err := flood.Write(junk); err != nil {
			t.Fatalf("reset in the closing handshake: %v", err)
		}
	}
	flood.Closes(1002)
}

// Who is closed while much waits for it hears all of that and the close frame,
// also when it says no more itself.
func TestStrictCloseBehindMuch(t *testing.T) {
	h := strictHouse(t, "--outbox", "8MiB")
	c := JoinNarrow(t, h.address, "/echo", 64<<10)
	const messages = 100
	text := strings.Repeat("x", 60_000)
	for range messages {
		c.Text(text)
	}
	c.Say([]byte(closing(1000, "")))
	c.Conn.(*net.TCPConn).CloseWrite()
	time.Sleep(200 * time.Millisecond) // the house has seen the end of the stream
	for range messages {
		c.Hears(OpText, text)
	}
	op, b, err := c.Next()
	if err != nil || op != OpClose || string(b) != "\x03\xe8" {
		t.Fatalf("heard op %d %q, %v; want a close frame", op, b, err)
	}
	if _, err := c.In.ReadByte(); err != io.EOF {
		t.Fatalf("%v; want EOF", err)
	}
}
