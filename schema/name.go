package schema

import (
	"fmt"
	"strings"
)

const (
	// RoomNameMost is the longest room name, its client prefix not counted.
	RoomNameMost = 128
	// ClientNameMost is the longest name of a client with an address: a DNS label.
	ClientNameMost = 63
	// FullNameMost is the longest name of a room with prefix and slash.
	FullNameMost = ClientNameMost + 1 + RoomNameMost
)

// CheckRoom says what is wrong with a room's full name ("chat" or
// "alice/notes"), nil if nothing is.
func CheckRoom(full string) *Refusal {
	name := full
	if client, rest, prefixed := strings.Cut(full, "/"); prefixed {
		if !IsClient(client) {
			return badName(full, "what stands before the / is a client's name: a lowercase DNS label of 1 to 63 characters, not \"token\"")
		}
		name = rest
	}
	switch {
	case name == "":
		return badName(full, "it is empty")
	case len(name) > RoomNameMost:
		return badName(full, fmt.Sprintf("it has %d characters, %d are the most", len(name), RoomNameMost))
	case name[0] == '-' || name[0] == '.':
		return badName(full, "it begins with - or .")
	case name == "favicon.ico" || name == "robots.txt":
		return badName(full, "browsers ask for that name by themselves")
	}
	for i := 0; i < len(name); i++ {
		if !roomByte(name[i]) {
			return badName(full, "only a-z A-Z 0-9 . _ ~ - may stand in it, with one client/ before it at most")
		}
	}
	return nil
}

// IsClient tells whether name is one that a client with an address may have.
func IsClient(name string) bool {
	if name == "" || len(name) > ClientNameMost || name == "token" {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		inner := c == '-' && i > 0 && i < len(name)-1
		if !inner && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

func roomByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == '~' || c == '-'
}

func badName(name, why string) *Refusal {
	const shown = 64 // of a name that may be anything
	if len(name) > shown {
		name = name[:shown] + "…"
	}
	return &Refusal{NotFound, fmt.Sprintf("%q is no room's name: %s", name, why)}
}
