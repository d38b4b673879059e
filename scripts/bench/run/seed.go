package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// seeded is how many clients with passwords a house knows where a scenario
// asks for them.
const seeded = 100

// What is made once, in the folder of the binaries.
const (
	seedFolder  = "seed"    // a house's data with the clients
	loginsFile  = "logins"  // each client and its password
	guessesFile = "guesses" // the same, and wrong ones, and nobody's, in turn
)

// seed makes a house's data with clients by Porthouse's own commands, unless
// that was done before.
func (b *bench) seed(ctx context.Context) error {
	if _, err := os.Stat(b.path(loginsFile)); err == nil {
		return nil
	}
	var right, guesses strings.Builder
	for i := range seeded {
		client, password := fmt.Sprintf("client-%d", i), rand.Text()
		if err := b.client(ctx, "", "add", client); err != nil {
			return err
		}
		if err := b.client(ctx, password, "passwd", client); err != nil {
			return err
		}
		fmt.Fprintf(&right, "%s:%s\n", client, password)
		fmt.Fprintf(&guesses, "%s:%s\n%s:%s\nnobody-%d:%s\n", client, password, client, rand.Text(), i, rand.Text())
	}
	if err := os.WriteFile(b.path(guessesFile), []byte(guesses.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(b.path(loginsFile), []byte(right.String()), 0o600)
}

// client runs porthouse client on the data, with a line of standard input.
func (b *bench) client(ctx context.Context, input string, args ...string) error {
	command := exec.CommandContext(ctx, b.path(porthouse), append([]string{"client", "--data", b.path(seedFolder)}, args...)...)
	command.Stdin = strings.NewReader(input + "\n")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("porthouse client %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// furnish makes a server's data folder: empty, or with the clients.
func (b *bench) furnish(ctx context.Context, s scenario) (folder string, err error) {
	if folder, err = os.MkdirTemp(b.built, "data-"); err != nil || !s.clients {
		return folder, err
	}
	if err := b.seed(ctx); err != nil {
		return folder, err
	}
	return folder, os.CopyFS(folder, os.DirFS(b.path(seedFolder)))
}
