package supervisor

import (
	"fmt"
	"os"
)

// Held is the data folder of a house that is down, while an operator's command
// works on it: no house can start meanwhile.
type Held struct{ folder *folder }

// Hold takes a data folder, which is made where there is none. The error is a
// *HeldError where a house is up on it, or starts or stops, and an
// *OrphansError where one is down and its puddles are not.
func Hold(path string) (*Held, error) {
	folder, err := openFolder(path)
	if err != nil {
		return nil, err
	}
	held := &Held{folder}
	if pids := orphansOf(folder); len(pids) > 0 {
		held.Release()
		return nil, &OrphansError{folder.path, pids}
	}
	return held, nil
}

// Database is the path of the folder's database.
func (h *Held) Database() string { return h.folder.file(databaseFile) }

// Release lets a house have the folder.
func (h *Held) Release() error { return h.folder.release() }

// HasDatabase tells whether a house has ever been up on a folder.
func HasDatabase(path string) bool {
	_, err := os.Stat((&folder{path: path}).file(databaseFile))
	return err == nil
}

// OrphansError says that puddles live whose supervisor does not.
type OrphansError struct {
	Folder string
	PIDs   []int
}

func (e *OrphansError) Error() string {
	return fmt.Sprintf("puddles %v of data folder %s live without a supervisor: porthouse up takes them over", e.PIDs, e.Folder)
}

// orphansOf finds puddles that outlived the folder's supervisor. There are
// none as long as puddles end with it.
func orphansOf(*folder) []int { return nil }
