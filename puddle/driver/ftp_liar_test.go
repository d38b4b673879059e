package driver

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// liar is an FTP server that answers as a test says, to each verb; "" is no
// answer at all. What it sends as data is the test's too.
type liar struct {
	answers map[string]string
	data    []byte
	passive string // what EPSV and PASV are answered instead
	pause   time.Duration
}

func (l *liar) start(t *testing.T) (address string) {
	control, err := net.Listen("tcp", "127.0.0.1:0")
	Check(t, err)
	t.Cleanup(func() { control.Close() })
	go func() {
		for {
			c, err := control.Accept()
			if err != nil {
				return
			}
			go l.serve(c)
		}
	}()
	return control.Addr().String()
}

func (l *liar) serve(c net.Conn) {
	defer c.Close()
	say := func(text string) { fmt.Fprint(c, text+"\r\n") }
	greeting, said := l.answers["greeting"]
	if !said {
		greeting = "220 hello"
	}
	if greeting == "" {
		time.Sleep(l.pause)
		return
	}
	say(greeting)
	var data net.Listener
	for in := bufio.NewScanner(c); in.Scan(); {
		verb, _, _ := strings.Cut(in.Text(), " ")
		if answer, said := l.answers[verb]; said {
			if answer == "" {
				time.Sleep(l.pause)
				return
			}
			say(answer)
			continue
		}
		switch verb {
		case "USER":
			say("331 and your password")
		case "PASS":
			say("230 come in")
		case "EPSV":
			if l.passive != "" {
				say("502 no")
				continue
			}
			data, _ = net.Listen("tcp", "127.0.0.1:0")
			defer data.Close()
			say(fmt.Sprintf("229 here (|||%d|)", data.Addr().(*net.TCPAddr).Port))
		case "PASV":
			say(l.passive)
		case "SIZE":
			say("213 5")
		case "RETR":
			say("150 here it comes")
			if d, err := data.Accept(); err == nil {
				d.Write(l.data)
				d.Close()
			}
			say("226 that was it")
		case "TYPE", "OPTS", "CWD":
			say("200 as you like")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

// Whatever a server does, who asked hears of it soon, no more is held than may
// be, and the driver is of use afterwards.
func TestFTPServersThatLie(t *testing.T) {
	for _, c := range []struct {
		name string
		liar liar
		most int
		want string
	}{
		{"honest", liar{data: []byte("hello")}, 100, "hello"},
		{"says nothing", liar{answers: map[string]string{"greeting": ""}, pause: 3 * time.Second}, 100, `{"error":"unavailable"}`},
		{"is full", liar{answers: map[string]string{"greeting": "421 come back later"}}, 100, `{"error":"unavailable"}`},
		{"refuses the login", liar{answers: map[string]string{"PASS": "530 no, and your password was: secret"}}, 100, `{"error":"unavailable"}`},
		{"stalls at the login", liar{answers: map[string]string{"PASS": ""}, pause: 3 * time.Second}, 100, `{"error":"unavailable"}`},
		{"speaks another protocol", liar{answers: map[string]string{"greeting": "SSH-2.0-OpenSSH_9.2"}}, 100, `{"error":"unavailable"}`},
		{"never ends a line", liar{answers: map[string]string{"greeting": strings.Repeat("2", 1<<20)}}, 100, `{"error":"unavailable"}`},
		{"sends less than it says", liar{data: []byte("hel")}, 100, `{"error":"unavailable"}`},
		{"sends more than it says", liar{data: bytes.Repeat([]byte("hello"), 1000)}, 100, `{"error":"too-large"}`},
		{"sends more than all", liar{data: bytes.Repeat([]byte("hello"), 1<<20), answers: map[string]string{"SIZE": "502 no"}}, 1 << 20, `{"error":"too-large"}`},
		{"says a size that is none", liar{data: []byte("hello"), answers: map[string]string{"SIZE": "213 -5"}}, 100, "hello"},
		{"sends elsewhere", liar{data: []byte("hello"), passive: "227 there (169,254,169,254,0,80)"}, 100, `{"error":"unavailable"}`},
		{"sends to a private net", liar{data: []byte("hello"), passive: "227 there (10,0,0,1,0,80)"}, 100, `{"error":"unavailable"}`},
		{"stalls before the data", liar{answers: map[string]string{"RETR": ""}, pause: 3 * time.Second}, 100, `{"error":"unavailable"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := memberOf(t, fmt.Sprintf(`{"kind":"ftp","address":%q,"tls":false,"timeout":1,"password":"secret"}`, c.liar.start(t)))
			m.most = c.most
			begun := time.Now()
			answer := m.say("GET file")
			defer answer.Release()
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if answer.Refused != nil && strings.Contains(answer.Refused.Message, "secret") {
				t.Errorf("it tells the password: %s", answer.Refused.Message)
			}
			if !strings.HasPrefix(c.want, "{") {
				if string(answer.Bytes) != c.want {
					t.Errorf("%q, %v", answer.Bytes, answer.Refused)
				}
				return
			}
			m.hears(answer, c.want)
		})
	}
}
