package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/supervisor"
)

func (m *Main) checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "look at what a house would stand on, and say what to change",
		UsageText: "porthouse check [flags of up]",
		Description: `Looks at configuration, open files, kernel settings, memory, ports, data folder
and database, with the flags that up would have. Changes nothing. Exits 1 if
up would not succeed.

   porthouse check --config /etc/porthouse.toml`,
		Flags:  append(settingFlags(), jsonFlag()),
		Action: m.check,
	}
}

func (m *Main) check(c *cli.Context) error {
	if err := takesNames(c, "", 0, 0); err != nil {
		return err
	}
	conf, err := m.configure(c)
	if err != nil {
		return err
	}
	house := conf.house
	house.Data = folderToBe(house.Data)
	findings := supervisor.Check(c.Context, house)
	if conf.file != "" {
		valid := supervisor.Finding{Verdict: supervisor.OK, Subject: "configuration", Found: conf.file + " is valid"}
		findings = append([]supervisor.Finding{valid}, findings...)
	}
	if c.Bool("json") {
		err = m.printJSON(findings)
	} else {
		err = printFindings(m.Stdout, findings)
	}
	for _, f := range findings {
		if f.Verdict == supervisor.Fail {
			return errors.Join(err, errors.New("up would not succeed: see what failed"))
		}
	}
	return err
}

func printFindings(w io.Writer, findings []supervisor.Finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Verdict, f.Subject, f.Found)
		if f.Change != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Change)
		}
	}
	return t.Flush()
}
