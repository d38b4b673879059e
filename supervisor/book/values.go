package book

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/schema"
)

// valuesMost is the longest that the values of an operation may be, bytes:
// rules, and a little beside them.
const valuesMost = schema.RulesMost + 4<<10

func refuse(code schema.ErrorCode, format string, args ...any) *schema.Refusal {
	return &schema.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) *schema.Refusal {
	return refuse(schema.Malformed, format, args...)
}

// values are an operation's, by key, as they were written.
type values map[string]json.RawMessage

// readValues takes an operation's values apart; of other keys than these it
// refuses any. Without keys all are taken.
func readValues(op schema.Operation, keys ...string) (values, error) {
	said, err := readObject(op)
	if err != nil {
		return nil, err
	}
	for key := range said {
		if !slices.Contains(keys, key) {
			return nil, malformed("%s is no value of %s %s%s", shown(key), op.Noun, op.Verb, suggestion(key, keys))
		}
	}
	return said, nil
}

func readObject(op schema.Operation) (values, error) {
	var said values
	switch {
	case len(op.Values) > valuesMost:
		return nil, refuse(schema.TooLarge, "values: %d bytes, %d are the most", len(op.Values), valuesMost)
	case len(op.Values) == 0:
		return values{}, nil
	}
	if err := json.Unmarshal(op.Values, &said); err != nil {
		return nil, malformed("values: not one JSON object {…}")
	}
	return said, nil
}

// read puts the value of a key into to, if it was said.
func (v values) read(key, may string, to any) error {
	value, said := v[key]
	if !said {
		return nil
	}
	if string(value) == "null" || json.Unmarshal(value, to) != nil {
		return malformed("%s: may be %s", key, may)
	}
	return nil
}

// isNull tells whether a key was said to be null.
func (v values) isNull(key string) bool { return string(v[key]) == "null" }

// marshalled is a value that always marshals: text, and lists of it.
func marshalled(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// shown is a foreign text as a refusal may repeat it.
func shown(text string) string {
	const most = 64 // characters
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// suggestion ends the sentence that a word is not known: with the one it was
// likely meant to be, or with all there are.
func suggestion(word string, known []string) string {
	best, near := 3, ""
	for _, candidate := range known {
		if edits := distance(word, candidate); edits < best && edits <= len(candidate)/3 {
			best, near = edits, candidate
		}
	}
	switch {
	case near != "":
		return fmt.Sprintf(": did you mean %q?", near)
	case len(known) == 0:
		return ": it takes none"
	}
	return ": there are " + strings.Join(known, ", ")
}

// distance is how many bytes must be put in, left out or changed (Levenshtein),
// without regard to case; 64 where a word is longer than that.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
