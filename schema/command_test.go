package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

const anID = "~0000000000001"

// Every form of every verb, typed and as an envelope, is the same command.
func TestTextAndEnvelope(t *testing.T) {
	one := SequenceID(1)
	for _, c := range []struct {
		text, envelope string
		want           Command
	}{
		{`AUTH TOKEN pht_x`, `{"do":"auth","token":"pht_x"}`, Command{Verb: Auth, Token: "pht_x"}},
		{`auth token pht_x`, `{"do":"AUTH","token":"pht_x"}`, Command{Verb: Auth, Token: "pht_x"}},
		{`AUTH alice pw`, `{"do":"auth","client":"alice","password":"pw"}`, Command{Verb: Auth, Client: "alice", Password: "pw"}},
		{`AUTH alice "p \"w\\" 123456`, `{"do":"auth","client":"alice","password":"p \"w\\","otp":"123456"}`,
			Command{Verb: Auth, Client: "alice", Password: `p "w\`, OTP: "123456"}},
		{`WHOAMI`, `{"do":"whoami"}`, Command{Verb: Whoami}},
		{` WhoAmI  `, `{"do":"whoami"}`, Command{Verb: Whoami}},
		{`NEW ROOM club`, `{"do":"new room","room":"club"}`, Command{Verb: NewRoom, Rooms: []string{"club"}}},
		{`new  room club {"echo": true, "password":"a \"b"}`, `{"do":"new room","room":"club","rules":{"echo": true, "password":"a \"b"}}`,
			Command{Verb: NewRoom, Rooms: []string{"club"}, Rules: json.RawMessage(`{"echo": true, "password":"a \"b"}`)}},
		{``, `{"do":"new room","room":"a/b","keep":true}`, Command{Verb: NewRoom, Rooms: []string{"a/b"}, Keep: true}},
		{`DROP ROOM club`, `{"do":"drop room","room":"club"}`, Command{Verb: DropRoom, Rooms: []string{"club"}}},
		{`NEW ENDPOINT a.example/x club`, `{"do":"new endpoint","host":"a.example/x","room":"club"}`,
			Command{Verb: NewEndpoint, Host: "a.example/x", Rooms: []string{"club"}}},
		{`DROP ENDPOINT a.example`, `{"do":"drop endpoint","host":"a.example"}`, Command{Verb: DropEndpoint, Host: "a.example"}},
		{`JOIN a b /c`, `{"do":"join","rooms":["a","b","/c"]}`, Command{Verb: Join, Rooms: []string{"a", "b", "/c"}}},
		{`JOIN a`, `{"do":"join","room":"a"}`, Command{Verb: Join, Rooms: []string{"a"}}},
		{`JOIN a "with"`, `{"do":"join","rooms":["a","with"]}`, Command{Verb: Join, Rooms: []string{"a", "with"}}},
		{`join a with pw 12345678`, `{"do":"join","room":"a","password":"pw","otp":"12345678"}`,
			Command{Verb: Join, Rooms: []string{"a"}, Password: "pw", OTP: "12345678"}},
		{`join a b with "with"`, `{"do":"join","rooms":["a","b"],"password":"with"}`, Command{Verb: Join, Rooms: []string{"a", "b"}, Password: "with"}},
		{``, `{"do":"join","room":"a","since":"p1","ref":"7"}`, Command{Verb: Join, Rooms: []string{"a"}, Since: "p1", Ref: "7"}},
		{``, `{"do":"join","room":"a","otp":"123456"}`, Command{Verb: Join, Rooms: []string{"a"}, OTP: "123456"}},
		{`ENTER pw`, `{"do":"enter","password":"pw"}`, Command{Verb: Enter, Password: "pw"}},
		{`ENTER pw 123456`, `{"do":"enter","password":"pw","otp":"123456"}`, Command{Verb: Enter, Password: "pw", OTP: "123456"}},
		{``, `{"do":"enter","otp":"123456"}`, Command{Verb: Enter, OTP: "123456"}},
		{`LEAVE`, `{"do":"leave"}`, Command{Verb: Leave}},
		{`LEAVE a`, `{"do":"leave","room":"a"}`, Command{Verb: Leave, Rooms: []string{"a"}}},
		{"SPACES\r\n", `{"do":"spaces"}`, Command{Verb: ListSpaces}},
		{`WHO a`, `{"do":"who","room":"a"}`, Command{Verb: Who, Rooms: []string{"a"}}},
		{`RULES a`, `{"do":"rules","room":"a"}`, Command{Verb: ChangeRules, Rooms: []string{"a"}}},
		{`RULES a {"size":null}`, `{"do":"rules","room":"a","rules":{"size":null}}`,
			Command{Verb: ChangeRules, Rooms: []string{"a"}, Rules: json.RawMessage(`{"size":null}`)}},
		{`PUT OUT a bob`, `{"do":"put out","room":"a","client":"bob"}`, Command{Verb: PutOut, Rooms: []string{"a"}, Client: "bob"}},
		{`PUT OUT a ` + anID, `{"do":"put out","room":"a","sequence":"` + anID + `"}`, Command{Verb: PutOut, Rooms: []string{"a"}, Sequence: one}},
		{`CLOSE ` + anID, `{"do":"close","sequence":"` + anID + `"}`, Command{Verb: CloseSequence, Sequence: one}},
		{`PING`, `{"do":"ping"}`, Command{Verb: PingHouse}},
		{`HELP`, `{"do":"help"}`, Command{Verb: Help}},
	} {
		c.want.Do = c.want.Verb.String()
		for _, input := range []string{c.text, c.envelope} {
			if input == "" {
				continue
			}
			want := c.want
			want.Text = input == c.text
			if got, refusal := ParseCommand([]byte(input)); refusal != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\ngot  %s %v\nwant %s", input, showCommand(got), refusal, showCommand(want))
			}
		}
	}
}

func showCommand(c Command) string {
	text, _ := json.Marshal(c)
	return string(text)
}

func TestCommandsRefused(t *testing.T) {
	deep := strings.Repeat(`[`, 9) + strings.Repeat(`]`, 9)
	for _, c := range []struct{ input, do, want string }{
		{"", "", "malformed: nothing was typed"},
		{" \t\r\n", "", "malformed: nothing was typed"},
		{"JION chat", "jion chat", ""},
		{"JION", "jion", `unknown: "JION" is no command: did you mean JOIN?`},
		{"hello there", "hello", "unknown: \"hello\" is no command: JOIN chat goes into a room, HELP lists all"},
		{"hello \"there", "hello", "unknown"},
		{"NEW", "new", "unknown"},
		{"NEW ROOMS x", "new rooms", "did you mean NEW ROOM?"},
		{`"JOIN" a`, "join", "unknown"},
		{`NEWROOM x`, "newroom", "did you mean NEW ROOM?"},
		{`"NEW ROOM" x`, "new room", "unknown"},
		{strings.Repeat("é", 100), strings.Repeat("é", 16), "unknown"},
		{"JOIN", "join", "malformed: type: JOIN room … | JOIN room … WITH password [otp] | JOIN room … WITH otp"},
		{"JOIN a WITH", "join", "malformed: type: JOIN"},
		{"JOIN WITH", "join", "malformed: type: JOIN"},
		{"JOIN a WITH b 1 c", "join", "malformed: type: JOIN"},
		{`JOIN ""`, "join", "malformed: room: "},
		{`JOIN {"room":"a"}`, "join", "malformed: type: JOIN"},
		{"JOIN a\nJOIN b", "join", "one command at a time"},
		{`JOIN "a`, "join", "a double quote is not closed; type: JOIN"},
		{`JOIN a"b`, "join", "a quote within a word"},
		{`JOIN "a"b`, "join", "a blank must follow"},
		{`JOIN "a\n"`, "join", "a backslash within quotes"},
		{"JOIN" + strings.Repeat(" a", 65), "join", "malformed: room: at most 64"},
		{"JOIN" + strings.Repeat(" a", 1000), "join", "malformed: too many words"},
		{"JOIN " + strings.Repeat("a", WordMost+1), "join", "malformed: a word has at most"},
		{"\xff", "", "malformed: a command is UTF-8"},
		{strings.Repeat("a", CommandMost+1), "", "too-large"},
		{"AUTH", "auth", "malformed: type: AUTH TOKEN token | AUTH client password [otp]"},
		{"AUTH TOKEN", "auth", "malformed: type: AUTH"},
		{"AUTH TOKEN a b", "auth", "malformed: type: AUTH"},
		{"AUTH ~a b", "auth", "malformed: client: "},
		{"AUTH a b sixsix", "auth", "malformed: otp: "},
		{"WHOAMI now", "whoami", "malformed: type: WHOAMI"},
		{"NEW ROOM", "new room", "malformed: type: NEW ROOM room [rules]"},
		{"NEW ROOM x y", "new room", "malformed: type: NEW ROOM"},
		{"NEW ENDPOINT a.example:80 x", "new endpoint", "malformed: host: "},
		{"CLOSE ~0000000000000", "close", "malformed: sequence: "},
		{"PUT OUT a ~0000000000000", "put out", "malformed: member: "},
		{"CLOSE me", "close", "malformed: sequence: "},
		{"PUT OUT a ~b", "put out", "malformed: member: "},
		{"ENTER", "enter", "malformed: type: ENTER password [otp] | ENTER otp"},

		{`{`, "", "malformed: envelope: no JSON"},
		{`{}`, "", "malformed: do: the envelope has none"},
		{`{"data":1}`, "", "malformed: do: the envelope has none"},
		{`{"do":1}`, "", "malformed: do: a string"},
		{`{"do":"jion"}`, "jion", `unknown: "jion" is no command: did you mean JOIN?`},
		{`{"do":""}`, "", "unknown"},
		{`{"do":"new  room"}`, "new  room", "unknown"},
		{`{"do":"join"}`, "join", `malformed: send: {"do":"join","room"|"rooms":…`},
		{`{"do":"join","room":"a","room":"b"}`, "join?", "said twice"},
		{`{"do":"join","room":"a","rooms":["b"]}`, "join", "malformed: send: "},
		{`{"do":"join","room":["a"]}`, "join", "malformed: room: "},
		{`{"do":"join","rooms":"a"}`, "join", "malformed: rooms: "},
		{`{"do":"join","rooms":[]}`, "join", "malformed: rooms: "},
		{`{"do":"join","rooms":["a",1]}`, "join", "malformed: rooms: "},
		{`{"do":"join","rooms":["a","b"],"since":"x"}`, "join", "malformed: since: "},
		{`{"do":"join","room":"a","pasword":"x"}`, "join", `"pasword" is no key of "join": did you mean "password"?`},
		{`{"do":"join","room":"a","token":"x"}`, "join", `"token" is no key of "join": it takes do ref`},
		{`{"do":"join","room":"a","otp":123456}`, "join", "malformed: otp: "},
		{`{"do":"join","room":"a","ref":1}`, "join", "malformed: ref: "},
		{`{"do":"ping","ref":""}`, "ping", "malformed: ref: "},
		{`{"do":"new room","room":"a","keep":"true"}`, "new room", "malformed: keep: true or false"},
		{`{"do":"new room","room":"a","rules":"x"}`, "new room", "malformed: rules: an object"},
		{`{"do":"new room","room":"a","rules":` + deep + `}`, "", "nested deeper than 8"},
		{`{"do":"auth","token":"t","client":"a"}`, "auth", "malformed: send: "},
		{`{"do":"auth","client":"a"}`, "auth", "malformed: send: "},
		{`{"do":"put out","room":"a","client":"b","sequence":"` + anID + `"}`, "put out", "malformed: send: "},
		{`{"do":"put out","room":"a","member":"b"}`, "put out", `"member" is no key`},
		{`{"do":"enter"}`, "enter", "malformed: send: "},
		{`{"do":"auth","client":"a","password":"\ud800"}`, "auth", "malformed: password: "},
		{`{"do":"ping"} x`, "", "malformed: envelope: no JSON"},
	} {
		got, refusal := ParseCommand([]byte(c.input))
		if refusal == nil || !strings.Contains(refusal.Error(), c.want) {
			t.Errorf("%.80q: %v, want %s", c.input, refusal, c.want)
		}
		if c.want != "" && !strings.HasSuffix(c.do, "?") && got.Do != c.do {
			t.Errorf("%.80q: do %q, want %q", c.input, got.Do, c.do)
		}
	}
}

// The ref is repeated whatever else is wrong, in whatever order it came.
func TestRefOfARefusal(t *testing.T) {
	for _, input := range []string{
		`{"x":1,"do":"join","ref":"7"}`, `{"do":"jion","ref":"7"}`, `{"ref":"7"}`, `{"do":3,"ref":"7"}`, `{"do":"join","ref":"7"}`,
	} {
		if c, refusal := ParseCommand([]byte(input)); refusal == nil || c.Ref != "7" {
			t.Errorf("%s: %q %v", input, c.Ref, refusal)
		}
	}
}

func TestRefusalsRepeatNoSecret(t *testing.T) {
	for _, input := range []string{
		`AUTH alice hunter2 hunter2`, `AUTH TOKEN hunter2 hunter2`, `JOIN a WITH hunter2 hunter2`, `ENTER a hunter2`,
		`ENTER hunter2"`, `{"do":"auth","client":"a","password":["hunter2"]}`, `{"do":"enter","otp":"hunter2"}`, `{"do":"auth","token":{"hunter2":1}}`,
	} {
		if _, refusal := ParseCommand([]byte(input)); refusal == nil || strings.Contains(refusal.Message, "hunter2") {
			t.Errorf("%s: %v", input, refusal)
		}
	}
}

func TestEntryFor(t *testing.T) {
	typed, _ := ParseCommand([]byte(`ENTER 123456`))
	if p, o := typed.EntryFor(false, true); p != "" || o != "123456" {
		t.Errorf("typed: %q %q", p, o)
	}
	if p, o := typed.EntryFor(true, true); p != "123456" || o != "" {
		t.Errorf("typed for both: %q %q", p, o)
	}
	sent, _ := ParseCommand([]byte(`{"do":"enter","password":"123456"}`))
	if p, o := sent.EntryFor(false, true); p != "123456" || o != "" {
		t.Errorf("sent: %q %q", p, o)
	}
}

// HELP has every verb, and every field of its forms is one that is known.
func TestHelpIsWhole(t *testing.T) {
	text := HelpText()
	for verb := Auth; int(verb) < len(commandTable); verb++ {
		row := commandTable[verb]
		if row.name == "" || row.does == "" || !strings.Contains(text, strings.ToUpper(row.name)) {
			t.Errorf("verb %d has no help", verb)
		}
		if verbNamed(row.name) != verb {
			t.Errorf("%s is not found by its name", row.name)
		}
		for _, f := range verb.forms() {
			for _, p := range f {
				if p.word == "" && p.field != "rules" && fieldNamed(p.field) == nil {
					t.Errorf("%s: %q is no field", row.name, p.field)
				}
			}
		}
	}
	t.Logf("\n%s", text)
}

func TestHugeCommandsAreRefusedFast(t *testing.T) {
	for _, input := range []string{
		strings.Repeat("[", 10<<20), "{" + strings.Repeat(`"a":{`, CommandMost/5-1), strings.Repeat(`" `, CommandMost/2),
		"JOIN " + strings.Repeat(`a `, CommandMost/2-5), `{"do":"join","rooms":[` + strings.Repeat(`"",`, CommandMost/4) + `""]}`,
	} {
		began := time.Now()
		if _, refusal := ParseCommand([]byte(input)); refusal == nil || len(refusal.Message) > 600 {
			t.Errorf("%.20s…: %.600v", input, refusal)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%.20s… took %v", input, took)
		}
	}
}

func FuzzCommandText(f *testing.F) {
	for _, seed := range []string{
		`AUTH TOKEN x`, `JOIN a b WITH "p w" 123456`, `NEW ROOM a {"echo":true}`, `PUT OUT a ~0000000000001`, `JOIN "a\"\\"`, `NEW ENDPOINT a b`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(checkCommand)
}

func FuzzCommandEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"do":"join","rooms":["a"],"password":"x","ref":"1"}`, `{"do":"new room","room":"a","rules":{"echo":true},"keep":true}`,
		`{"do":"put out","room":"a","sequence":"~0000000000001"}`, `{"do":"auth","client":"a","password":"b","otp":"1"}`, `{"data":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		c, refusal := ParseEnvelope(input)
		checkOutcome(t, input, c, refusal)
	})
}

