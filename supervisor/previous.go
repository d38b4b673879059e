package supervisor

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// previousBinaries tells, in its environment, the supervisor that this process
// becomes which binaries served before: "SLOT=DESCRIPTOR SLOT=DESCRIPTOR".
const previousBinaries = "PORTHOUSE_PREVIOUS_BINARIES"

// bequeath leaves the slots' previous binaries open for who this process
// becomes, and says which they are.
func (s *supervisor) bequeath() (variable string) {
	var said []string
	for _, slot := range s.slots {
		b := slot.blame
		if b.previous == nil || b.falls {
			continue
		}
		if _, err := unix.FcntlInt(b.previous.Fd(), unix.F_SETFD, 0); err == nil {
			said = append(said, fmt.Sprintf("%d=%d", slot.number, b.previous.Fd()))
		}
	}
	return previousBinaries + "=" + strings.Join(said, " ")
}

// inheritBinaries takes over what the supervisor that this process was has
// left open.
func (s *supervisor) inheritBinaries() {
	for pair := range strings.FieldsSeq(os.Getenv(previousBinaries)) {
		slot, descriptor, _ := strings.Cut(pair, "=")
		number, wrong := strconv.Atoi(slot)
		fd, err := strconv.Atoi(descriptor)
		if err != nil || wrong != nil || fd <= 2 {
			continue
		}
		file := os.NewFile(uintptr(fd), "the previous binary")
		if number < 0 || number >= len(s.slots) {
			file.Close()
			continue
		}
		unix.CloseOnExec(fd)
		s.slots[number].blame.previous = file
	}
	os.Unsetenv(previousBinaries)
}
