package puddle

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/table"
)

// The calls of the hot path, made without a word to Go's scheduler: none of
// them blocks, since every descriptor of the loop is non-blocking.

func point() {
	if table.Point != nil {
		table.Point()
	}
}

func receive(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			point()
			return int(n), errno
		}
	}
}

func send(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			point()
			return int(n), errno
		}
	}
}

// sendAll sends several pieces with one call.
func sendAll(fd int32, header *unix.Msghdr, pieces []unix.Iovec) (int, syscall.Errno) {
	header.Iov = &pieces[0]
	header.SetIovlen(len(pieces))
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno != unix.EINTR {
			point()
			return int(n), errno
		}
	}
}

func pieceOf(b []byte) unix.Iovec {
	piece := unix.Iovec{Base: &b[0]}
	piece.SetLen(len(b))
	return piece
}

// wait fills events with what the set has ready now.
func wait(set int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(set), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR: the set stays ready
	}
	return int(n)
}
