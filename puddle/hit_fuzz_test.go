package puddle

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whatever a connection says, it hears whole answers, JSON where they refuse,
// and then its end.
func FuzzTake(f *testing.F) {
	f.Add([]byte(post("", "hello")), uint16(20))
	f.Add([]byte(post("Content-Type: application/x-www-form-urlencoded\r\n", "message=x&to=a")+post("", "y")), uint16(3000))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), uint16(0))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60\r\n\r\n"+
		"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b--\r\n"), uint16(9))
	f.Add([]byte("OPTIONS /a HTTP/1.1\r\nHost: h\r\nOrigin: http://p\r\n\r\nGET /-/host?domain=d HTTP/1.1\r\nHost: h\r\n\r\n"), uint16(50))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\nContent-Length: 2000000\r\n\r\nx"), uint16(1))
	f.Add([]byte("HEAD /-/spaces?token=%zz HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01"), uint16(500))
	td := openDesk(f, func(l *deskLimits) { l.connections, l.plain = 1<<14, true }, func(h hit) {
		if h.done == nil || h.path == "" || h.path[0] != '/' || h.address != testClient || h.basic && !h.offered {
			panic("an impossible hit")
		}
		h.done(hitAnswer{status: 200, json: []byte("{}"), allowOrigin: h.origin != nil})
	})
	f.Fuzz(func(t *testing.T, said []byte, cut uint16) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(pair[1]), "client")
		c, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		at := min(int(cut), len(said))
		if err := td.take(pair[0], said[:at], testClient, false); err != nil {
			t.Fatal(err)
		}
		go func() {
			c.Write(said[at:])
			c.(*net.UnixConn).CloseWrite()
		}()
		hearAnswers(t, c)
	})
}

func hearAnswers(t *testing.T, c net.Conn) {
	var heard strings.Builder
	r := bufio.NewReader(io.TeeReader(c, &heard))
	for {
		if _, err := r.Peek(1); err != nil {
			if os.IsTimeout(err) {
				t.Fatalf("no end; heard %q", heard.String())
			}
			return // the end, or a reset because it did not want the rest
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%v; heard %q", err, heard.String())
		}
		if response.StatusCode == http.StatusContinue || response.StatusCode == http.StatusExpectationFailed {
			continue
		}
		// The answer to a HEAD has a length and no body: another answer, or
		// the end, follows at once.
		if next, _ := r.Peek(5); response.ContentLength > 0 && len(next) > 0 && string(next) != "HTTP/" {
			body, err := io.ReadAll(response.Body)
			if errors.Is(err, unix.ECONNRESET) {
				return
			}
			if err != nil || response.StatusCode >= 400 && (body[0] != '{' || body[len(body)-1] != '\n') {
				t.Fatalf("%s %q %v; heard %q", response.Status, body, err, heard.String())
			}
		}
	}
}
