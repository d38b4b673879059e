package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/puddle"
	"github.com/porthouse/porthouse/supervisor"
)

// puddleCommand is what a house starts its worker processes with; its link
// is descriptor 3.
func (m *Main) puddleCommand() *cli.Command {
	return &cli.Command{
		Name:   supervisor.PuddleCommand,
		Hidden: true,
		Usage:  "serve one slot of a house, which starts this itself",
		Action: func(*cli.Context) error {
			if !isKind(ipc.LinkDescriptor, unix.S_IFSOCK) || !isKind(supervisor.LastWordsDescriptor, unix.S_IFIFO) {
				return usage(errors.New("a puddle is started by porthouse up, not by hand"))
			}
			lastWords := openLastWords()
			link, err := ipc.ConnOf(ipc.LinkDescriptor, "link")
			if err != nil {
				return err
			}
			if err = puddle.Run(link); err != nil {
				fmt.Fprintln(lastWords, oneLine(err))
			}
			return err
		},
	}
}

// isKind tells whether a descriptor is open and of that kind. Where a puddle
// was not started by a house it may be the runtime's, and must not be touched.
func isKind(fd int, kind uint32) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == kind
}

// openLastWords is where the house reads why this process ended; the runtime
// writes a panic there too.
func openLastWords() *os.File {
	unix.CloseOnExec(supervisor.LastWordsDescriptor)
	file := os.NewFile(supervisor.LastWordsDescriptor, "last words")
	debug.SetCrashOutput(file, debug.CrashOptions{}) // without it, the exit status tells
	return file
}
