package puddle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/klauspost/compress/flate"

	"github.com/porthouse/porthouse/ipc/table"
	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
)

func TestOffers(t *testing.T) {
	const both = table.Inflates | table.Deflates
	for _, c := range []struct {
		offers []string // lines
		agreed uint8
		says   string // behind agreedAnswer
	}{
		{nil, 0, ""},
		{[]string{"permessage-deflate"}, both, ""},
		{[]string{"PerMessage-Deflate"}, both, ""},
		{[]string{"permessage-deflate; client_max_window_bits"}, both, ""}, // Chromium
		{[]string{"permessage-deflate; client_max_window_bits=8"}, both, ""},
		{[]string{"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"}, both, "; server_max_window_bits=12"}, // Python's websockets
		{[]string{`permessage-deflate ; server_max_window_bits = "15"`}, both, "; server_max_window_bits=15"},
		{[]string{"permessage-deflate; server_max_window_bits=11"}, table.Inflates, "; server_max_window_bits=11"},
		{[]string{"permessage-deflate; server_max_window_bits=8"}, table.Inflates, "; server_max_window_bits=8"},
		{[]string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}, both, ""},
		{[]string{"permessage-deflate; server_no_context_takeover=1"}, 0, ""},
		{[]string{"permessage-deflate; client_no_context_takeover=x"}, 0, ""},
		{[]string{"permessage-deflate; server_max_window_bits"}, 0, ""},
		{[]string{"permessage-deflate; server_max_window_bits=7"}, 0, ""},
		{[]string{"permessage-deflate; server_max_window_bits=16"}, 0, ""},
		{[]string{"permessage-deflate; server_max_window_bits=010"}, 0, ""},
		{[]string{"permessage-deflate; client_max_window_bits=99"}, 0, ""},
		{[]string{"permessage-deflate; client_max_window_bits; client_max_window_bits"}, 0, ""},
		{[]string{"permessage-deflate; server_max_window_bits=12; server_max_window_bits=12"}, 0, ""},
		{[]string{"permessage-deflate; unheard_of"}, 0, ""},
		{[]string{"x-webkit-deflate-frame"}, 0, ""},
		{[]string{"permessage-deflate; unheard_of, permessage-deflate; server_max_window_bits=10, permessage-deflate"}, table.Inflates, "; server_max_window_bits=10"},
		{[]string{"permessage-bzip2", "permessage-deflate"}, both, ""},
	} {
		head := opening
		for _, line := range c.offers {
			head += "Sec-WebSocket-Extensions: " + line + "\r\n"
		}
		req, v := testGuard.judge([]byte(head + "\r\n"))
		if v != verdictUpgrade {
			t.Errorf("%q: verdict %d", c.offers, v)
			continue
		}
		agreed, answer := negotiateDeflate(&req)
		want := ""
		if c.agreed != 0 {
			want = agreedAnswer + c.says
		}
		if agreed != c.agreed || answer != want {
			t.Errorf("%q: agreed %b, %q; want %b, %q", c.offers, agreed, answer, c.agreed, want)
		}
	}
}

// deflated compresses as clients do: with the largest window.
func deflated(t testing.TB, text []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	Check(t, err)
	w.Write(text)
	Check(t, w.Flush())
	return bytes.TrimSuffix(out.Bytes(), flushEnd)
}

func TestCompressAndInflate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := deflater{least: 1, most: 1 << 20}
	for _, size := range []int{0, 1, 5, 100, 4096, 4097, 70_000, 1 << 20} {
		text := []byte(strings.Repeat("all work and no play ", size/21+1)[:size])
		for n := 0; n < size; n += 50 {
			text[n] = byte(random.Uint32())
		}
		packed := d.compress(text)
		if packed == nil {
			if size > 100 {
				t.Errorf("%d bytes were not compressed", size)
			}
			packed = deflated(t, text)
		}
		frame := Frame(Final|OpBytes, packed)
		plain, fault := d.inflate(&message{frames: frame, size: len(packed)}, size)
		if fault != 0 || !bytes.Equal(plain, text) {
			t.Errorf("%d bytes: fault %d, %d bytes came back", size, fault, len(plain))
		}
		if size > 0 {
			if _, fault := d.inflate(&message{frames: frame, size: len(packed)}, size-1); fault != schema.CloseTooLarge {
				t.Errorf("%d bytes where %d are taken: %d", size, size-1, fault)
			}
		}
	}
}

// The window is no larger than was agreed to: zlib refuses what goes back
// farther.
func TestWindow(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3, whose zlib is strict about windows")
	}
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 20_000)
	for n := range text {
		text[n] = byte(random.Uint32())
	}
	text = bytes.Repeat(text, 3) // what repeats is beyond the window
	text = append(text, strings.Repeat("near and ", 5000)...)
	d := deflater{}
	packed := append(bytes.Clone(d.compress(text)), flushEnd...)
	check := exec.Command(python, "-c", "import sys,zlib; d=zlib.decompressobj(-12); sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read()))")
	check.Stdin = bytes.NewReader(packed)
	plain, err := check.Output()
	if err != nil || !bytes.Equal(plain, text) {
		t.Errorf("a window of 12 bits: %v, %d bytes of %d", err, len(plain), len(text))
	}
}

