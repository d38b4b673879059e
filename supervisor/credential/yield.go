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
			if err != nil {
				return err
			}
			lowered, err := lower(tid)
			if err != nil && !errors.Is(err, unix.ESRCH) { // that one is gone
				return err
			}
			changed = changed || lowered
		}
	}
	return nil
}

// yieldGroup does the same for the session that this process leads. Where the
// kernel shares time among sessions first (sched_autogroup_enabled), an idle
// thread takes what is its session's, and so from the others in it.
func yieldGroup() {
	if sid, err := unix.Getsid(0); err == nil && sid == os.Getpid() {
		os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(niceMost)), 0) // absent: there are no such shares
	}
}

// lower makes a thread an idle one, or where that is forbidden a nice one,
// and tells whether it was not so before.
func lower(tid int) (lowered bool, err error) {
	now, err := unix.SchedGetAttr(tid, 0)
	if err != nil || now.Policy == unix.SCHED_IDLE {
		return false, err
	}
	if unix.SchedSetAttr(tid, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0) == nil {
		return true, nil
	}
	if now.Nice == niceMost {
		return false, nil
	}
	err = unix.Setpriority(unix.PRIO_PROCESS, tid, niceMost)
	return err == nil, err
}
