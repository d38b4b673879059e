package table

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is the only one of the house that turns memory into types. What
// it hands out points into the shared mapping: no Go pointer may be stored
// there, and nothing of it may be used after unmap.

// makeMemory makes an anonymous file of size bytes, sparse until touched.
func makeMemory(name string, size int) (fd int, err error) {
	fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("memfd_create %s: %w", name, err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("ftruncate %s to %d bytes: %w", name, size, err)
	}
	// a mapping beyond the end of its file is SIGBUS
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("seal %s: %w", name, err)
	}
	return fd, nil
}

func mapMemory(fd, size int) ([]byte, error) {
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mmap %d bytes: %w", size, err)
	}
	return mem, nil
}

// forget gives pages back to the kernel; they read as zeros afterwards.
func forget(mem []byte) error {
	if len(mem) == 0 {
		return nil
	}
	return unix.Madvise(mem, unix.MADV_REMOVE)
}

func headerOf(mem []byte) *header { return (*header)(unsafe.Pointer(&mem[0])) }

func socketsOf(mem []byte, n int) []Socket {
	return unsafe.Slice((*Socket)(unsafe.Pointer(&mem[0])), n)
}

func roomsOf(mem []byte, n int) []Room {
	return unsafe.Slice((*Room)(unsafe.Pointer(&mem[0])), n)
}

func recordAt(mem []byte, at uint64) *Record { return (*Record)(unsafe.Pointer(&mem[at])) }

func extentAt(mem []byte, at uint64) *extent { return (*extent)(unsafe.Pointer(&mem[at])) }

const (
	headerSize = int(unsafe.Sizeof(header{}))
	socketSize = int(unsafe.Sizeof(Socket{}))
	roomSize   = int(unsafe.Sizeof(Room{}))
	recordSize = int(unsafe.Sizeof(Record{}))
	extentSize = int(unsafe.Sizeof(extent{}))
)
