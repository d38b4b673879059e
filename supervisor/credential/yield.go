package credential

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceMost is the lowest priority among processes that are not idle ones.
const niceMost = 19

// yield makes each thread of this process one that runs when nobody else wants
// to. A thread is born like its maker, so it is over once a look at all of
// them finds nothing to change.
func yield() error {
	for changed := true; changed; {
		changed = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || yields(tid) {
				continue
			}
			if err := lower(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			changed = true
		}
	}
	return nil
}

// yields tells whether a thread does so, or is gone.
func yields(tid int) bool {
	attr, err := unix.SchedGetAttr(tid, 0)
	return err != nil || attr.Policy == unix.SCHED_IDLE || attr.Nice == niceMost
}

// lower makes a thread an idle one, or at least a nice one.
func lower(tid int) error {
	err := unix.SchedSetAttr(tid, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0)
	if err != nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, tid, niceMost)
	}
	return err
}
