package schema

import (
	"errors"
	"fmt"
)

// SequenceID names one socket's entry in the registry. Zero is no sequence.
// On the wire it is "~" and 13 characters of lowercase base32 without i, l, o
// and u. It is a name and no capability.
type SequenceID uint64

const (
	sequenceDigits = "0123456789abcdefghjkmnpqrstvwxyz"
	sequenceLength = 14 // "~" and ceil(64/5) digits
)

var errSequence = errors.New(`a sequence is "~" and 13 characters of 0-9 a-z without i l o u, as "porthouse sequence list" shows it`)

func (id SequenceID) String() string {
	return string(id.Append(make([]byte, 0, sequenceLength)))
}

// Append appends the id's text to b.
func (id SequenceID) Append(b []byte) []byte {
	b = append(b, '~')
	for shift := 60; shift >= 0; shift -= 5 {
		b = append(b, sequenceDigits[uint64(id)>>shift&31])
	}
	return b
}

// ParseSequenceID reads what String wrote.
func ParseSequenceID(text string) (SequenceID, error) {
	if len(text) != sequenceLength || text[0] != '~' {
		return 0, fmt.Errorf("%q is no sequence: %w", text, errSequence)
	}
	var id uint64
	for i := 1; i < len(text); i++ {
		digit := sequenceDigit(text[i])
		if digit < 0 || (i == 1 && digit > 15) {
			return 0, fmt.Errorf("%q is no sequence: %w", text, errSequence)
		}
		id = id<<5 | uint64(digit)
	}
	return SequenceID(id), nil
}

func sequenceDigit(c byte) int {
	for i := 0; i < len(sequenceDigits); i++ {
		if sequenceDigits[i] == c {
			return i
		}
	}
	return -1
}

// MarshalText and UnmarshalText let an id stand in JSON as its text.
func (id SequenceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *SequenceID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseSequenceID(string(text))
	return err
}

// State is where a sequence stands.
type State uint8

// The states, in the order in which a socket can pass through them.
const (
	Free      State = iota // nobody's entry
	Handshake              // connected, the request not yet answered
	Lobby                  // came by a root address, not authenticated
	Entering               // named a room, not yet in it
	Space                  // authenticated, in no room
	InRoom                 // in one room or more
	Closing                // a close frame was sent or is owed
	States                 // how many there are
)

var stateNames = [States]string{"free", "handshake", "lobby", "entering", "space", "room", "closing"}

func (s State) String() string {
	if s < States {
		return stateNames[s]
	}
	return "unknown"
}
