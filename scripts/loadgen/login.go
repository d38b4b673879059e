package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// readLogins reads a file of lines CLIENT:PASSWORD, as Basic authentication
// (RFC 7617) sends them.
func readLogins(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the clients' passwords: %v", err)
	}
	var logins []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		if !strings.Contains(line, ":") {
			return nil, fmt.Errorf("%s: line %d is no CLIENT:PASSWORD", file, len(logins)+1)
		}
		logins = append(logins, base64.StdEncoding.EncodeToString([]byte(line)))
	}
	if len(logins) == 0 {
		return nil, fmt.Errorf("%s holds no CLIENT:PASSWORD", file)
	}
	return logins, nil
}

// login is whose password a handshake offers: those of all processes together
// take the logins in turn. "" is nobody's.
func (p *plan) login(process, handshake int) string {
	if len(p.Logins) == 0 {
		return ""
	}
	return p.Logins[(handshake*p.Processes+process)%len(p.Logins)]
}
