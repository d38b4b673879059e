package main

import (
	"slices"
	"strconv"
	"testing"
)

// scripts are what each server says to a member of room bench-0, frame by
// frame; \x00 stands for a delivery.
var scripts = map[string]struct {
	frames []string
	want   []meaning
}{
	speakCentrifuge: {
		[]string{`{"id":1,"connect":{"client":"x"}}` + "\n" + `{"id":2,"subscribe":{}}`, "\x00\n\x00", "{}", `{"id":3,"publish":{}}`, `{"id":2,"error":{"code":103}}`},
		[]meaning{aside, inRoom, delivery, delivery, alive, aside, failure},
	},
	speakNATS: {
		[]string{"INFO {}\r\n", "PONG\r\n\x00", "\x00\x00", "PING\r\n", "-ERR 'no'\r\n"},
		[]meaning{aside, inRoom, delivery, delivery, delivery, alive, failure},
	},
	speakNchan: {
		[]string{"\x00", "queued messages: 1\r\nlast requested: 0 sec. ago", "\x00"},
		[]meaning{delivery, aside, delivery},
	},
}

// played is what a script's frame says, of messages that number themselves.
func played(d *dialect, text string, number *uint32) (frame []byte) {
	heard := d.hears("bench-0", 64)
	for i := range len(text) {
		if text[i] != 0 {
			frame = append(frame, text[i])
			continue
		}
		body := heard.blank()
		heard.write(body[len(heard.before):], message{number: *number}, 7)
		*number++
		frame = append(frame, body...)
	}
	return frame
}

func TestDialectsTakeFramesApart(t *testing.T) {
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			d, number, heard := dialects[name], uint32(0), uint32(0)
			form := d.hears("bench-0", 64)
			var got []meaning
			for _, text := range script.frames {
				for b := played(d, text, &number); len(b) > 0; {
					n := d.next(b)
					if n == 0 {
						t.Fatalf("%q is taken for a part", b)
					}
					what, body := d.means(b[:n])
					got = append(got, what)
					if what == delivery {
						m, ok := form.read(body, 7)
						if !ok || m.number != heard {
							t.Fatalf("%q: number %d, %v; want %d", body, m.number, ok, heard)
						}
						heard++
					}
					b = b[n:]
				}
			}
			if !slices.Equal(got, script.want) || heard != number {
				t.Errorf("understood %v, want %v; %d of %d messages", got, script.want, heard, number)
			}
		})
	}
}

func TestAChangedDeliveryIsNoMessage(t *testing.T) {
	for name, d := range dialects {
		form := d.hears("bench-0", 100)
		body := form.blank()
		form.write(body[len(form.before):], message{number: 3}, 7)
		for at := range body {
			body[at] ^= 1
			m, ok := form.read(body, 7)
			if what, _ := d.means(body); what == delivery && ok && m == (message{number: 3}) {
				t.Errorf("%s: byte %d changed, and taken: %q", name, at, body)
			}
			body[at] ^= 1
		}
	}
}

func TestAPartOfANATSMessageWaits(t *testing.T) {
	d, number := dialects[speakNATS], uint32(0)
	whole := played(d, "\x00", &number)
	for n := range whole {
		if got := d.next(whole[:n]); got != 0 {
			t.Errorf("the first %d of %d bytes are taken for %d", n, len(whole), got)
		}
	}
	if got := d.next(append(whole, whole...)); got != len(whole) {
		t.Errorf("took %d of two messages, want %d", got, len(whole))
	}
}

func TestWhoEchoesOwesTheSenderToo(t *testing.T) {
	for name, want := range map[string]int{speakCentrifuge: 10, speakNATS: 9, speakNchan: 10, speakRaw: 9} {
		p := plan{Members: 10}
		if err := p.speaks(name); err != nil || p.hearers() != want {
			t.Errorf("%s: %d hear, want %d; %v", name, p.hearers(), want, err)
		}
	}
	if err := new(plan).speaks(speakRaw + "," + speakNATS); err == nil {
		t.Error("a room of two servers' sockets is allowed: " + strconv.Quote(speakNATS))
	}
}
