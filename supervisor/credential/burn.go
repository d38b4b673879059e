package credential

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
)

// HashCommand is the hidden subcommand by which the binary becomes a burner:
// a process that makes argon2id keys for a house.
const HashCommand = "hash"

// burnerGarbage is GOGC of a burner: nearly all that it has is garbage.
const burnerGarbage = 10

// asked is a job on its way to a burner, burnt what comes back.
type asked struct {
	ID  uint64
	Job job
}

type burnt struct {
	ID  uint64
	Key []byte
}

// Burn is all that a burner does: it makes what is asked for on in, at the
// lowest priority there is, until in ends. How many at once is up to who asks.
func Burn(in io.Reader, out io.Writer) error {
	yieldGroup()
	if err := yield(); err != nil {
		return fmt.Errorf("lower the priority: %w", err)
	}
	debug.SetGCPercent(burnerGarbage)
	from, to := gob.NewDecoder(in), gob.NewEncoder(out)
	var writing sync.Mutex
	for {
		var a asked
		if err := from.Decode(&a); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a job: %w", err)
		}
		go func() {
			key := a.Job.key()
			writing.Lock()
			defer writing.Unlock()
			to.Encode(burnt{a.ID, key}) // who does not listen ends in as well
		}()
	}
}