// A bomb costs no more memory than the message that it may be.
func TestBomb(t *testing.T) {
	d := deflater{}
	bomb := deflated(t, make([]byte, 64<<20))
	frame := Frame(Final|OpBytes, bomb)
	if _, fault := d.inflate(&message{frames: frame, size: len(bomb)}, 1<<16); fault != schema.CloseTooLarge {
		t.Errorf("64 MiB in %d bytes: %d", len(bomb), fault)
	}
	if cap(d.plain) > 2<<16 {
		t.Errorf("%d bytes of memory for a message of at most %d", cap(d.plain), 1<<16)
	}
}

// Whatever comes, inflating ends, within its bound, and what was compressed by
// the house comes back.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("hello"), uint16(5))
	f.Add(deflated(f, []byte(strings.Repeat("hello", 100))), uint16(500))
	f.Add([]byte{0x01, 0, 0, 0xff, 0xff}, uint16(0))
	var d deflater
	f.Fuzz(func(t *testing.T, b []byte, most uint16) {
		plain, fault := d.inflate(&message{frames: Frame(Final|OpBytes, b), size: len(b)}, int(most))
		if fault == 0 && len(plain) > int(most) || cap(d.plain) > 1<<18 {
			t.Errorf("%d bytes, cap %d, where %d are taken", len(plain), cap(d.plain), most)
		}
		if packed := d.compress(b); packed != nil {
			plain, fault := d.inflate(&message{frames: Frame(Final|OpBytes, packed), size: len(packed)}, len(b))
			if fault != 0 || !bytes.Equal(plain, b) {
				t.Errorf("%d: %x became %x", fault, b, plain)
			}
		}
	})
}

// FuzzOffers: however a list of offers is written, one that is taken is
// answered with what was offered, or nothing.
func FuzzOffers(f *testing.F) {
	for _, seed := range []string{"permessage-deflate; client_max_window_bits", `a;b="c", permessage-deflate;server_max_window_bits="9"`, ",;=", `permessage-deflate;server_max_window_bits=15"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		req, v := testGuard.judge([]byte(opening + "Sec-WebSocket-Extensions: " + line + "\r\n\r\n"))
		if v != verdictUpgrade {
			return
		}
		agreed, answer := negotiateDeflate(&req)
		if agreed == 0 {
			return
		}
		rest, ok := strings.CutPrefix(answer, agreedAnswer)
		if bits, more := strings.CutPrefix(rest, "; server_max_window_bits="); more {
			n, valid := windowOf([]byte(bits))
			ok = ok && valid && strings.Contains(line, bits) && (n >= windowBits) == (agreed&table.Deflates != 0)
		} else {
			ok = ok && rest == ""
		}
		if !ok || !strings.Contains(strings.ToLower(line), "permessage-deflate") {
			t.Errorf("%q: %q", line, answer)
		}
	})
}

// telemetry is what programs tell each other.
func telemetry(size int) []byte {
	random := rand.New(rand.NewPCG(5, 6))
	words := strings.Fields("the room message porthouse alice bob socket hello world data status position")
	var b bytes.Buffer
	for b.Len() < size {
		word := func() string { return words[random.IntN(len(words))] }
		fmt.Fprintf(&b, `{"id":%d,"from":%q,"text":"%s %s %s","x":%.3f,"y":%.3f},`,
			random.IntN(1e6), word(), word(), word(), word(), random.Float64()*100, random.Float64()*100)
	}
	return b.Bytes()[:size]
}

func BenchmarkDeflate(b *testing.B) {
	for _, size := range []int{256, 1 << 10, 4 << 10, 64 << 10} {
		text := telemetry(size)
		d := deflater{least: 1, most: 1 << 20}
		packed := d.compress(text)
		m := message{frames: Frame(Final|OpBytes, packed), size: len(packed)}
		b.Run(fmt.Sprint("compress/", size), func(b *testing.B) {
			b.ReportMetric(float64(len(packed))/float64(size), "ratio")
			for b.Loop() {
				d.compress(text)
			}
		})
		b.Run(fmt.Sprint("inflate/", size), func(b *testing.B) {
			for b.Loop() {
				d.inflate(&m, 1<<20)
			}
		})
	}
}

// Compressing a message allocates nothing once its memory is there.
func TestCompressAllocatesNothing(t *testing.T) {
	d := deflater{least: 1, most: 1 << 20}
	text := []byte(strings.Repeat("a message to everybody ", 40))
	frame := Frame(Final|OpBytes, deflated(t, text))
	m := message{op: ws.OpBinary, frames: frame, size: len(frame) - 6}
	if n := testing.AllocsPerRun(100, func() { d.compress(text); d.inflate(&m, 1<<16) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
