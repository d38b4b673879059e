package schema

import (
	"encoding/json"
	"strings"
)

// TokenRoomsMost is how many rooms a token may be limited to.
const TokenRoomsMost = 256

// TokenRooms is what a token is limited to, in the order in which it was said.
type TokenRooms []TokenRoom

// TokenRoom is a room's full name, or a prefix before a last *, and what the
// token leaves open there.
type TokenRoom struct {
	Name string
	May  Scope
}

var scopeNames = map[string]Scope{"all": ScopeAll, "hear": ScopeHear, "send": ScopeSend}

// ParseTokenRooms reads a JWT's claim "rooms" and what token add says: a list
// of names, or an object from names to "all", "hear" or "send". A name may end
// in * ("feed.*", "alice/*"). null and nothing limit nothing.
func ParseTokenRooms(input []byte) (TokenRooms, *Refusal) {
	if len(input) == 0 || string(input) == "null" {
		return nil, nil
	}
	rooms := TokenRooms{}
	add := func(name string, may Scope) *Refusal {
		if len(rooms) == TokenRoomsMost {
			return malformed("rooms: more than %d", TokenRoomsMost)
		}
		if name != "*" {
			if refusal := CheckRoom(strings.TrimSuffix(name, "*") + map[bool]string{true: "x"}[strings.HasSuffix(name, "*")]); refusal != nil {
				return malformed("rooms: %s", refusal.Message)
			}
		}
		rooms = append(rooms, TokenRoom{name, may})
		return nil
	}
	var names []string
	if json.Unmarshal(input, &names) == nil {
		for _, name := range names {
			if refusal := add(name, ScopeAll); refusal != nil {
				return nil, refusal
			}
		}
		return rooms, nil
	}
	refusal := eachField("rooms", input, RulesMost, func(key string, value json.RawMessage) *Refusal {
		word, _ := stringValue(value)
		may, known := scopeNames[word]
		if !known {
			return malformed(`rooms: %s may be "all", "hear" or "send"`, shown(key))
		}
		return add(key, may)
	})
	if refusal != nil {
		return nil, refusal
	}
	return rooms, nil
}

// Of is what is left open in a room. The first entry that means it decides.
func (t TokenRooms) Of(room string) Scope {
	if t == nil {
		return ScopeAll
	}
	for _, entry := range t {
		prefix, open := strings.CutSuffix(entry.Name, "*")
		if entry.Name == room || open && strings.HasPrefix(room, prefix) {
			return entry.May
		}
	}
	return ScopeNone
}

// MarshalJSON writes what ParseTokenRooms reads.
func (t TokenRooms) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("null"), nil
	}
	said := map[string]string{}
	for _, entry := range t {
		for word, may := range scopeNames {
			if may == entry.May {
				said[entry.Name] = word
			}
		}
	}
	return json.Marshal(said)
}
