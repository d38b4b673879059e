package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// field is one key of an envelope and its value as written.
type field struct {
	key   string
	value json.RawMessage
}

// ParseEnvelope reads a command as a JSON object, {"do":"join","room":"chat"}.
// Refusals are as ParseCommand's. A message (an envelope without "do") is
// malformed here.
func ParseEnvelope(input []byte) (Command, *Refusal) {
	var c Command
	fields, refusal := envelopeFields(input)
	if refusal != nil {
		return c, refusal
	}
	if refusal := c.head(fields); refusal != nil {
		return c, refusal
	}
	allowed := c.Verb.envelopeKeys()
	given := map[string]bool{}
	for _, f := range fields {
		if !slices.Contains(allowed, f.key) {
			return c, unknownKey(c.Verb, f.key, allowed)
		}
		if refusal := c.setKey(f); refusal != nil {
			return c, refusal
		}
		given[f.key] = true
	}
	if !c.Verb.satisfied(given) {
		return c, malformed("send: %s", c.Verb.envelopeUsage())
	}
	if c.Since != "" && len(c.Rooms) > 1 {
		return c, malformed("since: goes with one room")
	}
	return c, nil
}

func envelopeFields(input []byte) ([]field, *Refusal) {
	const most = 32 // keys; no verb has half as many
	var fields []field
	refusal := eachField("envelope", input, CommandMost, func(key string, value json.RawMessage) *Refusal {
		switch {
		case len(fields) == most:
			return malformed("envelope: more than %d keys", most)
		case slices.ContainsFunc(fields, func(f field) bool { return f.key == key }):
			return malformed("%s: said twice", shown(key))
		}
		fields = append(fields, field{key, value})
		return nil
	})
	return fields, refusal
}

// head reads what every reply repeats, ref first.
func (c *Command) head(fields []field) *Refusal {
	var said *json.RawMessage
	var wrongRef bool
	for i, f := range fields {
		switch f.key {
		case "ref":
			text, ok := stringValue(f.value)
			wrongRef = !ok || text == "" || len(text) > RefMost
			if !wrongRef {
				c.Ref = text
			}
		case "do":
			said = &fields[i].value
		}
	}
	if said == nil {
		return malformed(`do: the envelope has none; {"do":"help"} lists all commands`)
	}
	name, ok := stringValue(*said)
	if !ok {
		return malformed(`do: a string; {"do":"help"} lists all commands`)
	}
	c.Verb = verbNamed(name)
	c.Do = c.Verb.String()
	switch {
	case c.Verb == NoVerb:
		c.Do = shortened(name)
		return unknownVerb(name)
	case wrongRef:
		return malformed("ref: a string of 1 to %d bytes", RefMost)
	}
	return nil
}

// envelopeKeys are the keys that a verb's envelopes may have.
func (v Verb) envelopeKeys() []string {
	keys := append([]string{"do", "ref"}, strings.Fields(commandTable[v].extra)...)
	for _, f := range v.forms() {
		for _, p := range f {
			if p.word == "" {
				keys = append(keys, p.keys()...)
			}
		}
	}
	return keys
}

// satisfied tells whether the keys given are those of one form: one key for
// each of its fields at most, and for each that it cannot do without.
func (v Verb) satisfied(given map[string]bool) bool {
	return slices.ContainsFunc(v.forms(), func(f form) bool {
		used := 0
		for _, p := range f {
			if p.word != "" {
				continue
			}
			n := 0
			for _, key := range p.keys() {
				if given[key] {
					n++
				}
			}
			if n > 1 || n == 0 && !p.optional {
				return false
			}
			used += n
		}
		for _, key := range append(strings.Fields(commandTable[v].extra), "do", "ref") {
			if given[key] {
				used++
			}
		}
		return used == len(given)
	})
}

func (c *Command) setKey(f field) *Refusal {
	switch f.key {
	case "do", "ref":
		return nil
	case "keep":
		c.Keep = string(f.value) == "true"
		if !isBool(f.value) {
			return malformed("keep: true or false")
		}
		return nil
	case "rules":
		c.Rules = f.value
		if f.value[0] != '{' {
			return malformed("rules: an object {…}")
		}
		return nil
	case "rooms":
		return c.setRooms(f.value)
	}
	field := fieldNamed(f.key)
	text, ok := stringValue(f.value)
	if !ok || len(text) > WordMost || !field.set(c, text) {
		return c.wrongField(field)
	}
	return nil
}

func (c *Command) setRooms(value json.RawMessage) *Refusal {
	names, ok := stringList(value, RoomsMost)
	for _, name := range names {
		ok = ok && name != "" && len(name) <= WordMost
	}
	if !ok || len(names) == 0 {
		return malformed("rooms: a list of 1 to %d rooms' names", RoomsMost)
	}
	c.Rooms = append(c.Rooms, names...)
	return nil
}

func unknownKey(verb Verb, key string, allowed []string) *Refusal {
	keys := strings.Join(allowed, " ")
	if near := nearest(key, allowed); near != "" && near != key {
		return malformed("%s is no key of %q: did you mean %q? It takes %s", shown(key), verb, near, keys)
	}
	return malformed("%s is no key of %q: it takes %s", shown(key), verb, keys)
}
