package main

import (
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// With -pin, servers and clients keep out of each other's way.
const (
	serverCPU = 0
	clientCPU = 1
)

// start starts a command, on one CPU if we pin. The thread is main's own: what
// it starts inherits its CPUs.
func (b *bench) start(command *exec.Cmd, cpu int) error {
	if !b.pin {
		return command.Start()
	}
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("sched_setaffinity: pin %s to CPU %d: %w; leave out -pin", command.Path, cpu, err)
	}
	defer unix.SchedSetaffinity(0, &all)
	return command.Start()
}
