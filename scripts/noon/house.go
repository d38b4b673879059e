package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	commandTime = 2 * time.Minute
	readyTime   = 30 * time.Second
	leakTime    = 5 * time.Second // for the last process to end after a stop
)

// A house is what is put to the test: one of our own in a folder of its own,
// running from its own copy of the binary, or one that is up already.
type house struct {
	binary  string // that commands are given with
	newer   string // what an upgrade puts in its place; own house only
	data    string
	address netip.AddrPort
	folder  string // "": not our own
	puddles int
	args    []string // more for porthouse up
	log     *os.File
}

// openHouse starts a house of our own.
func openHouse(ctx context.Context, binary, newer string, puddles int, args []string) (*house, error) {
	folder, err := os.MkdirTemp("", "noon-")
	if err != nil {
		return nil, err
	}
	h := &house{binary: folder + "/porthouse", newer: newer, data: folder + "/data", folder: folder, puddles: puddles, args: args, address: anyPort}
	if err := copyFile(binary, h.binary); err != nil {
		return nil, fmt.Errorf("copy the binary: %v", err)
	}
	if h.log, err = os.Create(folder + "/log"); err != nil {
		return nil, err
	}
	return h, h.up(ctx)
}

// up starts the house, for the first time or again, and waits until it serves.
func (h *house) up(ctx context.Context) error {
	args := append([]string{"up", "--open", "--listen", h.address.String(), "--admin", "off",
		"--puddles", strconv.Itoa(h.puddles), "--data", h.data}, h.args...)
	c := exec.Command(h.binary, args...)
	c.Stdout, c.Stderr = h.log, h.log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches noon alone
	if err := c.Start(); err != nil {
		return err
	}
	go c.Wait()
	s, err := h.serving(ctx)
	if err != nil {
		return err
	}
	if len(s.Listen) == 0 {
		return errors.New("the house does not say where it listens")
	}
	h.address = s.Listen[0] // the port it got, and keeps when it starts again
	return nil
}

// anyPort is one of loopback that the kernel chooses.
var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// A status is what porthouse status says, as far as it is needed.
type status struct {
	PID     int              `json:"pid"`
	State   string           `json:"state"`
	Listen  []netip.AddrPort `json:"listen"`
	Puddles []struct {
		Slot  int    `json:"slot"`
		PID   int    `json:"pid"`
		State string `json:"state"`
	} `json:"puddles"`
}

func (s *status) serving() bool {
	for _, p := range s.Puddles {
		if p.State != "serving" {
			return false
		}
	}
	return s.State == "up" && len(s.Puddles) > 0
}

// serving waits until all puddles serve.
func (h *house) serving(ctx context.Context) (*status, error) {
	for limit := time.Now().Add(readyTime); ; {
		out, err := h.command(ctx, "status", "--json")
		s := &status{}
		if err == nil {
			err = json.Unmarshal(out, s)
		}
		if err == nil && s.serving() {
			return s, nil
		}
		if time.Now().After(limit) || ctx.Err() != nil {
			return nil, fmt.Errorf("the house did not come to serve within %v: %v %s%s", readyTime, err, out, h.lastLog())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// command gives the house a command. What it says is in the error where it
// fails.
func (h *house) command(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, h.binary, append(args, "--data", h.data)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	switch said := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return out, nil
	case strings.Contains(said, "no command"):
		return nil, fmt.Errorf("this porthouse has no command %q yet (%s)", args[0], said)
	default:
		return nil, fmt.Errorf("porthouse %s: %v: %s %s", strings.Join(args, " "), err, said, bytes.TrimSpace(out))
	}
}

// replaceBinary puts the newer binary in the place of the house's own.
func (h *house) replaceBinary() error {
	if h.folder == "" {
		return nil // whoever runs it does that
	}
	if err := copyFile(h.newer, h.binary+".new"); err != nil {
		return err
	}
	return os.Rename(h.binary+".new", h.binary)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// stop stops a house of our own, and counts what is left of it.
func (h *house) stop(ctx context.Context) (leaked []process, err error) {
	_, err = h.command(ctx, "stop")
	for limit := time.Now().Add(leakTime); ; time.Sleep(20 * time.Millisecond) {
		if leaked = processesIn(h.folder); len(leaked) == 0 || time.Now().After(limit) {
			return leaked, err
		}
	}
}

// clear ends what is left and removes the folder.
func (h *house) clear(keep bool) {
	if h.folder == "" {
		return
	}
	for _, p := range processesIn(h.folder) {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	h.log.Close()
	if !keep {
		os.RemoveAll(h.folder)
	}
}

// lastLog is the end of what the house said.
func (h *house) lastLog() string {
	if h.folder == "" {
		return ""
	}
	b, _ := os.ReadFile(filepath.Join(h.folder, "log"))
	return "\n" + string(b[max(0, len(b)-2000):])
}
