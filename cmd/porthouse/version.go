package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// Set by -ldflags "-X main.version=… -X main.commit=…"; where they are not,
// what the Go command knows stands for them.
var version, commit string

// versionInfo is what this binary is.
type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

func (m *Main) versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "show what this binary is",
		UsageText:   "porthouse version [--json]",
		Description: "   porthouse version --json | jq -r .version",
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if err := takesNames(c, "", 0, 0); err != nil {
				return err
			}
			v := versionNow()
			if c.Bool("json") {
				return m.printJSON(v)
			}
			_, err := fmt.Fprintf(m.Stdout, "porthouse %s (commit %s, %s)\n", v.Version, v.Commit, v.Go)
			return err
		},
	}
}

func versionNow() versionInfo {
	v := versionInfo{Version: version, Commit: commit, Go: runtime.Version()}
	build, known := debug.ReadBuildInfo()
	if known && v.Version == "" {
		v.Version = build.Main.Version
	}
	if known && v.Commit == "" {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	if v.Commit == "" {
		v.Commit = "unknown"
	}
	return v
}
