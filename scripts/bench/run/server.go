package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const root = "../.." // of the project, from scripts/bench

// build makes the three programs.
func (b *bench) build(ctx context.Context) error {
	for _, p := range []struct{ dir, pkg, name string }{
		{root, "./cmd/porthouse", "porthouse"},
		{root, "./scripts/loadgen", "loadgen"},
		{".", "./gorilla", "gorilla"},
	} {
		command := exec.CommandContext(ctx, "go", "build", "-o", b.path(p.name), p.pkg)
		command.Dir = p.dir
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", p.pkg, err, out)
		}
	}
	return nil
}

// server is how one of the servers is started on an address.
type server func(address, folder string) *exec.Cmd

func (b *bench) porthouse(s scenario) server {
	puddles := b.puddles
	if s.puddles > 0 {
		puddles = s.puddles
	}
	return func(address, folder string) *exec.Cmd {
		return exec.Command(b.path("porthouse"), "up", "--open", "--listen", address, "--admin", "off",
			"--puddles", strconv.Itoa(puddles), "--data", folder)
	}
}

func (b *bench) gorilla() server {
	return func(address, _ string) *exec.Cmd { return exec.Command(b.path("gorilla"), "-listen", address) }
}

// load starts a server, does the scenario's work with it, and ends it.
func (b *bench) load(ctx context.Context, s scenario, start server) (result load, err error) {
	address, err := freeAddress()
	if err != nil {
		return result, err
	}
	folder, err := os.MkdirTemp(b.built, "data-")
	if err != nil {
		return result, err
	}
	var said bytes.Buffer
	command := start(address, folder)
	command.Stderr = &said
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		return result, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	defer end(command, ended)
	if err := awaitReady(ctx, address, ended); err != nil {
		return result, fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	flags := append([]string{"-json", "-url", "ws://" + address, "-pid", strconv.Itoa(command.Process.Pid), "-tree",
		"-duration", b.duration.String()}, s.flags...)
	out, err := exec.CommandContext(ctx, b.path("loadgen"), flags...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s%s", err, out, exit.Stderr)
		}
		return result, err
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("the load generator said %q: %w", out, err)
	}
	return result, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func awaitReady(ctx context.Context, address string, ended <-chan error) error {
	for range 200 {
		if answer, err := http.Get("http://" + address + "/-/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %v", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("the server is not ready after 10 s")
}

func end(command *exec.Cmd, ended <-chan error) {
	command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		command.Process.Kill()
		<-ended
	}
}
