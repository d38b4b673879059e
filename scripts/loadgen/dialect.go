package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// Servers that Porthouse is held against, as -speak names them.
const (
	speakCentrifuge = "centrifuge"
	speakNATS       = "nats"
	speakNchan      = "nchan"
)

// A meaning is what a server says with one utterance.
type meaning uint8

const (
	delivery meaning = iota // a message of a room
	inRoom                  // the socket is in its room from here on
	aside                   // a receipt, a greeting: nothing to do
	alive                   // wants the dialect's pong
	failure                 // anything else, an error among it
)

// A dialect is how rooms are spoken of with a server that is not Porthouse.
type dialect struct {
	path   string                   // of every room; "" is the room's own name
	enter  func(room string) []byte // what is said after the 101; nil: the 101 is enough
	opcode byte                     // of what is said
	pong   []byte
	echoes bool // a sender hears itself, which counts as a delivery

	says, hears func(room string, size int) form
	// next says how long the first utterance of b is; 0 when b does not hold
	// all of it. Utterances may share a frame.
	next func(b []byte) int
	// means tells what an utterance is, and its part that hears is the form of.
	means func(b []byte) (meaning, []byte)
}

var dialects = map[string]*dialect{
	speakCentrifuge: {
		path: "/connection/websocket", opcode: opText, pong: []byte("{}"), echoes: true,
		enter: func(room string) []byte {
			return []byte(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"` + room + `"}}`)
		},
		says: func(room string, size int) form {
			return wrapped(`{"id":3,"publish":{"channel":"`+room+`","data":`, size, `}}`)
		},
		hears: func(room string, size int) form {
			return wrapped(`{"push":{"channel":"`+room+`","pub":{"data":`, size, `}}}`)
		},
		next: nextLine, means: meansCentrifuge,
	},
	speakNATS: {
		path: "/", opcode: opBinary, pong: []byte("PONG\r\n"),
		enter: func(room string) []byte {
			return []byte(`CONNECT {"verbose":false,"pedantic":false,"echo":false,"lang":"loadgen","version":"1","protocol":1}` +
				"\r\nSUB " + room + " 1\r\nPING\r\n")
		},
		says: func(room string, size int) form {
			f := wrapped("PUB "+room+" "+strconv.Itoa(size)+"\r\n", size, "\r\n")
			f.opcode = opBinary
			return f
		},
		hears: func(room string, size int) form {
			f := wrapped("MSG "+room+" 1 "+strconv.Itoa(size)+"\r\n", size, "\r\n")
			f.opcode = opBinary
			return f
		},
		next: nextNATS, means: meansNATS,
	},
	speakNchan: {
		opcode: opText, echoes: true,
		says:  func(_ string, size int) form { return valueForm(size) },
		hears: func(_ string, size int) form { return valueForm(size) },
		next:  func(b []byte) int { return len(b) }, means: meansNchan,
	},
}

// wrapped is the form of JSON values of size bytes between two texts.
func wrapped(before string, size int, after string) form {
	f := valueForm(size)
	f.before = append([]byte(before), f.before...)
	f.after = append(f.after, after...)
	return f
}

// nextLine takes lines of which the last of a frame has no end.
func nextLine(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func meansCentrifuge(b []byte) (meaning, []byte) {
	b = bytes.TrimSuffix(b, []byte("\n"))
	switch {
	case bytes.HasPrefix(b, []byte(`{"push":`)):
		return delivery, b
	case bytes.HasPrefix(b, []byte(`{"id":3,"publish":`)), bytes.HasPrefix(b, []byte(`{"id":1,"connect":`)):
		return aside, nil
	case bytes.HasPrefix(b, []byte(`{"id":2,"subscribe":`)):
		return inRoom, nil
	case string(b) == "{}":
		return alive, nil
	}
	return failure, nil
}

// nextNATS takes a line, and after that of a message its body: the line's last
// word is how long it is.
func nextNATS(b []byte) int {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return 0
	}
	line, whole := b[:end], end+2
	if bytes.HasPrefix(line, []byte("MSG ")) {
		size, err := strconv.Atoi(string(line[bytes.LastIndexByte(line, ' ')+1:]))
		if err != nil || size < 0 {
			return whole // which is no message of ours, and told so
		}
		whole += size + 2
	}
	if len(b) < whole {
		return 0
	}
	return whole
}

func meansNATS(b []byte) (meaning, []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("MSG ")):
		return delivery, b
	case bytes.HasPrefix(b, []byte("INFO ")):
		return aside, nil
	case string(b) == "PONG\r\n":
		return inRoom, nil
	case string(b) == "PING\r\n":
		return alive, nil
	}
	return failure, nil
}

// meansNchan tells a message from the report on the channel that a publisher
// gets for each of its own.
func meansNchan(b []byte) (meaning, []byte) {
	if bytes.HasPrefix(b, []byte("queued messages: ")) {
		return aside, nil
	}
	return delivery, b
}

// dialect is the one that a socket speaks; nil with Porthouse's protocols.
func (p *process) dialect(s *socket) *dialect { return dialects[p.speaks(s)] }

// enterRoom says after the 101 what leads into the room.
func (p *process) enterRoom(s *socket, d *dialect) {
	body := d.enter(p.plan.roomName(int(s.room)))
	p.scratch = appendFrame(p.scratch[:0], d.opcode, body)
	p.write(s, p.scratch)
}

// hearDialect takes a frame apart into what it says; what is cut off waits for
// the next frame.
func (p *process) hearDialect(s *socket, d *dialect, f frame, at int64) {
	b := f.body
	if len(s.cut) > 0 {
		s.cut = append(s.cut, b...)
		b = s.cut
	}
	for len(b) > 0 && s.state == open {
		n := d.next(b)
		if n == 0 {
			break
		}
		p.utterance(s, d, frame{f.opcode, b[:n]}, at)
		b = b[n:]
	}
	s.cut = append(s.cut[:0], b...)
}

// utterance obeys one of the things that a frame says.
func (p *process) utterance(s *socket, d *dialect, f frame, at int64) {
	what, body := d.means(f.body)
	switch {
	case what == delivery && s.greeted:
		p.traffic.hear(s, frame{f.opcode, body}, at)
	case what == inRoom && !s.greeted:
		s.greeted = true
		p.arrived(s, at)
	case what == alive:
		p.scratch = appendFrame(p.scratch[:0], d.opcode, d.pong)
		p.write(s, p.scratch)
	case what != aside:
		p.fail(fmt.Errorf("member %d of room %d speaks %s and heard %.200q", s.member, s.room, p.speaks(s), f.body))
	}
}
