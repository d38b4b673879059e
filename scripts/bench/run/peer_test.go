package main

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// TestPeersThatAreInstalledDoTheWork starts each for real and has the load
// generator count what its members hear.
func TestPeersThatAreInstalledDoTheWork(t *testing.T) {
	t.Chdir("..") // as go run ./run has it
	for _, name := range peers {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // what we start ends with its thread
			if lack := lacks(name); lack != "" {
				t.Skip(lack)
			}
			b := bench{rounds: 1, puddles: 1, duration: 200 * time.Millisecond, built: t.TempDir(), servers: []string{name}}
			if err := b.build(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, load := range []string{"-mode broadcast -members 20 -burst 16", "-mode chat -rooms 4 -members 5", "-mode idle -rooms 2 -members 20"} {
				s := side{name: name, server: name, flags: words(load + " -settle 300ms -speak " + name)}
				l, err := b.load(context.Background(), scenario{name: "try"}, s)
				if err != nil {
					t.Fatal(err)
				}
				if l.DeliveriesPerSecond == 0 && l.Server.PerSocket == 0 {
					t.Errorf("%s: nothing was measured: %+v", load, l)
				}
			}
		})
	}
}

func TestUnknownPeersAreRefused(t *testing.T) {
	if err := new(bench).invite("somebody"); err == nil {
		t.Error("a peer that there is not is taken")
	}
}
