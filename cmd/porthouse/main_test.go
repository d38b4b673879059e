package main

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the command itself: a house under test
// runs it again as supervisor, puddles and operators' commands.
func TestMain(m *testing.M) {
	if os.Getenv("PORTHOUSE_MAIN") == "1" {
		main()
	}
	os.Exit(m.Run())
}
