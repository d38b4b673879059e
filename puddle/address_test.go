package puddle

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

var paths = []struct {
	path string
	want target
}{
	{"/", target{kind: targetLobby}},
	{"/chat", target{kind: targetRoom, room: "chat"}},
	{"/Chat", target{kind: targetRoom, room: "Chat"}},
	{"/~a_b.c-9", target{kind: targetRoom, room: "~a_b.c-9"}},
	{"/alice/notes", target{kind: targetRoom, room: "alice/notes"}},
	{"/al-ice9/Notes", target{kind: targetRoom, room: "al-ice9/Notes"}},
	{"/" + strings.Repeat("a", 128), target{kind: targetRoom, room: strings.Repeat("a", 128)}},
	{"/alice/" + strings.Repeat("a", 128), target{kind: targetRoom, room: "alice/" + strings.Repeat("a", 128)}},
	{"/-/health", target{kind: targetHealth}},
	{"/-/ready", target{kind: targetReady}},

	{"", target{}},
	{"chat", target{}},
	{"//", target{}},
	{"//chat", target{}},
	{"/chat/", target{}},
	{"/alice/notes/", target{}},
	{"/alice//notes", target{}},
	{"/a/b/c", target{}},
	{"/Alice/notes", target{}},
	{"/token/notes", target{}},
	{"/~alice/notes", target{}},
	{"/alice-/notes", target{}},
	{"/" + strings.Repeat("a", 64) + "/notes", target{}},
	{"/" + strings.Repeat("a", 129), target{}},
	{"/ch%61t", target{}},
	{"/alice%2Fnotes", target{}},
	{"/%2e%2e/a", target{}},
	{"/.", target{}},
	{"/..", target{}},
	{"/../chat", target{}},
	{"/alice/..", target{}},
	{"/.well-known/acme", target{}},
	{"/-", target{}},
	{"/-chat", target{}},
	{"/-/", target{}},
	{"/-/Health", target{}},
	{"/-/health/", target{}},
	{"/-/sibling", target{kind: targetSibling}},
	{"/alice/-", target{}},
	{"/favicon.ico", target{}},
	{"/robots.txt", target{}},
	{"/alice/robots.txt", target{}},
	{"/a+b", target{}},
	{"/a:b", target{}},
	{"/a\\b", target{}},
	{"/a;b", target{}},
}

func TestResolve(t *testing.T) {
	for _, test := range paths {
		got, refusal := resolve([]byte(test.path))
		if got != test.want {
			t.Errorf("%q leads to %v", test.path, got)
		}
		if refused := test.want.kind == targetNone; refused != (refusal != nil) || refused && refusal.Code != schema.NotFound {
			t.Errorf("%q: %v", test.path, refusal)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, test := range paths {
		f.Add([]byte(test.path))
	}
	f.Fuzz(func(t *testing.T, path []byte) {
		to, refusal := resolve(path)
		switch {
		case refusal != nil:
			if to != (target{}) || refusal.Code != schema.NotFound || !json.Valid(refusal.JSON()) || !json.Valid(closeReasonOf(refusal)) {
				t.Fatalf("%q: %v, %v", path, to, refusal)
			}
		case to.kind == targetRoom:
			if "/"+to.room != string(path) || schema.CheckRoom(to.room) != nil || len(to.room) > schema.FullNameMost || isReserved(path) {
				t.Fatalf("%q: %v", path, to)
			}
		case to.room != "" || to.kind == targetNone:
			t.Fatalf("%q: %v", path, to)
		}
	})
}

func TestTargetAnswer(t *testing.T) {
	for _, test := range []struct {
		line   string // of method and path
		fields string
		ready  bool
		status int
		text   string // what the body has
	}{
		{"GET /-/health", "", false, 200, "ok\n"},
		{"HEAD /-/health", "", false, 200, ""},
		{"POST /-/health", "", false, 405, "GET and HEAD"},
		{"GET /-/health", upgradeLines, false, 200, "ok\n"},
		{"GET /-/ready", "", true, 200, "ok\n"},
		{"GET /-/ready", "", false, 503, "starting or stopping"},
		{"HEAD /-/ready", "", false, 503, ""},
		{"GET /-/nothing", "", true, 404, `"error":"not-found"`},
		{"GET /", "", true, 426, "lobby; open a WebSocket to it:\n\n\twebsocat ws://porthouse.example/\n"},
		{"GET /-/sibling", "", true, 426, "websocat ws://porthouse.example/-/sibling\n"},
		{"GET /chat", "", true, 426, "websocat ws://porthouse.example/chat\n"},
		{"GET /alice/notes?a=b", "", true, 426, "websocat ws://porthouse.example/alice/notes\n"},
		{"HEAD /chat", "", true, 426, ""},
		{"PUT /chat", "", true, 405, `"error":"unknown"`},
		{"get /chat", "", true, 405, `"error":"unknown"`},
		{"OPTIONS /chat", "", true, 405, ""},
		{"GET /chat", "Accept: text/html, Text/Event-Stream;q=0.9\r\n", true, 406, `"error":"unavailable"`},
		{"GET /chat", "Accept: */*\r\n", true, 426, "websocat"},
		{"DELETE /a/b/c", "", true, 404, `"error":"not-found"`},
	} {
		req := judged(t, test.line+" HTTP/1.1\r\n"+onHost+test.fields+"\r\n")
		to, _ := resolve(req.path)
		response, body := parsed(t, to.answer(req, test.ready).append(nil), string(req.method))
		if response.StatusCode != test.status || !strings.Contains(string(body), test.text) {
			t.Errorf("%s: %d %q", test.line, response.StatusCode, body)
		}
		if string(req.method) == "HEAD" && (len(body) > 0 || response.ContentLength <= 0) {
			t.Errorf("%s: length %d, body %q", test.line, response.ContentLength, body)
		}
		if (response.StatusCode == 405) != (response.Header.Get("Allow") != "") ||
			(response.StatusCode == 426) != (response.Header.Get("Upgrade") == "websocket") ||
			(response.StatusCode == 503) != (response.Header.Get("Retry-After") != "") {
			t.Errorf("%s: %v", test.line, response.Header)
		}
	}
}

// What a browser is told of a room that is not there must say what to do.
func TestNoRoom(t *testing.T) {
	for _, name := range []string{"chat", "alice/notes", strings.Repeat("a", 128)} {
		var back schema.Refusal
		if err := json.Unmarshal(closeReasonOf(notFound(missing(name))), &back); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(back.Message, "porthouse up --open") {
			t.Errorf("%s", back.Message)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for _, test := range []struct {
		text, host, port string
		ok               bool
	}{
		{"h", "h", "", true},
		{"h:1", "h", "1", true},
		{"127.0.0.1:65535", "127.0.0.1", "65535", true},
		{"[::1]", "[::1]", "", true},
		{"[::1]:80", "[::1]", "80", true},
		{"", "", "", false},
		{"h:65536", "h", "65536", false},
		{"h:000080", "h", "000080", false},
		{"[]:80", "", "", false},
		{"[::1]80", "", "", false},
	} {
		host, port, ok := splitHost([]byte(test.text))
		if ok != test.ok || ok && (string(host) != test.host || string(port) != test.port) {
			t.Errorf("%q: %q %q %v", test.text, host, port, ok)
		}
	}
}
