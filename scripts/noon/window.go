package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// windowDescriptor is where a client process finds the window, after the
// standard ones.
const windowDescriptor = 3

// A window says which action is going on, 0 between actions, in memory that
// all processes of the run share.
type window struct{ action *atomic.Uint32 }

func newWindow() (window, *os.File, error) {
	fd, err := unix.MemfdCreate("window", unix.MFD_CLOEXEC)
	if err != nil {
		return window{}, nil, fmt.Errorf("memfd_create: %v", err)
	}
	file := os.NewFile(uintptr(fd), "window")
	if err := file.Truncate(4096); err != nil {
		return window{}, nil, err
	}
	w, err := openWindow(fd)
	return w, file, err
}

func openWindow(fd int) (window, error) {
	page, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return window{}, fmt.Errorf("mmap of the window: %v", err)
	}
	return window{(*atomic.Uint32)(unsafe.Pointer(&page[0]))}, nil
}

func (w window) open(action uint32) { w.action.Store(action) }
func (w window) close()             { w.action.Store(0) }
func (w window) now() uint32        { return w.action.Load() }
