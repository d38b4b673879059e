package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Patch is a change of rules as somebody wrote it, a merge patch (RFC 7396):
// keys said, and keys reset by null. A room's first rules are a patch of
// nothing. What it holds was validated.
type Patch struct {
	said, reset keySet
	keep        keySet // secrets written back as true
	values      Rules
	plain       PlainPassword
	driver      driverPatch
	fault       *Refusal // what a reader has to say in its own words
}

// ParseRules reads rules or a change of them: room add, NEW ROOM, RULES, the
// API. It is the one place where rules are validated; only what depends on
// the rules in force is left to Said.Apply. Refusals name the key: malformed,
// too-large (over RulesMost), unavailable (history, ttl).
func ParseRules(input []byte) (Patch, *Refusal) { return parseRules(input, nil) }

// parseRules lets another reader stand in for a row's own.
func parseRules(input []byte, instead map[int]reader) (Patch, *Refusal) {
	var p Patch
	refusal := eachField("rules", input, RulesMost, func(key string, value json.RawMessage) *Refusal {
		row := slices.IndexFunc(ruleKeys[:], func(k ruleKey) bool { return k.name == key })
		if row < 0 {
			return unknownRule(key)
		}
		if (p.said | p.reset).has(row) {
			return malformed("%s: said twice", key)
		}
		if string(value) == "null" {
			p.reset |= 1 << row
			return nil
		}
		p.said |= 1 << row
		read := ruleKeys[row].read
		if other := instead[row]; other != nil {
			read = other
		}
		if code := read(&p, value); code != "" {
			if p.fault != nil {
				return p.fault
			}
			return wrongValue(code, row, value)
		}
		return nil
	})
	if refusal != nil {
		return Patch{}, refusal
	}
	return p, nil
}

// RuleNames are the keys in the order of the contract.
func RuleNames() []string {
	names := make([]string, len(ruleKeys))
	for row := range ruleKeys {
		names[row] = ruleKeys[row].name
	}
	return names
}

func unknownRule(key string) *Refusal {
	names := RuleNames()
	if near := nearest(key, names); near != "" {
		return malformed("%s is no rule: did you mean %q?", shown(key), near)
	}
	return malformed("%s is no rule: the rules are %s", shown(key), strings.Join(names, " "))
}

// wrongValue repeats the value unless it may be a secret.
func wrongValue(code ErrorCode, row int, value json.RawMessage) *Refusal {
	key := &ruleKeys[row]
	message := fmt.Sprintf("%s: may be %s", key.name, key.may)
	if row != rowPassword && row != rowOTP && row != rowDriver {
		message += ", not " + strings.Trim(shown(strings.ReplaceAll(string(value), `"`, "'")), `"`)
	}
	return &Refusal{code, message}
}

// Plain is the password that the patch sets, to be hashed: false if it sets
// none, or if it was hashed.
func (p Patch) Plain() (PlainPassword, bool) { return p.plain, p.plain.Set() }

// Hashed is the patch with a hash in the place of its plain password. Without
// a plain password it is the patch itself.
func (p Patch) Hashed(hash PasswordHash) Patch {
	if p.plain.Set() {
		p.values.Password, p.plain = hash, PlainPassword{}
	}
	return p
}

// Touches tells whether the patch says or resets a key.
func (p Patch) Touches(key string) bool {
	row := slices.IndexFunc(ruleKeys[:], func(k ruleKey) bool { return k.name == key })
	return row >= 0 && (p.said | p.reset).has(row)
}

// Empty tells whether the patch changes nothing.
func (p Patch) Empty() bool { return p.said|p.reset == 0 }

// String names the keys and no value.
func (p Patch) String() string {
	var keys []string
	for row := range ruleKeys {
		if (p.said | p.reset).has(row) {
			keys = append(keys, ruleKeys[row].name)
		}
	}
	return "patch of " + strings.Join(keys, " ")
}
