package schema

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a typed command.
type word struct {
	text   string
	quoted bool // it stands for no capital word of a form
	raw    bool // JSON to the end of the text
}

func parseText(input []byte) (Command, *Refusal) {
	c := Command{Text: true}
	switch {
	case len(input) > CommandMost:
		return c, &Refusal{TooLarge, fmt.Sprintf("a command has at most %d bytes", CommandMost)}
	case !utf8.Valid(input):
		return c, malformed("a command is UTF-8 text; HELP lists all commands")
	}
	text := strings.TrimRight(string(input), " \t\r\n")
	words, refusal := split(text)
	verb, rest, said := takeVerb(words)
	c.Verb, c.Do = verb, verb.String()
	if verb == NoVerb {
		c.Do = shortened(said)
	}
	switch {
	case said == "" && refusal == nil:
		return c, malformed("nothing was typed: HELP lists all commands")
	case refusal != nil && verb != NoVerb:
		refusal.Message += "; type: " + verb.usage()
		return c, refusal
	case verb == NoVerb && said != "":
		return c, unknownVerb(said)
	case refusal != nil:
		return c, refusal
	}
	return c, c.fill(rest)
}

// split takes a text apart at blanks. A word in double quotes holds blanks,
// \" and \\; a word that begins with { is the rest of the text. What was
// split before the fault is returned with a refusal.
func split(text string) (words []word, refusal *Refusal) {
	for {
		text = strings.TrimLeft(text, " \t")
		var w word
		switch {
		case text == "":
			return words, nil
		case text[0] == '{':
			return append(words, word{text: text, raw: true}), nil
		case text[0] == '"':
			w.quoted = true
			w.text, text, refusal = quotedWord(text)
		default:
			w.text, text, refusal = plainWord(text)
		}
		switch {
		case refusal != nil:
			return words, refusal
		case len(w.text) > WordMost:
			return words, malformed("a word has at most %d bytes", WordMost)
		case len(words) == RoomsMost+8:
			return words, malformed("too many words: a command names at most %d rooms", RoomsMost)
		case strings.ContainsFunc(w.text, unicode.IsControl):
			return words, malformed("line breaks and other control characters have no place in a command: one command at a time")
		}
		words = append(words, w)
	}
}

func plainWord(text string) (word, rest string, refusal *Refusal) {
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	if strings.Contains(text[:end], `"`) {
		return "", "", malformed(`a quote within a word: put the whole word in double quotes and write \" for each of its own`)
	}
	return text[:end], text[end:], nil
}

func quotedWord(text string) (word, rest string, refusal *Refusal) {
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			out.WriteByte(text[i])
		case c == '\\':
			return "", "", malformed(`a backslash within quotes stands before " or \: write \\ for itself`)
		case c == '"' && i+1 < len(text) && text[i+1] != ' ' && text[i+1] != '\t':
			return "", "", malformed("a blank must follow the closing quote")
		case c == '"':
			return out.String(), text[i+1:], nil
		default:
			out.WriteByte(c)
		}
	}
	return "", "", malformed("a double quote is not closed")
}

// takeVerb takes the verb's words off; said is what was taken for it.
func takeVerb(words []word) (verb Verb, rest []word, said string) {
	for n := min(2, len(words)); n > 0; n-- { // NEW ROOM before NEW
		said = words[0].text
		if n == 2 {
			said += " " + words[1].text
		}
		bare := !words[0].quoted && !words[0].raw && !words[n-1].quoted && !words[n-1].raw
		if verb := verbNamed(said); verb != NoVerb && bare && strings.Count(verb.String(), " ") == n-1 {
			return verb, words[n:], said
		}
	}
	if len(words) > 1 && half(said) {
		said += " " + words[1].text
	}
	return NoVerb, nil, said
}

// half tells whether a word begins a verb of two words.
func half(said string) bool {
	for _, name := range verbNames() {
		if first, _, two := strings.Cut(name, " "); two && strings.EqualFold(first, said) {
			return true
		}
	}
	return false
}

// fill tries the verb's forms in turn.
func (c *Command) fill(words []word) *Refusal {
	for _, f := range c.Verb.forms() {
		trial := *c
		fits, bound, refusal := trial.fillForm(f, words)
		if fits && refusal == nil {
			*c = trial
			return nil
		}
		if refusal != nil {
			return refusal
		}
		if bound {
			break
		}
	}
	return malformed("type: %s", c.Verb.usage())
}

// fillForm gives words to a form's parts. bound tells that the words begin
// with the form's own and so can mean no other one.
func (c *Command) fillForm(f form, words []word) (fits, bound bool, refusal *Refusal) {
	type value struct{ field, text string }
	var values []value
	for at, p := range f {
		if len(words) == 0 {
			fits = p.optional
			if !fits {
				return false, bound, nil
			}
			continue
		}
		taken := 1
		switch w := words[0]; {
		case p.word != "":
			if !w.is(p.word) {
				return false, bound, nil
			}
			bound = bound || at == 0
		case w.raw != (p.field == "rules"):
			return false, bound, nil
		case p.many:
			taken = c.countMany(words)
			for _, w := range words[:taken] {
				values = append(values, value{p.field, w.text})
			}
			if taken == 0 {
				return false, bound, nil
			}
		default:
			values = append(values, value{p.field, w.text})
		}
		words = words[taken:]
	}
	if len(words) > 0 {
		return false, bound, nil
	}
	for _, v := range values {
		if v.field == "rules" {
			c.Rules = []byte(v.text)
		} else if field := fieldNamed(v.field); !field.set(c, v.text) {
			return true, true, c.wrongField(field)
		}
	}
	return true, bound, nil
}

// countMany is how many words a … takes: up to a capital word of the verb's.
func (c *Command) countMany(words []word) int {
	for i, w := range words {
		if w.raw {
			return i
		}
		for _, f := range c.Verb.forms() {
			for _, p := range f {
				if p.word != "" && w.is(p.word) {
					return i
				}
			}
		}
	}
	return len(words)
}

func (w word) is(capital string) bool {
	return !w.quoted && !w.raw && strings.EqualFold(w.text, capital)
}

// wrongField repeats no value: it may be a secret.
func (c *Command) wrongField(field *commandField) *Refusal {
	name := field.name
	if name == "room" && len(c.Rooms) > RoomsMost {
		return malformed("room: at most %d at once", RoomsMost)
	}
	usage := c.Verb.usage()
	if !c.Text {
		usage = c.Verb.envelopeUsage()
	}
	return malformed("%s: %s; %s", name, field.may, usage)
}
