package main

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here are raw: a client process has one goroutine, so the runtime
// need not hear when it is in the kernel.

// ipBindAddressNoPort makes bind take the address only; connect chooses the
// port, which need then be free for that server alone.
const ipBindAddressNoPort = 24

func readSocket(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return int(n), errno
}

func writeSocket(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func closeSocket(fd int32) {
	unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

func setOption(fd int32, level, option, value int32) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&value)), 4, 0)
	return errno
}

// lingerNone makes the next close a reset.
func lingerNone(fd int32) {
	linger := unix.Linger{Onoff: 1}
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&linger)), unsafe.Sizeof(linger), 0)
}

// socketError takes the error that a connect ended with.
func socketError(fd int32) unix.Errno {
	value, size := int32(0), uint32(4)
	unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR, uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&size)), 0)
	return unix.Errno(value)
}

// rawAddress is an IPv4 address and port as the kernel takes it.
func rawAddress(a netip.AddrPort) unix.RawSockaddrInet4 {
	raw := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], a.Port())
	return raw
}

// dial begins a connection; EINPROGRESS is not an error. step names the call
// that failed.
func dial(from, to *unix.RawSockaddrInet4) (fd int32, step string, errno unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, "socket", errno
	}
	fd = int32(n)
	setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	setOption(fd, unix.IPPROTO_IP, ipBindAddressNoPort, 1)
	_, _, errno = unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(from)), unsafe.Sizeof(*from))
	if errno != 0 {
		closeSocket(fd)
		return -1, "bind", errno
	}
	_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	if errno != 0 && errno != unix.EINPROGRESS {
		closeSocket(fd)
		return -1, "connect", errno
	}
	return fd, "", 0
}

// watch adds fd to an epoll set, edge-triggered; its events carry token and
// generation.
func watch(epoll int, fd int32, events uint32, token, generation int32) unix.Errno {
	event := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: token, Pad: generation}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

// waitEvents fills events; timeout is in ms, -1 for ever.
func waitEvents(epoll int, events []unix.EpollEvent, timeout int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(timeout), 0, 0)
	return int(n), errno
}