func checkCommand(t *testing.T, input []byte) {
	c, refusal := ParseCommand(input)
	checkOutcome(t, input, c, refusal)
}

// checkOutcome: a refusal has a code and can be sent; a command is whole, and
// one of verb and names alone is the same when typed again with quotes.
func checkOutcome(t *testing.T, input []byte, c Command, refusal *Refusal) {
	if refusal != nil {
		switch refusal.Code {
		case Malformed, Unknown, TooLarge:
		default:
			t.Fatalf("%q: %v", input, refusal)
		}
		if refusal.Message == "" || len(refusal.Message) > 1000 || !json.Valid(refusal.JSON()) || len(c.Do) > 32 || len(c.Ref) > RefMost {
			t.Fatalf("%q: %v", input, refusal)
		}
		return
	}
	if c.Verb == NoVerb || c.Do != c.Verb.String() || len(c.Rooms) > RoomsMost {
		t.Fatalf("%q: %s", input, showCommand(c))
	}
	for _, room := range c.Rooms {
		if room == "" {
			t.Fatalf("%q: a room without a name", input)
		}
	}
	plain := Command{Verb: c.Verb, Do: c.Do, Text: true, Host: c.Host, Rooms: c.Rooms}
	if !c.Text || !reflect.DeepEqual(c, plain) {
		return
	}
	words := c.Rooms
	if c.Host != "" {
		words = append([]string{c.Host}, words...)
	}
	text := c.Do
	for _, w := range words {
		text += ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
	}
	if again, refusal := ParseCommand([]byte(text)); refusal != nil || !reflect.DeepEqual(again, c) {
		t.Fatalf("%q again as %q: %s %v", input, text, showCommand(again), refusal)
	}
}
