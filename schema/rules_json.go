package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// depthMost is how deep objects and lists may nest in rules and envelopes.
const depthMost = 8

// eachField hands out the fields of a JSON object (RFC 8259), one by one and
// as written, blanks around the values cut off. It refuses what is longer
// than most bytes before it looks at it, and what nests deeper than depthMost
// before it parses it. Duplicates are the visitor's to refuse.
func eachField(what string, input []byte, most int, visit func(key string, value json.RawMessage) *Refusal) *Refusal {
	switch {
	case len(input) > most:
		return &Refusal{TooLarge, fmt.Sprintf("%s: %d bytes, %d are the most", what, len(input), most)}
	case !utf8.Valid(input):
		return malformed("%s: not UTF-8", what)
	case deeperThan(input, depthMost):
		return malformed("%s: nested deeper than %d", what, depthMost)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(input, &whole); err != nil {
		return malformed("%s: no JSON: %v", what, err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(whole, " \t\r\n"), []byte("{")) {
		return malformed("%s: not one JSON object {…}", what)
	}
	decoder := json.NewDecoder(bytes.NewReader(input))
	_, err := decoder.Token() // {
	for err == nil && decoder.More() {
		var token json.Token
		var value json.RawMessage
		if token, err = decoder.Token(); err != nil {
			break
		}
		if err = decoder.Decode(&value); err != nil {
			break
		}
		if refusal := visit(token.(string), value); refusal != nil {
			return refusal
		}
	}
	if err != nil { // it was parsed whole above
		return malformed("%s: no JSON: %v", what, err)
	}
	return nil
}

// deeperThan counts brackets outside of strings.
func deeperThan(input []byte, most int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(input); i++ {
		switch c := input[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > most {
			return true
		}
	}
	return false
}

// stringValue reads a JSON string, and no half of a surrogate pair, of which
// encoding/json would make another text than was written.
func stringValue(value json.RawMessage) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &text) != nil {
		return "", false
	}
	if strings.ContainsRune(text, utf8.RuneError) {
		lower := bytes.ToLower(value)
		written := bytes.Count(lower, []byte(`\ufffd`)) + bytes.Count(value, []byte("\uFFFD"))
		return text, written >= strings.Count(text, "\uFFFD")
	}
	return text, true
}

// stringList reads a JSON list of at most so many strings.
func stringList(value json.RawMessage, most int) ([]string, bool) {
	var raw []json.RawMessage
	if len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &raw) != nil || len(raw) > most {
		return nil, false
	}
	list := make([]string, len(raw))
	for i, entry := range raw {
		text, ok := stringValue(entry)
		if !ok {
			return nil, false
		}
		list[i] = text
	}
	return list, true
}

func isBool(value json.RawMessage) bool { return string(value) == "true" || string(value) == "false" }

func malformed(format string, args ...any) *Refusal {
	return &Refusal{Malformed, fmt.Sprintf(format, args...)}
}

// shown is a foreign text as a refusal may repeat it.
func shown(text string) string {
	const most = 40 // bytes
	if len(text) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return fmt.Sprintf("%q", text)
}

// nearest is the known word that a typo most likely meant, "" if none is near:
// one edit in three characters, two at most.
func nearest(word string, known []string) string {
	best, found := 3, ""
	for _, candidate := range known {
		if edits := distance(strings.ToLower(word), candidate, best); edits < best && edits <= len(candidate)/3 {
			best, found = edits, candidate
		}
	}
	return found
}

// distance counts the bytes put in, left out, changed and swapped with their
// neighbour (optimal string alignment); most if the lengths alone are so far
// apart.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
