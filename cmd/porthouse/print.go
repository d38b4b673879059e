package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printRaw writes JSON as the house told it.
func (m *Main) printRaw(result json.RawMessage) error {
	_, err := fmt.Fprintf(m.Stdout, "%s\n", bytes.TrimSpace(result))
	return err
}

// printObject writes a JSON object for a person: a line for each key, in the
// order in which they were told, and of an object in it likewise.
func printObject(w io.Writer, object json.RawMessage) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := printFields(t, "", object); err != nil {
		return fmt.Errorf("the house's answer: %w", err)
	}
	return t.Flush()
}

func printFields(w io.Writer, indent string, object json.RawMessage) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if indent == "" && value[0] == '{' {
			fmt.Fprintf(w, "%v\t\n", key)
			if err := printFields(w, "  ", value); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s%v\t%s\n", indent, key, plain(value))
	}
	return nil
}

// plain is a JSON value as a person would write it.
func plain(value json.RawMessage) string {
	var text string
	var list []string
	switch {
	case json.Unmarshal(value, &list) == nil && list != nil:
		return orDash(strings.Join(list, " "))
	case string(value) != "null" && json.Unmarshal(value, &text) == nil:
		return orDash(text)
	case string(value) == "null":
		return "-"
	}
	return string(value)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// printTable reads a list of objects and writes a line for each.
func printTable[row any](w io.Writer, list json.RawMessage, none, head string, line func(row) []string) error {
	var all []row
	if err := json.Unmarshal(list, &all); err != nil {
		return fmt.Errorf("the house's answer: %w", err)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, one := range all {
		fmt.Fprintln(t, strings.Join(line(one), "\t"))
	}
	return t.Flush()
}

// yes shows what is so, and nothing of what is not.
func yes(is bool, word string) string {
	if is {
		return word
	}
	return "-"
}
