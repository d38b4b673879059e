package main

import "testing"

func TestSharesCoverEverySocketOnce(t *testing.T) {
	for _, p := range []plan{
		{Rooms: 1, Members: 1000},
		{Rooms: 1, Members: 100_000},
		{Rooms: 3, Members: 9000},
		{Rooms: 100, Members: 1000},
		{Rooms: 100, Members: 10, Processes: 3},
		{Rooms: 2, Members: 10, Processes: 3},
	} {
		if err := p.divide(); err != nil {
			t.Fatal(err)
		}
		next := 0
		for i := range p.Processes {
			low, high := p.share(i)
			if low != next || high-low > socketsMost {
				t.Errorf("%+v: process %d has %d to %d after %d", p, i, low, high, next)
			}
			if p.Rooms >= p.Processes && low%p.Members != 0 {
				t.Errorf("%+v: process %d begins inside a room, at %d", p, i, low)
			}
			if p.owner(low) != i || p.owner(high-1) != i {
				t.Errorf("%+v: sockets %d and %d belong to %d and %d", p, low, high-1, p.owner(low), p.owner(high-1))
			}
			next = high
		}
		if next != p.sockets() {
			t.Errorf("%+v: the shares end at %d", p, next)
		}
	}
}

func TestLoadGoesToThisMachineOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"ws://127.0.0.1:80":       true,
		"ws://localhost:8080/a/":  true,
		"ws://127.0.0.9":          true,
		"ws://192.0.2.1:80":       false,
		"ws://example.com:80":     false,
		"wss://127.0.0.1:443":     false,
		"http://127.0.0.1:80":     false,
		"ws://[::1]:80":           false,
		"127.0.0.1:80":            false,
		"ws://127.0.0.1:99999999": false,
	} {
		var p plan
		if err := p.target(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
