package supervisor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// done has the operator do an operation, and refused tells why it was not.
func (h *testHouse) done(noun, verb, name, values string) (result map[string]any, refused *schema.Refusal) {
	h.t.Helper()
	op := schema.Operation{Noun: noun, Verb: verb, Name: name}
	if values != "" {
		op.Values = json.RawMessage(values)
	}
	conn, answer := h.ask(ipc.Ask{Do: &ipc.AskDo{Operation: op}})
	defer conn.Close()
	if answer.Refused == nil && json.Unmarshal(answer.JSON, &result) != nil {
		h.t.Fatalf("%s %s: answered %+v", noun, verb, answer)
	}
	return result, answer.Refused
}

func TestControlDoes(t *testing.T) {
	h := stand(t, fakeGood, 1).run()
	h.isUp()
	if result, refused := h.done("client", "add", "alice", `{"owner":true}`); refused != nil || result["client"] != "alice" || result["owner"] != true {
		t.Errorf("client add: %v, %v", result, refused)
	}
	if _, refused := h.done("client", "add", "alice", ""); refused == nil || refused.Code != schema.Exists {
		t.Errorf("client add again: %v", refused)
	}
	if _, refused := h.done("client", "marry", "alice", ""); refused == nil || refused.Code != schema.Unknown {
		t.Errorf("an operation that there is not: %v", refused)
	}
}

func TestControlPassAndBackup(t *testing.T) {
	h := stand(t, fakeGood, 1)
	h.config.Primary = "chat.example.com"
	h.run()
	front := h.isUp()
	first, one := h.ask(ipc.Ask{Pass: &ipc.AskPass{}})
	second, two := h.ask(ipc.Ask{Pass: &ipc.AskPass{}})
	first.Close()
	second.Close()
	switch {
	case one.Pass == nil || two.Pass == nil:
		t.Fatalf("answered %+v, %+v", one, two)
	case one.Pass.Token == "" || one.Pass.Token == two.Pass.Token:
		t.Error("two passes are the same")
	case one.Pass.Primary != "chat.example.com" || fmt.Sprint(one.Pass.Listen) != fmt.Sprint(front.Listen):
		t.Errorf("the pass is for %q at %v; the house listens on %v", one.Pass.Primary, one.Pass.Listen, front.Listen)
	}
	if printed := fmt.Sprintf("%+v %v %#v %s", one.Pass, *one.Pass, *one.Pass, one.Pass); strings.Contains(printed, one.Pass.Token) {
		t.Error("a pass prints its token")
	}

	file := filepath.Join(t.TempDir(), "copy.db")
	conn, answer := h.ask(ipc.Ask{Backup: &ipc.AskBackup{File: file}})
	conn.Close()
	if info, err := os.Stat(file); !answer.Done || err != nil || info.Mode() != 0o600 {
		t.Errorf("backup: %+v, %v, %v", answer, info, err)
	}
	conn, answer = h.ask(ipc.Ask{Backup: &ipc.AskBackup{File: file}})
	conn.Close()
	if answer.Refused == nil || answer.Refused.Code != schema.Exists || !strings.Contains(answer.Refused.Message, file) {
		t.Errorf("backup over a file: %+v", answer)
	}
}

// The sockets of fake puddles are anonymous, 100 + slot in the room "here".
func TestControlListsByRoomAndClient(t *testing.T) {
	h := stand(t, fakeGood, 2).run()
	h.isUp()
	list := func(ask ipc.AskSequences) (ids []string) {
		conn, answer := h.ask(ipc.Ask{Sequences: &ask})
		defer conn.Close()
		for !answer.Done {
			for _, q := range answer.Sequences {
				ids = append(ids, fmt.Sprintf("%d%v", q.ID, q.Rooms))
			}
			answer = ipc.Answer{}
			if _, err := conn.Receive(&answer); err != nil {
				t.Fatal(err)
			}
		}
		return ids
	}
	h.until("sockets are in", func() bool { return len(list(ipc.AskSequences{Room: "here"})) == 2 })
	if ids := list(ipc.AskSequences{Room: "here"}); fmt.Sprint(ids) != "[100[here] 101[here]]" {
		t.Errorf("in the room: %v", ids)
	}
	if ids := list(ipc.AskSequences{Room: "nowhere"}); ids != nil {
		t.Errorf("in another room: %v", ids)
	}
	if ids := list(ipc.AskSequences{Client: "alice"}); ids != nil {
		t.Errorf("of a client: %v", ids)
	}
	conn, answer := h.ask(ipc.Ask{Close: &ipc.AskClose{}})
	defer conn.Close()
	if c := answer.Closed; c == nil || len(c.Closed)+len(c.Missing) > 0 {
		t.Errorf("nobody named, and closed: %+v", answer)
	}
}

// The API is there, on the admin address, with the tokens that the house gave.
func TestAPIOnTheAdminAddress(t *testing.T) {
	h := stand(t, fakeGood, 1).run()
	front := h.isUp()
	h.done("client", "add", "root", `{"admin":true}`)
	token, refused := h.done("token", "add", "root", "")
	if refused != nil {
		t.Fatal(refused)
	}
	get := func(path, token string) (status int, line string) {
		request, err := http.NewRequest("GET", "http://"+front.Admin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		line, _ = bufio.NewReader(response.Body).ReadString('\n')
		return response.StatusCode, line
	}
	if status, line := get("/api/clients", token["token"].(string)); status != 200 || !strings.Contains(line, `"client":"root"`) {
		t.Errorf("/api/clients: %d %s", status, line)
	}
	if status, line := get("/api/status", token["token"].(string)); status != 200 || !strings.Contains(line, `"state":"up"`) {
		t.Errorf("/api/status: %d %s", status, line)
	}
	if status, line := get("/api/clients", "pht_guess"); status != 401 {
		t.Errorf("with a guess: %d %s", status, line)
	}
	if status, _ := get("/metrics", ""); status != 200 {
		t.Errorf("/metrics: %d", status)
	}
	if status, line := get("/nothing", ""); status != 404 {
		t.Errorf("/nothing: %d %s", status, line)
	}
}

func TestHold(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	if HasDatabase(folder) {
		t.Error("a folder that is not there has a database")
	}
	held, err := Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	if pid, busy := Holder(folder); !busy || pid != os.Getpid() || held.Database() != filepath.Join(folder, databaseFile) {
		t.Errorf("held by %d, %v; %s", pid, busy, held.Database())
	}
	if _, err := Hold(folder); err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("held twice: %v", err)
	}
	if err := held.Release(); err != nil {
		t.Error(err)
	}
	if again, err := Hold(folder); err != nil {
		t.Error(err)
	} else {
		again.Release()
	}
}
