package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema/store"
)

func (m *Main) backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Usage:     "copy the database into a new file",
		UsageText: "porthouse backup FILE [--json]",
		Description: `SQLite's online backup: a house that is up goes on writing, and it is the house
that writes the file, as its own user. The file must not exist yet. It holds
secrets (hashes of tokens and passwords, second factors): keep it safe.

   porthouse backup porthouse-$(date +%F).db`,
		Flags:  append(folderFlags(), jsonFlag()),
		Action: m.backup,
	}
}

func (m *Main) backup(c *cli.Context) error {
	if err := takesNames(c, "a file", 1, 1); err != nil {
		return err
	}
	file, err := filepath.Abs(c.Args().First())
	if err != nil {
		return fmt.Errorf("backup to %s: %w", c.Args().First(), err)
	}
	err = m.onHouse(c, ipc.Ask{Backup: &ipc.AskBackup{File: file}}, false, func(answer *ipc.Answer) error {
		if !answer.Done {
			return errors.New("the house answered something else")
		}
		return nil
	}, func(st *store.Store) error { return st.Backup(c.Context, file) })
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return m.printJSON(map[string]string{"file": file})
	}
	_, err = fmt.Fprintf(m.Stdout, "the database is in %s\n", file)
	return err
}
