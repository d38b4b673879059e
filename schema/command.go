package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Verb is what a command does.
type Verb uint8

// The verbs.
const (
	NoVerb Verb = iota
	Auth
	Whoami
	NewRoom
	DropRoom
	NewEndpoint
	DropEndpoint
	Join
	Enter
	Leave
	ListSpaces
	Who
	ChangeRules
	PutOut
	CloseSequence
	PingHouse
	Help
)

// commandRow is all that is known of one verb.
type commandRow struct {
	name  string   // as in "do"; typed in any case
	forms []string // what follows it: see form
	extra string   // keys that only envelopes have
	does  string   // what HELP says
}

// commandTable is the one table of commands: the parsers of text and of
// envelopes and HELP follow it.
//
// In a form capitals are words to be typed, other words are fields of Command,
// a … takes one or more, […] may be left out, and rules is JSON to the end.
var commandTable = [...]commandRow{
	Auth:          {"auth", []string{"TOKEN token", "client password [otp]"}, "", "say who you are"},
	Whoami:        {"whoami", []string{""}, "", "who and where this socket is, and its sibling's key"},
	NewRoom:       {"new room", []string{"room [rules]"}, "keep", "make a room and be in it"},
	DropRoom:      {"drop room", []string{"room"}, "", "end a room of your own"},
	NewEndpoint:   {"new endpoint", []string{"host room"}, "", "lead an address to a room of your own"},
	DropEndpoint:  {"drop endpoint", []string{"host"}, "", "end an address of your own"},
	Join:          {"join", []string{"room…", "room… WITH password [otp]", "room… WITH otp"}, "since", "go into rooms"},
	Enter:         {"enter", []string{"password [otp]", "otp"}, "", "answer what a room asks"},
	Leave:         {"leave", []string{"[room]"}, "", "go out of a room; without a name, of the only one"},
	ListSpaces:    {"spaces", []string{""}, "", "the rooms that you may see"},
	Who:           {"who", []string{"room"}, "", "who is in a room"},
	ChangeRules:   {"rules", []string{"room [rules]"}, "", "a room's rules; with a merge patch, change them"},
	PutOut:        {"put out", []string{"room member"}, "", "put a client or a sequence out of a room of your own"},
	CloseSequence: {"close", []string{"sequence"}, "", "close a socket of your own"},
	PingHouse:     {"ping", []string{""}, "", "is the house there"},
	Help:          {"help", []string{""}, "", "this list"},
}

// Bounds of a command.
const (
	CommandMost = RulesMost + 64<<10 // bytes of text or envelope
	RoomsMost   = 64                 // rooms of one JOIN
	WordMost    = 16 << 10           // bytes of a word: a JWT is the longest
	RefMost     = 128                // bytes of a ref
)

// Command is what somebody typed or sent as an envelope. Names are as they
// were written: they are resolved and judged by who runs it.
type Command struct {
	Verb Verb
	Do   string // for the reply's "do": the verb, or the unknown word
	Ref  string // for the reply's "ref"; "" if none was given
	Text bool   // typed, not an envelope

	Rooms    []string // one, but JOIN's; none if LEAVE names none
	Host     string   // host, or host/name
	Client   string   // of AUTH, PUT OUT
	Sequence SequenceID
	Token    string
	Password string
	OTP      string
	Since    string
	Keep     bool
	Rules    json.RawMessage // for ParseRules; nil if there are none
}

// Room is the room that is named, "" if none is.
func (c *Command) Room() string {
	if len(c.Rooms) == 0 {
		return ""
	}
	return c.Rooms[0]
}

// EntryFor is the password and the code for a room that asks for these. Where
// it asks for a code alone, the one word typed ("ENTER 123456") is the code.
func (c *Command) EntryFor(asksPassword, asksOTP bool) (password, otp string) {
	if c.Text && asksOTP && !asksPassword && c.OTP == "" {
		return "", c.Password
	}
	return c.Password, c.OTP
}

// String names the verb alone: the rest may be secret.
func (c Command) String() string { return "command " + c.Do }

// GoString is String.
func (c Command) GoString() string { return c.String() }

func (v Verb) String() string {
	if int(v) < len(commandTable) {
		return commandTable[v].name
	}
	return ""
}

// ParseCommand reads what came as text: a typed command, or an envelope where
// it begins with {. Refusals are malformed, unknown or too-large; the command
// beside one has what the reply repeats, Do and Ref.
func ParseCommand(input []byte) (Command, *Refusal) {
	if trimmed := strings.TrimLeft(string(input[:min(len(input), 64)]), " \t\r\n"); strings.HasPrefix(trimmed, "{") {
		return ParseEnvelope(input)
	}
	return parseText(input)
}

// HelpLine is one row of HELP.
type HelpLine struct {
	Type string `json:"type"` // what to type, one or more ways
	Does string `json:"does"`
}

// HelpLines is what HELP answers.
func HelpLines() []HelpLine {
	var lines []HelpLine
	for verb := Auth; int(verb) < len(commandTable); verb++ {
		lines = append(lines, HelpLine{verb.usage(), commandTable[verb].does})
	}
	return lines
}

// HelpText is HelpLines as text, each way on a line.
func HelpText() string {
	var text strings.Builder
	for _, line := range HelpLines() {
		for _, way := range strings.Split(line.Type, " | ") {
			fmt.Fprintf(&text, "%-34s %s\n", way, line.Does)
		}
	}
	return text.String()
}

// usage is what to type.
func (v Verb) usage() string {
	row := &commandTable[v]
	ways := make([]string, len(row.forms))
	for i, form := range row.forms {
		form = strings.ReplaceAll(form, "member", "client-or-sequence")
		ways[i] = strings.TrimSpace(strings.ToUpper(row.name) + " " + strings.ReplaceAll(form, "…", " …"))
	}
	return strings.Join(ways, " | ")
}

// envelopeUsage is an envelope's keys.
func (v Verb) envelopeUsage() string {
	var ways []string
	for _, f := range v.forms() {
		way := fmt.Sprintf(`{"do":%q`, v.String())
		for _, p := range f {
			if p.word == "" {
				way += ",\"" + strings.Join(p.keys(), "\"|\"") + "\":…"
			}
		}
		ways = append(ways, way+"}")
	}
	return strings.Join(ways, " | ")
}

func verbNames() []string {
	var names []string
	for verb := Auth; int(verb) < len(commandTable); verb++ {
		names = append(names, verb.String())
	}
	return names
}

func verbNamed(name string) Verb {
	for verb := Auth; int(verb) < len(commandTable); verb++ {
		if strings.EqualFold(verb.String(), name) {
			return verb
		}
	}
	return NoVerb
}

// unknownVerb refuses a word; said is how much of it was the verb.
func unknownVerb(said string) *Refusal {
	const advice = "JOIN chat goes into a room, HELP lists all commands"
	if near := nearest(said, verbNames()); near != "" {
		return &Refusal{Unknown, fmt.Sprintf("%s is no command: did you mean %s? %s", shown(said), strings.ToUpper(near), advice)}
	}
	return &Refusal{Unknown, fmt.Sprintf("%s is no command: %s", shown(said), advice)}
}

// shortened is an unknown verb as the reply repeats it.
func shortened(said string) string {
	said = strings.ToLower(said)
	const most = 32 // bytes
	if len(said) <= most {
		return said
	}
	return strings.ToValidUTF8(said[:most], "")
}
