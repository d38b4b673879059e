package keeper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// sunPathMost is the longest name that a socket's address has room for.
const sunPathMost = 107

// addressOf is a path as a socket's address, and what to call once it is used.
func addressOf(path string) (*unix.SockaddrUnix, func(), error) {
	if len(path) <= sunPathMost {
		return &unix.SockaddrUnix{Name: path}, func() {}, nil
	}
	folder, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	short := fmt.Sprintf("/proc/self/fd/%d/%s", folder, filepath.Base(path))
	return &unix.SockaddrUnix{Name: short}, func() { unix.Close(folder) }, nil
}

// Listen makes a socket at path that a keeper can accept supervisors on. It
// takes the place of a socket that is there already.
func Listen(path string) (fd int, err error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		os.Remove(path)
	}
	address, done, err := addressOf(path)
	if err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	defer done()
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("listen at %s: %w", path, err)
	}
	err = unix.Fchmod(fd, 0o600) // before bind: the file is made with it
	if err == nil {
		err = unix.Bind(fd, address)
	}
	if err == nil {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("listen at %s: %w", path, err)
	}
	return fd, nil
}

// connect connects to a keeper that listens at path.
func connect(path string, deadline time.Time) (fd int, err error) {
	address, done, err := addressOf(path)
	if err != nil {
		return -1, err
	}
	defer done()
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	for {
		err = unix.Connect(fd, address)
		backlog := errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline)
		if !backlog && !errors.Is(err, unix.EINTR) {
			break
		}
		time.Sleep(retry)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
