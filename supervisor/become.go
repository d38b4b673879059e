package supervisor

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// become has this process go on as another binary. Signals that come while
// there is nobody to act on them wait for it: they are blocked, which an exec
// leaves as it is, until it asks for them. It returns only what went wrong.
// variable is added to its environment.
func become(path, variable string, signals <-chan os.Signal) error {
	runtime.LockOSThread() // what is blocked, and what waits, is this thread's
	defer runtime.UnlockOSThread()
	var block, before unix.Sigset_t
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU} {
		block.Val[(s-1)/64] |= 1 << ((s - 1) % 64)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &before); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	for came := true; came; {
		select {
		case s := <-signals:
			unix.Tgkill(os.Getpid(), unix.Gettid(), s.(syscall.Signal))
		default:
			came = false
		}
	}
	return fmt.Errorf("become %s: %w", path, unix.Exec(path, os.Args, append(os.Environ(), variable)))
}
