package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const root = "../.." // of the project, from scripts/bench

// build makes the load generator and the servers that are measured.
func (b *bench) build(ctx context.Context) error {
	for _, p := range []struct{ dir, pkg, name string }{
		{root, "./scripts/loadgen", "loadgen"},
		{root, "./cmd/porthouse", porthouse},
		{".", "./gorilla", gorilla},
		{".", "./centrifuge", centrifuge},
	} {
		if p.name != "loadgen" && !slices.Contains(b.servers, p.name) {
			continue
		}
		command := exec.CommandContext(ctx, "go", "build", "-o", b.path(p.name), p.pkg)
		command.Dir = p.dir
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", p.pkg, err, out)
		}
	}
	return nil
}

// server is the command that starts one of the servers.
func (b *bench) server(address, folder string, s scenario, side side) (*exec.Cmd, error) {
	if slices.Contains(peers, side.server) {
		return b.peer(side.server, address, folder)
	}
	if side.server == gorilla {
		return exec.Command(b.path(gorilla), append([]string{"-listen", address}, side.up...)...), nil
	}
	puddles := b.puddles
	if s.puddles > 0 {
		puddles = s.puddles
	}
	up := []string{"up", "--open", "--listen", address, "--admin", "off", "--puddles", strconv.Itoa(puddles), "--data", folder}
	return exec.Command(b.path(porthouse), append(up, side.up...)...), nil
}

// load starts a server, does the scenario's work with it in one way, and ends
// it.
func (b *bench) load(ctx context.Context, s scenario, side side) (result load, err error) {
	address, err := freeAddress()
	if err != nil {
		return result, err
	}
	folder, err := b.furnish(ctx, s)
	if err != nil {
		return result, err
	}
	var said bytes.Buffer
	command, err := b.server(address, folder, s, side)
	if err != nil {
		return result, err
	}
	command.Stderr = &said
	command.WaitDelay = endMost // for what outlives it and holds its stderr
	// A session of its own: ^C is for us, who end it in order.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setsid: true}
	if err := b.start(command, serverCPU); err != nil {
		return result, err
	}
	ended := make(chan struct{})
	go func() {
		command.Wait()
		close(ended)
	}()
	defer end(command, ended)
	ready := awaitReady
	if slices.Contains(peers, side.server) {
		ready = awaitListening
	}
	if err := ready(ctx, address, ended); err != nil {
		return result, fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	if s.noon != "" {
		side.flags = slices.Concat(side.flags, []string{"-noon", b.atNoon(s.noon, side.server, command.Process.Pid, folder)})
	}
	common := []string{"-json", "-url", "ws://" + address, "-pid", strconv.Itoa(command.Process.Pid), "-tree"}
	return b.loads(ctx, common, side)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func awaitReady(ctx context.Context, address string, ended <-chan struct{}) error {
	for range 200 {
		if answer, err := http.Get("http://" + address + "/-/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return errors.New("the server ended before it was ready")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("the server is not ready after 10 s")
}

// endMost is how long a process may take to end when told to.
const endMost = 10 * time.Second

// end stops a server and whatever of it is left.
func end(command *exec.Cmd, ended <-chan struct{}) {
	command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(endMost):
		fmt.Fprintf(os.Stderr, "bench: %s did not end within %v of SIGTERM; killed\n", command.Path, endMost)
		command.Process.Kill()
		<-ended
	}
	if n := endOrphans(); n > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d processes of %s outlived it; killed\n", n, command.Path)
	}
}
