package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// The client, its vectors, and a day of it against real houses, which the test
// of Python starts, kills and reloads itself.
func TestClientPython(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	python := pythonWith(t, "websockets")
	executable, err := os.Executable()
	Check(t, err)
	command := exec.Command(python, "-m", "unittest", "discover", "-v", "-s", "tests")
	command.Dir = "../../schema/client/python"
	command.Env = append(os.Environ(), "PORTHOUSE="+executable, "PORTHOUSE_MAIN=1", "PYTHONDONTWRITEBYTECODE=1")
	said, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "\nOK") {
		t.Fatalf("python3 -m unittest: %v\n%s", err, said)
	}
	t.Logf("%s", said)
}

// pythonWith finds an interpreter that has the library: Debian's comes before
// one that somebody put beside it.
func pythonWith(t *testing.T, library string) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		python, err := exec.LookPath(name)
		if err == nil && exec.Command(python, "-c", "import "+library).Run() == nil {
			return python
		}
	}
	t.Skipf("there is no python3 with %s: scripts/clients.sh installs it", library)
	return ""
}
