package schema

import "strings"

// form is one way to say a command.
type form []part

type part struct {
	word     string // to be typed; "" if it is a field
	field    string
	many     bool
	optional bool
}

// keys are those of an envelope that give the field.
func (p part) keys() []string {
	switch {
	case p.field == "member":
		return []string{"client", "sequence"}
	case p.many:
		return []string{p.field, p.field + "s"}
	}
	return []string{p.field}
}

func (v Verb) forms() []form { return commandForms[v] }

var commandForms = parseForms()

func parseForms() (all [len(commandTable)][]form) {
	for verb := range commandTable {
		for _, text := range commandTable[verb].forms {
			all[verb] = append(all[verb], parseForm(text))
		}
	}
	return all
}

func parseForm(text string) (f form) {
	for word := range strings.FieldsSeq(text) {
		var p part
		p.field, p.optional = strings.CutPrefix(word, "[")
		p.field = strings.TrimSuffix(p.field, "]")
		p.field, p.many = strings.CutSuffix(p.field, "…")
		if p.field == strings.ToUpper(p.field) {
			p.word, p.field = p.field, ""
		}
		f = append(f, p)
	}
	return f
}

// commandField is what one field of a command may be and where it goes: in
// text every value is a word.
type commandField struct {
	name string
	may  string
	set  func(c *Command, text string) bool
}

var commandFields = [...]commandField{
	{"token", mayWord, wordInto(func(c *Command) *string { return &c.Token })},
	{"client", "a client's name of 1 to 128 characters", (*Command).setClient},
	{"password", mayWord, wordInto(func(c *Command) *string { return &c.Password })},
	{"otp", "a code's digits, as a string", func(c *Command, text string) bool {
		c.OTP = text
		return len(text) <= 16 && strings.Trim(text, "0123456789") == "" && text != ""
	}},
	{"room", mayWord, func(c *Command, text string) bool {
		c.Rooms = append(c.Rooms, text)
		return text != "" && len(c.Rooms) <= RoomsMost
	}},
	{"host", "a host without port, or host/room", func(c *Command, text string) bool {
		c.Host = text
		host, _, _ := strings.Cut(text, "/")
		_, port, ok := SplitHost(host)
		return ok && port == ""
	}},
	{"sequence", `"~" and 13 characters, as WHOAMI and WHO show it`, (*Command).setSequence},
	{"member", "a client's name, or a sequence as WHO shows it", func(c *Command, text string) bool {
		if strings.HasPrefix(text, "~") {
			return c.setSequence(text)
		}
		return c.setClient(text)
	}},
	{"since", mayWord, wordInto(func(c *Command) *string { return &c.Since })},
}

const mayWord = "a string that is not empty"

func wordInto(at func(*Command) *string) func(*Command, string) bool {
	return func(c *Command, text string) bool {
		*at(c) = text
		return text != ""
	}
}

func (c *Command) setClient(text string) bool {
	c.Client = text
	return IsClientName(text)
}

func (c *Command) setSequence(text string) bool {
	id, err := ParseSequenceID(text)
	c.Sequence = id
	return err == nil && id != 0
}

func fieldNamed(name string) *commandField {
	for i := range commandFields {
		if commandFields[i].name == name {
			return &commandFields[i]
		}
	}
	return nil
}
