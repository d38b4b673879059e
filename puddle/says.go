package puddle

import (
	"strconv"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// says is one JSON object that the house says, as it is written.
type says []byte

func ok(what string) says { return says(`{"ok":`).value(what) }

func event(what string) says { return says(`{"event":`).value(what) }

// failure is what a command or a message is refused with; do is "" where
// nobody can tell what was meant.
func failure(do string, refused *schema.Refusal) says {
	text := says(`{"error":`).value(string(refused.Code))
	if do != "" {
		text = text.text("do", do)
	}
	return text.text("message", refused.Message)
}

func (s says) value(text string) says { return format.AppendString(s, text) }

func (s says) key(name string) says {
	s = append(append(s, ",\""...), name...)
	return append(s, "\":"...)
}

func (s says) text(key, text string) says { return s.key(key).value(text) }

func (s says) number(key string, n int) says { return strconv.AppendInt(s.key(key), int64(n), 10) }

// json adds a value that is JSON already.
func (s says) json(key string, value []byte) says { return append(s.key(key), value...) }

func (s says) list(key string, texts []string) says {
	s = append(s.key(key), '[')
	for n, text := range texts {
		if n > 0 {
			s = append(s, ',')
		}
		s = s.value(text)
	}
	return append(s, ']')
}

// client adds a client's name, or null for an anonymous one.
func (s says) client(key, name string) says {
	if name == "" {
		return append(s.key(key), "null"...)
	}
	return s.text(key, name)
}

// ref adds what a reply repeats, if there is anything.
func (s says) ref(ref string) says {
	if ref == "" {
		return s
	}
	return s.text("ref", ref)
}

func (s says) end() []byte { return append(s, '}') }
