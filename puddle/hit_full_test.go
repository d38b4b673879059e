package puddle

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestHitsAtOnce(t *testing.T) {
	const most, all = 1024, 1500
	wait := make(chan struct{})
	td := openDesk(t, func(l *deskLimits) {
		l.connections, l.answerTime = most, time.Minute
	}, func(h hit) {
		go func() {
			<-wait
			h.done(hitAnswer{status: 200, json: []byte("{}")})
		}()
	})
	td.trade("OPTIONS /chat HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") // what a first one opens
	awaitDesk(t, "nobody", td.nobody)
	before := openFiles(t)

	var served, turned, other atomic.Int32
	var clients sync.WaitGroup
	for range all {
		clients.Go(func() {
			switch status, err := knock(td.address); {
			case err == nil && status == 200:
				served.Add(1)
			case err == nil && status == 503:
				turned.Add(1)
			default:
				other.Add(1)
				t.Log(status, err)
			}
		})
	}
	awaitDesk(t, "all are in or turned away", func() bool { return len(td.asked()) == most && int(turned.Load()) == all-most })
	close(wait)
	clients.Wait()
	if served.Load() != most || turned.Load() != all-most || other.Load() != 0 {
		t.Errorf("%d served, %d turned away, %d neither; want %d, %d, 0", served.Load(), turned.Load(), other.Load(), most, all-most)
	}
	awaitDesk(t, "no descriptor left", func() bool { return td.nobody() && openFiles(t) <= before })
}

// knock is a POST on a connection of its own.
func knock(address string) (status int, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, post("Connection: close\r\n", "x")); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
	if status == http.StatusServiceUnavailable && !strings.Contains(string(answer), "\r\nRetry-After: 1\r\n") {
		return status, errors.New("no Retry-After")
	}
	return status, err
}

func TestDeskIsFull(t *testing.T) {
	wait := make(chan struct{})
	td := openDesk(t, func(l *deskLimits) { l.connections = 1 }, func(h hit) {
		go func() {
			<-wait
			h.done(hitAnswer{status: 200})
		}()
	})
	first := td.dial()
	first.say(post("", "x"))
	if err := <-td.errors; err != nil {
		t.Fatal(err)
	}
	response, body := td.trade(post("", "x"))
	if response.StatusCode != 503 || response.Header.Get("Retry-After") != "1" || !response.Close || !strings.HasSuffix(body, "}\n") {
		t.Errorf("%s %s", response.Status, body)
	}
	if err := <-td.errors; !errors.Is(err, errDeskFull) {
		t.Error(err)
	}
	close(wait)
	if response, _ := first.hear("POST"); !response.Close {
		t.Error("a crowded desk keeps connections")
	}
	awaitDesk(t, "nobody", td.nobody)
	if response, _ := td.trade(post("", "x")); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}

func TestTakeNoSocket(t *testing.T) {
	td := openDesk(t, nil, nil)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	if err := td.take(pipe[0], nil, testClient, false); err == nil {
		t.Error("a pipe was taken")
	}
	if _, err := unix.FcntlInt(uintptr(pipe[0]), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Error("the descriptor was left open:", err)
	}
	if !td.nobody() {
		t.Error("its place is still taken")
	}
}
