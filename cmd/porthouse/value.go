package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// secretMost is the longest secret or file of rules that is read, bytes.
const secretMost = 1 << 20

// readPairs reads key=value…: a value is JSON, or else a text as it stands.
// Of one key, "-" has it read unseen.
func (m *Main) readPairs(pairs []string) (map[string]any, error) {
	values, secret := make(map[string]any), ""
	for _, pair := range pairs {
		key, text, paired := strings.Cut(pair, "=")
		_, twice := values[key]
		switch {
		case !paired || key == "":
			return nil, usage(fmt.Errorf("%q is no key=value", key))
		case twice:
			return nil, usage(fmt.Errorf("%s is said twice", key))
		case text == "-" && secret != "":
			return nil, usage(fmt.Errorf("%s and %s cannot both be read from standard input", secret, key))
		case text == "-":
			secret = key
		}
		values[key] = text
		if json.Valid([]byte(text)) {
			values[key] = json.RawMessage(text)
		}
	}
	if secret == "" {
		return values, nil
	}
	read, err := m.readSecret(secret)
	values[secret] = read
	return values, err
}

// readSecret reads one line: from a terminal unseen and twice, else from
// standard input.
func (m *Main) readSecret(what string) (string, error) {
	file, isFile := m.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return m.readLine(what)
	}
	first, err := m.readUnseen(file, what+": ")
	if err != nil {
		return "", err
	}
	again, err := m.readUnseen(file, what+", again: ")
	switch {
	case err != nil:
		return "", err
	case first != again:
		return "", fmt.Errorf("%s: the two are not the same; nothing was changed", what)
	case first == "":
		return "", fmt.Errorf("%s: nothing was typed; nothing was changed", what)
	}
	return first, nil
}

func (m *Main) readUnseen(file *os.File, prompt string) (string, error) {
	fmt.Fprint(m.Stderr, prompt)
	typed, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(m.Stderr)
	if err != nil {
		return "", fmt.Errorf("read %sfrom the terminal: %w", prompt, err)
	}
	return string(typed), nil
}

// readLine reads the one line that standard input is to have.
func (m *Main) readLine(what string) (string, error) {
	if m.Stdin == nil {
		return "", fmt.Errorf("%s: there is no standard input to read it from", what)
	}
	text, err := readAtMost(m.Stdin, secretMost)
	if err != nil {
		return "", fmt.Errorf("%s from standard input: %w", what, err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case line == "":
		return "", fmt.Errorf("%s: standard input is empty", what)
	case strings.ContainsAny(line, "\r\n"):
		return "", usage(fmt.Errorf("%s: standard input has more than one line", what))
	}
	return line, nil
}

func readAtMost(from io.Reader, most int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}

// fileOrJSON is a value that is JSON itself where it begins with a brace, and
// a file with JSON otherwise.
func fileOrJSON(text string) ([]byte, error) {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") {
		return []byte(trimmed), nil
	}
	file, err := os.Open(text)
	if err != nil {
		return nil, fmt.Errorf("%w; JSON itself begins with {", err)
	}
	defer file.Close()
	content, err := readAtMost(file, secretMost)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return content, nil
}

// rulesFlag is a FILE, or JSON, or - for standard input.
func (m *Main) rulesFlag(c *cli.Context, name string) (json.RawMessage, error) {
	text := c.String(name)
	var rules []byte
	var err error
	if text == "-" {
		rules, err = readAtMost(m.Stdin, secretMost)
	} else {
		rules, err = fileOrJSON(text)
	}
	if err == nil && !json.Valid(rules) {
		err = usage(errors.New("it is no JSON"))
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", name, err)
	}
	return bytes.TrimSpace(rules), nil
}

// tokenFile reads the token in the file that --token-file names.
func tokenFile(c *cli.Context) (string, error) {
	path := c.String("token-file")
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer file.Close()
	text, err := readAtMost(file, secretMost)
	if err != nil {
		return "", fmt.Errorf("--token-file: %s: %w", path, err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", usage(fmt.Errorf("--token-file: %s does not hold one token", path))
	}
	return token, nil
}

func tokenFileFlag() cli.Flag {
	return textFlag("token-file", "speak as whom the token in `FILE` belongs to")
}
