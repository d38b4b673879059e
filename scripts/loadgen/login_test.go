package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLoginsAreTakenInTurn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(file, []byte("a:1\nb:2:3\n\nc:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logins, err := readLogins(file)
	if err != nil {
		t.Fatal(err)
	}
	p := plan{Processes: 2, Logins: logins}
	offered := map[string]int{}
	for process := range 2 {
		for handshake := range 3 {
			offered[p.login(process, handshake)]++
		}
	}
	for _, login := range []string{"YTox", "YjoyOjM=", "Yzo="} { // base64 of the lines
		if offered[login] != 2 {
			t.Errorf("%s was offered %d times of 2; all: %v", login, offered[login], offered)
		}
	}
}

func TestNoLogins(t *testing.T) {
	for _, text := range []string{"", "\n", "nobody\n"} {
		file := filepath.Join(t.TempDir(), "logins")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if logins, err := readLogins(file); err == nil {
			t.Errorf("%q holds %v", text, logins)
		}
	}
}
