package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Clients are client processes, as the one that started them holds them.
type clients struct {
	processes []*exec.Cmd
	orders    []io.WriteCloser
	words     chan word
}

// startClients starts a process for each plan.
func startClients(ctx context.Context, plans []plan, page *os.File) (*clients, error) {
	c := &clients{words: make(chan word, 4*len(plans))}
	for _, p := range plans {
		if err := c.start(ctx, p, page); err != nil {
			c.dismiss()
			return nil, fmt.Errorf("start a client process: %v", err)
		}
	}
	return c, nil
}

func (c *clients) start(ctx context.Context, p plan, page *os.File) error {
	client := exec.CommandContext(ctx, "/proc/self/exe")
	client.Env = append(os.Environ(), p.variable(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMEMLIMIT=1GiB")
	client.ExtraFiles = []*os.File{page}
	client.Stderr = os.Stderr
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := client.StdinPipe()
	if err != nil {
		return err
	}
	out, err := client.StdoutPipe()
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	c.processes, c.orders = append(c.processes, client), append(c.orders, in)
	go c.listen(out)
	return nil
}

func (c *clients) listen(out io.Reader) {
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			c.words <- word{Failed: "a client process ended before its work"}
			return
		}
		var w word
		if err := json.Unmarshal(line, &w); err != nil {
			w = word{Failed: fmt.Sprintf("a client process said %.100q: %v", line, err)}
		}
		c.words <- w
	}
}

func (c *clients) tell(order byte) {
	for _, in := range c.orders {
		in.Write([]byte{order}) // who does not take it has ended, and is heard to
	}
}

// await hears a word from each process.
func (c *clients) await(ctx context.Context, patience time.Duration) ([]word, error) {
	late := time.After(patience)
	var words []word
	for len(words) < len(c.processes) {
		select {
		case w := <-c.words:
			if w.Failed != "" {
				return nil, fmt.Errorf("%s", w.Failed)
			}
			words = append(words, w)
		case <-late:
			return nil, fmt.Errorf("%d of %d client processes said nothing for %v", len(c.processes)-len(words), len(c.processes), patience)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return words, nil
}

// reports has the processes finish, and adds up what they counted.
func (c *clients) reports(ctx context.Context, patience time.Duration) (*report, error) {
	c.tell(orderStop)
	words, err := c.await(ctx, patience)
	if err != nil {
		return nil, err
	}
	sum := &report{Actions: map[uint32]*during{}}
	for _, w := range words {
		if w.Report == nil {
			return nil, fmt.Errorf("a client process said something else than its report")
		}
		sum.merge(w.Report)
	}
	return sum, nil
}

func (r *report) merge(other *report) {
	r.Sent += other.Sent
	r.Heard += other.Heard
	r.Unsent += other.Unsent
	r.Closed += other.Closed
	r.Lost += other.Lost
	r.Doubled += other.Doubled
	r.Reordered += other.Reordered
	r.Garbled += other.Garbled
	r.Troubles = append(r.Troubles, other.Troubles...)
	for action, d := range other.Actions {
		if r.Actions[action] == nil {
			r.Actions[action] = &during{}
		}
		r.Actions[action].merge(d)
	}
	r.Storm.merge(&other.Storm)
	r.CPU += other.CPU
	r.Span = max(r.Span, other.Span)
}

func (d *during) merge(other *during) {
	d.Latency.merge(&other.Latency)
	d.Late = max(d.Late, other.Late)
}

// dismiss ends the processes, and with them their sockets.
func (c *clients) dismiss() {
	for _, in := range c.orders {
		in.Close()
	}
	for _, client := range c.processes {
		end := time.AfterFunc(2*time.Second, func() { client.Process.Kill() })
		client.Wait()
		end.Stop()
	}
}

// runClient is the whole life of a client process.
func runClient(p plan) error {
	l, err := newLoop()
	if err != nil {
		return err
	}
	if p.Storm {
		return l.run(newStorm(p, l))
	}
	w, err := openWindow(windowDescriptor)
	if err != nil {
		return err
	}
	return l.run(newCrowd(p, l, w))
}
