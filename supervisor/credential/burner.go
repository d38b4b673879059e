package credential

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Why a burner did not make a key.
var (
	errBurnerGone = errors.New("the process that hashes ended")
	errBurnerLate = errors.New("the process that hashes gets no time")
)

// burner is a process that makes keys, as who asks it sees it.
type burner struct {
	command *exec.Cmd
	in      io.WriteCloser
	places  chan struct{} // as many as it may work on
	gone    chan struct{} // closed when it was waited for
	users   int           // who holds it, and
	rest    *time.Timer   // until nobody did for long: both are the burners'

	mu      sync.Mutex // of the rest, and of what is written
	out     *gob.Encoder
	last    uint64
	waiting map[uint64]chan []byte
}

// startBurner starts the binary as a burner. It ends when its standard input
// does, and so with this process.
func startBurner(executable string, workers int) (*burner, error) {
	b := &burner{
		command: exec.Command(executable, HashCommand),
		places:  make(chan struct{}, workers), gone: make(chan struct{}), waiting: map[uint64]chan []byte{},
	}
	b.command.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(workers))
	b.command.Stderr = os.Stderr
	b.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // yieldGroup says why; nor does ^C reach it
	in, errIn := b.command.StdinPipe()
	out, errOut := b.command.StdoutPipe()
	err := errors.Join(errIn, errOut)
	if err == nil {
		err = b.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start a process that hashes: %w", err)
	}
	b.in, b.out = in, gob.NewEncoder(in)
	go b.listen(gob.NewDecoder(out))
	return b, nil
}

// listen hands out keys until the process ends.
func (b *burner) listen(from *gob.Decoder) {
	for {
		var done burnt
		if from.Decode(&done) != nil {
			break
		}
		b.mu.Lock()
		key := b.waiting[done.ID]
		delete(b.waiting, done.ID)
		b.mu.Unlock()
		if key != nil {
			<-b.places
			key <- done.Key // has room for it
		}
	}
	b.in.Close()
	b.command.Process.Kill() // where it speaks nonsense
	b.command.Wait()
	close(b.gone)
}

// key has a key made. A job that is late keeps its place in the process until
// it is done, though nobody waits for it.
func (b *burner) key(j job, patience time.Duration) ([]byte, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case b.places <- struct{}{}:
	case <-b.gone:
		return nil, errBurnerGone
	case <-late.C:
		return nil, errBurnerLate
	}
	made, err := b.ask(j)
	if err != nil {
		return nil, err
	}
	select {
	case key := <-made:
		if len(key) != int(j.Length) {
			return nil, fmt.Errorf("the process that hashes made %d bytes where %d were asked for", len(key), j.Length)
		}
		return key, nil
	case <-b.gone:
		return nil, errBurnerGone
	case <-late.C:
		return nil, errBurnerLate
	}
}

func (b *burner) ask(j job) (made <-chan []byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := make(chan []byte, 1)
	b.last++
	b.waiting[b.last] = key
	if err := b.out.Encode(asked{b.last, j}); err != nil {
		return nil, fmt.Errorf("ask the process that hashes: %w", err)
	}
	return key, nil
}

// end lets it end, of itself.
func (b *burner) end() { b.in.Close() }

// over tells whether it has ended.
func (b *burner) over() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}
