package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processVariable tells a copy of this program which client process it is.
const processVariable = "LOADGEN_PROCESS"

// A crowd is the client processes of a run, as the coordinator holds them.
type crowd struct {
	plan    plan
	shared  *shared
	clients []*exec.Cmd
	orders  []io.WriteCloser
	words   chan word
}

// newCrowd starts the client processes; they open nothing yet.
func newCrowd(ctx context.Context, p plan) (*crowd, error) {
	c := &crowd{plan: p, words: make(chan word, 4*p.Processes)}
	var err error
	if c.shared, err = newShared(p); err != nil {
		return nil, err
	}
	files := []*os.File{c.shared.file}
	for range p.Processes {
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("eventfd for a client process: %v", err)
		}
		files = append(files, os.NewFile(uintptr(fd), "wake"))
	}
	for i := range p.Processes {
		if err := c.startClient(ctx, i, files); err != nil {
			c.dismiss()
			return nil, err
		}
	}
	return c, nil
}

// startClient starts client process i: without preemption and, short of 2 GiB,
// without garbage collection, neither of which a loop on one goroutine needs.
func (c *crowd) startClient(ctx context.Context, i int, files []*os.File) error {
	client := exec.CommandContext(ctx, "/proc/self/exe")
	client.Env = append(os.Environ(), processVariable+"="+strconv.Itoa(i),
		"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMEMLIMIT=2GiB")
	client.ExtraFiles = files
	client.Stderr = os.Stderr
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := client.StdinPipe()
	if err != nil {
		return fmt.Errorf("client process %d: %v", i, err)
	}
	out, err := client.StdoutPipe()
	if err != nil {
		return fmt.Errorf("client process %d: %v", i, err)
	}
	if err := client.Start(); err != nil {
		return fmt.Errorf("start client process %d: %v", i, err)
	}
	c.clients = append(c.clients, client)
	c.orders = append(c.orders, in)
	go c.listen(i, out)
	return c.send(i, c.plan)
}

// listen passes on what a client process says, and that it ended.
func (c *crowd) listen(i int, out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			c.words <- word{Said: "failed", Error: fmt.Sprintf("client process %d ended before its work", i)}
			return
		}
		var w word
		if err := json.Unmarshal(line, &w); err != nil {
			w = word{Said: "failed", Error: fmt.Sprintf("client process %d said %q: %v", i, line, err)}
		}
		c.words <- w
	}
}

func (c *crowd) send(i int, line any) error {
	b, err := json.Marshal(line)
	if err == nil {
		_, err = c.orders[i].Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("tell client process %d: %v", i, err)
	}
	return nil
}

// tell gives all client processes an order.
func (c *crowd) tell(o order) error {
	for i := range c.clients {
		if err := c.send(i, o); err != nil {
			return err
		}
	}
	return nil
}

// await collects one word of each client process. It gives up when one fails,
// or when nothing has progressed for the time of patience.
func (c *crowd) await(ctx context.Context, said string) ([]word, error) {
	var words []word
	last, since := c.shared.totals(), time.Now()
	for len(words) < len(c.clients) {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case w := <-c.words:
			if w.Said != said {
				return nil, c.failure(w)
			}
			words = append(words, w)
		case <-time.After(100 * time.Millisecond):
			if t := c.shared.totals(); t != last {
				last, since = t, time.Now()
			}
			if time.Since(since) > patience {
				return nil, fmt.Errorf("no progress for %v: %s", patience, c.state())
			}
		}
	}
	return words, nil
}

// state says how far the run is.
func (c *crowd) state() string {
	t := c.shared.totals()
	return fmt.Sprintf("%d of %d sockets open, %d deliveries heard, %d still owed", t.open, c.plan.sockets(), t.deliveries, c.shared.owed())
}

func (c *crowd) failure(w word) error {
	if w.Said != "failed" {
		return fmt.Errorf("a client process said %q out of turn", w.Said)
	}
	return fmt.Errorf("%s (%s)", w.Error, c.state())
}

// sleepUntil waits for a time, CLOCK_MONOTONIC ns, unless a client process
// fails before.
func (c *crowd) sleepUntil(ctx context.Context, t int64) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case w := <-c.words:
		return c.failure(w)
	case <-time.After(time.Duration(t - now())):
		return nil
	}
}

// drain waits until everything owed was heard and every handshake is over.
// What is not is left for the reports to name.
func (c *crowd) drain(ctx context.Context) error {
	last, since := c.unfinished(), time.Now()
	for last > 0 && time.Since(since) < patience {
		if err := c.sleepUntil(ctx, now()+int64(5*time.Millisecond)); err != nil {
			return err
		}
		if left := c.unfinished(); left != last {
			last, since = left, time.Now()
		}
	}
	return nil
}

// unfinished is how many deliveries and handshakes are under way.
func (c *crowd) unfinished() uint64 { return c.shared.owed() + c.shared.totals().underway }

// cpu is the CPU time of the client processes so far, in ns.
func (c *crowd) cpu() int64 {
	total := int64(0)
	for _, client := range c.clients {
		ns, _ := processCPU(client.Process.Pid)
		total += ns
	}
	return total
}

// dismiss ends the client processes, and with them their sockets.
func (c *crowd) dismiss() {
	for _, in := range c.orders {
		in.Close()
	}
	for _, client := range c.clients {
		end := time.AfterFunc(2*time.Second, func() { client.Process.Kill() })
		client.Wait()
		end.Stop()
	}
}
