package driver

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// verb is what a text message to an FTP room begins with.
type verb uint8

const (
	verbList verb = iota
	verbGet
	verbDelete
	verbMkdir
	verbRename
	verbPwd
	verbCwd
	verbSize
	verbPut
	verbs
)

// commands says of each verb its name and how many paths it takes.
var commands = [verbs]struct {
	name        string
	least, most int
	usage       string
}{
	verbList:   {"list", 0, 1, "LIST [path]"},
	verbGet:    {"get", 1, 1, "GET path"},
	verbDelete: {"delete", 1, 1, "DELETE path"},
	verbMkdir:  {"mkdir", 1, 1, "MKDIR path"},
	verbRename: {"rename", 2, 2, "RENAME path path"},
	verbPwd:    {"pwd", 0, 0, "PWD"},
	verbCwd:    {"cwd", 0, 1, "CWD [path]"},
	verbSize:   {"size", 1, 1, "SIZE path"},
	verbPut:    {"put", 1, 1, "PUT name, and then the file as bytes"},
}

func (v verb) String() string { return commands[v].name }

// Bounds of a command, bytes.
const (
	commandMost = 8 << 10
	pathMost    = 1024
)

// command is a text message, read; its paths are as members see them:
// absolute and clean, with the driver's root as /.
type command struct {
	verb  verb
	paths []string
}

// parseCommand reads a command of a sequence that stands in a folder. Words
// are split at spaces, double quotes hold spaces, with \" and \\.
func parseCommand(text, folder string) (c command, refusal *schema.Refusal) {
	if len(text) > commandMost {
		return c, refuse(schema.TooLarge, "a command has at most %d bytes; a file is sent as bytes", commandMost).Refused
	}
	words, ok := split(text)
	if !ok || len(words) == 0 {
		return c, refuse(schema.Malformed, `a command is words with spaces between, "in double quotes" where they have spaces; such as LIST`).Refused
	}
	which := slices.IndexFunc(commands[:], func(known struct {
		name        string
		least, most int
		usage       string
	}) bool {
		return strings.EqualFold(known.name, words[0])
	})
	if which < 0 {
		return c, refuse(schema.Unknown, "no such command: LIST GET PUT DELETE MKDIR RENAME PWD CWD SIZE are").Refused
	}
	c.verb = verb(which)
	known := commands[which]
	if n := len(words) - 1; n < known.least || n > known.most {
		return c, refuse(schema.Malformed, `send: %s; "in double quotes" where a path has spaces`, known.usage).Refused
	}
	for _, word := range words[1:] {
		joined, refusal := join(folder, word)
		if refusal != nil {
			return c, refusal
		}
		c.paths = append(c.paths, joined)
	}
	return c, nil
}

// split takes words apart. false: a quote is not closed, or stands within a word.
func split(text string) (words []string, ok bool) {
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return words, true
		}
		if text[0] != '"' {
			end := strings.IndexAny(text, " \t\r\n\"")
			switch {
			case end < 0:
				end = len(text)
			case text[end] == '"':
				return nil, false
			}
			words, text = append(words, text[:end]), text[end:]
			continue
		}
		word, rest, closed := unquote(text[1:])
		if !closed || rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n") {
			return nil, false
		}
		words, text = append(words, word), rest
	}
}

func unquote(text string) (word, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// join is the path that a word means to who stands in a folder: absolute,
// clean, never above /. CR, LF, NUL and other control characters are refused:
// on the wire a line ends there (RFC 959 section 5.3).
func join(folder, word string) (string, *schema.Refusal) {
	switch {
	case word == "":
		return "", refuse(schema.Malformed, "a path is empty").Refused
	case !utf8.ValidString(word) || strings.ContainsFunc(word, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "", refuse(schema.Malformed, "a path has no control characters, no line ends among them, and is UTF-8").Refused
	}
	joined := path.Clean("/" + word)
	if word[0] != '/' {
		joined = path.Clean("/" + folder + "/" + word)
	}
	if len(joined) > pathMost {
		return "", refuse(schema.TooLarge, "a path has at most %d bytes", pathMost).Refused
	}
	return joined, nil
}

// wire is a member's path as the server knows it.
func wire(root, shown string) string { return path.Join("/", root, path.Clean("/"+shown)) }
