package sequence

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

var eventNames = map[string]Event{
	"admitted": Admitted, "landed": Landed, "known": Known, "questioned": Questioned, "answered": Answered, "heard": Heard, "pinged": Pinged, "asked": Asked,
	"violated": Violated, "put-out": PutOut, "quiet": Quiet, "overdue": Overdue, "flushed": Flushed, "ended": Ended,
}

var actionNames = map[Action]string{
	Enter: "enter", Stand: "stand", Question: "question", Obey: "obey", Publish: "publish", Pong: "pong", Ping: "ping", Leave: "leave", Close: "close",
	Timeout: "timeout", Refuse: "refuse", Shut: "shut", Free: "free",
}

func TestScripts(t *testing.T) {
	file, err := os.Open("testdata/life.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	state, story := schema.Handshake, ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		event, known := eventNames[words[0]]
		if !known || len(words) < 3 {
			state, story = schema.Handshake, line
			continue
		}
		next, actions := Step(state, event)
		var did []string
		for _, action := range actions {
			did = append(did, actionNames[action])
		}
		if len(did) == 0 {
			did = []string{"-"}
		}
		if next.String() != words[1] || strings.Join(did, " ") != strings.Join(words[2:], " ") {
			t.Errorf("%s: %s: %s in %s gives %s, %v", story, line, words[0], state, next, did)
		}
		state = next
	}
}

// Whatever happens in whatever order: a socket that is seated leaves before it
// goes; nothing is sent to a room by who is not in it, nothing is taken for a
// command from who is; free is final.
func TestInvariants(t *testing.T) {
	type walk struct {
		state  schema.State
		seated bool
	}
	seen := map[walk]bool{}
	todo := []walk{{schema.Handshake, false}}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		for event := range eventCount {
			next, actions := Step(at.state, event)
			seated := at.seated
			for _, action := range actions {
				switch {
				case action == Publish && !seated, action == Obey && seated, action == Free && seated:
					t.Errorf("%s, event %d: %s while seated is %v", at.state, event, actionNames[action], seated)
				}
				seated = (seated || action == Enter) && action != Leave && action != Stand
			}
			if at.state == schema.Free && next != schema.Free {
				t.Errorf("event %d wakes the dead", event)
			}
			if seated != (next == schema.InRoom) {
				t.Errorf("%s, event %d: seated is %v in %s", at.state, event, seated, next)
			}
			todo = append(todo, walk{next, seated})
		}
	}
}
