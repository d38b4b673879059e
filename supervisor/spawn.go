package supervisor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
)

// PuddleCommand is the hidden subcommand by which the binary becomes a puddle.
const PuddleCommand = "puddle"

// LastWordsDescriptor is where a puddle writes why it ends, if it knows: the
// runtime its panic, the command its error.
const LastWordsDescriptor = ipc.LinkDescriptor + 1

const (
	wordTime      = 5 * time.Second // to take one
	lastWordsMost = 16 << 10
	lastWordsTime = 100 * time.Millisecond
	muteTime      = time.Second // from the end of the link to that of the process
)

// process is a puddle's, from its start until it was waited for.
type process struct {
	slot  int
	pid   int
	cmd   *exec.Cmd
	link  *ipc.Conn
	words *letters
	gone  chan struct{} // closed when it was waited for

	closesAll bool // and ends; ipc.Start.CloseAll
}

// report is what a process did: said something, with descriptors that are the
// reader's, or ended (exit is why), or its link broke.
type report struct {
	from        *process
	word        *ipc.FromPuddle
	descriptors []int
	exit        string
	mute        error
}

// spawn starts a process for a slot; what it does comes as reports until
// leave is closed.
func spawn(executable string, slot int, reports chan<- report, leave <-chan struct{}) (*process, error) {
	ours, theirs, err := ipc.SocketPair()
	if err != nil {
		return nil, err
	}
	link, err := ipc.ConnOf(ours, "link")
	if err != nil {
		unix.Close(theirs)
		return nil, err
	}
	theirEnd := os.NewFile(uintptr(theirs), "link")
	defer theirEnd.Close()
	lastWords, last, err := os.Pipe()
	if err != nil {
		link.Close()
		return nil, err
	}
	defer last.Close()
	p := &process{slot: slot, link: link, words: newLetters(), gone: make(chan struct{})}
	p.cmd = exec.Command(executable, PuddleCommand, strconv.Itoa(slot)) // the number is for ps
	p.cmd.Stdout, p.cmd.Stderr = os.Stderr, os.Stderr
	p.cmd.ExtraFiles = []*os.File{theirEnd, last}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches the supervisor alone
	if err := p.cmd.Start(); err != nil {
		link.Close()
		lastWords.Close()
		return nil, fmt.Errorf("start a puddle: %w", err)
	}
	p.pid = p.cmd.Process.Pid
	tell := func(r report) {
		select {
		case reports <- r:
		case <-leave:
			closeDescriptors(r.descriptors)
		}
	}
	go p.write(tell)
	go p.read(tell)
	go p.wait(lastWords, tell)
	return p, nil
}

// wait is how the end of a process is noticed; the link may end before or
// after.
func (p *process) wait(lastWords *os.File, tell func(report)) {
	heard := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(lastWords, lastWordsMost))
		io.Copy(io.Discard, lastWords)
		heard <- string(text)
	}()
	p.cmd.Wait()
	lastWords.SetReadDeadline(time.Now().Add(lastWordsTime))
	exit := p.cmd.ProcessState.String()
	if why := reasonOf(<-heard); why != "" {
		exit += ": " + why
	}
	lastWords.Close()
	close(p.gone)
	p.link.Unix().Close() // read ends, and closes the rest
	tell(report{from: p, exit: exit})
}

// reasonOf is the first line of a process's last words.
func reasonOf(lastWords string) string {
	for line := range strings.Lines(lastWords) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

func (p *process) read(tell func(report)) {
	defer p.link.Close()
	for {
		var word ipc.FromPuddle
		descriptors, err := p.link.Receive(&word)
		if err != nil {
			p.muted(err, tell)
			return
		}
		tell(report{from: p, word: &word, descriptors: descriptors})
	}
}

func (p *process) write(tell func(report)) {
	for {
		l, ok := p.words.next(p.gone)
		if !ok {
			p.words.drop()
			return
		}
		p.link.Unix().SetWriteDeadline(time.Now().Add(wordTime))
		err := p.link.Send(l.word, l.descriptors...)
		l.close()
		if err != nil {
			p.muted(err, tell)
			<-p.gone
			p.words.drop()
			return
		}
	}
}

// muted reports a process that cannot be spoken with, unless it is gone.
func (p *process) muted(err error, tell func(report)) {
	select {
	case <-p.gone:
	case <-time.After(muteTime):
		tell(report{from: p, mute: err})
	}
}

// say queues a word; false: the process has not taken so many that it hangs.
func (p *process) say(l letter) bool {
	if p.words.put(l) {
		return true
	}
	l.close()
	return false
}

func (p *process) kill() error {
	if p.cmd == nil { // another supervisor has started it
		return ignoreGone(unix.Kill(p.pid, unix.SIGKILL))
	}
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
