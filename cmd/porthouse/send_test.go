package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// What goes to a URL is a POST as the contract has it.
func TestSendPosts(t *testing.T) {
	inFolder(t)
	Check(t, os.WriteFile("token", []byte("pht_secret\n"), 0o600))
	var asked *http.Request
	var body string
	answer := func(w http.ResponseWriter) { io.WriteString(w, `{"ok":"send","id":"1","receivers":2}`) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			Check(t, r.ParseMultipartForm(1<<20))
		} else {
			text, err := io.ReadAll(r.Body)
			Check(t, err)
			body = string(text)
		}
		answer(w)
	}))
	defer server.Close()
	send := func(stdin string, args ...string) command {
		var out, errors strings.Builder
		m := &Main{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errors, LookupEnv: environment{}.lookup}
		code := m.Run(t.Context(), append([]string{"send", "ws" + strings.TrimPrefix(server.URL, "http") + "/chat"}, args...))
		return command{code, out.String(), errors.String()}
	}

	got := send("", "hällo", "--token-file", "token")
	if got.code != exitDone || got.out != "sent to 2\n" || asked.Method != "POST" || asked.URL.Path != "/chat" || body != "hällo" ||
		asked.Header.Get("Content-Type") != "text/plain; charset=utf-8" || asked.Header.Get("Authorization") != "Bearer pht_secret" {
		t.Errorf("%+v: %+v %q", got, asked, body)
	}
	got = send("\xff\x00", "--json")
	if got.code != exitDone || got.out != `{"ok":"send","id":"1","receivers":2}`+"\n" || body != "\xff\x00" ||
		asked.Header.Get("Content-Type") != "application/octet-stream" || asked.Header.Get("Authorization") != "" {
		t.Errorf("%+v: %+v %q", got, asked, body)
	}
	got = send("a=b&c", "-", "--to", "alice", "--to", "bob")
	if form := asked.MultipartForm; got.code != exitDone || form == nil || form.Value["message"][0] != "a=b&c" || form.Value["to"][0] != "alice,bob" {
		t.Errorf("%+v: %+v", got, form)
	}
	got = send("\xff", "--to", "alice")
	if form := asked.MultipartForm; got.code != exitDone || form == nil || len(form.File["file"]) != 1 || form.File["file"][0].Size != 1 ||
		form.File["file"][0].Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%+v: %+v", got, form)
	}
	answer = func(w http.ResponseWriter) {
		w.WriteHeader(403)
		io.WriteString(w, `{"error":"denied","message":"not you"}`)
	}
	if got := send("", "x"); got.code != exitFailed || got.errors != "porthouse: denied: not you\n" {
		t.Errorf("%+v", got)
	}
	answer = func(w http.ResponseWriter) { w.WriteHeader(502) }
	if got := send("", "x"); got.code != exitFailed || !strings.Contains(got.errors, "502") {
		t.Errorf("%+v", got)
	}
}

func TestSendByURL(t *testing.T) {
	h := newHouse(t, 1)
	raw := Join(t, h.address, "/chat")
	file := filepath.Join(t.TempDir(), "token")
	take(t, h.data, []step{
		{args: "client add alice"},
		{args: `room add club --rules {"access":"authenticated"}`},
		{args: "send http://" + h.address + "/chat posted", out: "^sent to 1\n$"},
		{args: "send ws://" + h.address + "/chat --to " + raw.Sequence + " only", out: "^sent to 1\n$"},
		{args: "send ws://" + h.address + "/club hello", code: 1, errs: "unauthorized"},
	})
	raw.Hears(OpText, "posted")
	raw.Hears(OpText, "only")
	token, _, _ := h.run("token", "add", "alice")
	Check(t, os.WriteFile(file, []byte(token), 0o600))
	take(t, h.data, []step{
		{args: "send ws://" + h.address + "/club hello --token-file " + file, out: "^sent to 0\n$"},
		{args: "send club hello --token-file " + file, out: "^sent to 0\n$"},
	})
}
