package puddle

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

func TestHitRoutes(t *testing.T) {
	for _, c := range []struct {
		request string // without HTTP/1.1
		lines   string
		status  int
		kind    hitKind // where it is asked about
		asked   bool
		allow   string
	}{
		{request: "POST /", status: 200, kind: hitSend, asked: true},
		{request: "POST /alice/notes", status: 200, kind: hitSend, asked: true},
		{request: "POST /%61?x=/-/spaces", status: 200, kind: hitSend, asked: true},
		{request: "GET /-/spaces", status: 200, kind: hitSpaces, asked: true},
		{request: "HEAD /-/spaces?token=t", status: 200, kind: hitSpaces, asked: true},
		{request: "GET /-/host?domain=chat.example", status: 200, kind: hitHost, asked: true},
		{request: "GET /-/host", status: 400},
		{request: "GET /-/host?domain=%zz", status: 400},
		{request: "GET /-/health", status: 200, kind: hitPlain, asked: true},
		{request: "GET /chat", status: 200, kind: hitPlain, asked: true},
		{request: "GET /chat", lines: "Accept: text/html, Text/Event-Stream;q=0.9\r\n", status: 406},
		{request: "PUT /chat", status: 405, allow: "POST, OPTIONS"},
		{request: "POST /-/spaces", status: 405, allow: "GET, HEAD, OPTIONS"},
		{request: "POST /-/host?domain=d", status: 405, allow: "GET, HEAD, OPTIONS"},
		{request: "DELETE /-/spaces", status: 405, allow: "GET, HEAD, OPTIONS"},
		{request: "OPTIONS /chat", status: 204, allow: "POST, OPTIONS"},
		{request: "GET http://h/-/spaces", status: 400},
		{request: "OPTIONS *", status: 400},
		{request: "CONNECT h:80", status: 400},
		{request: "GET /-/spaces", lines: "Content-Length: 1\r\n", status: 400},
		{request: "GET /chat", lines: "Connection: Upgrade\r\nUpgrade: WebSocket\r\n", status: 400},
		{request: "GET /chat", lines: "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", status: 400},
	} {
		t.Run(c.request, func(t *testing.T) {
			td := openDesk(t, func(l *deskLimits) { l.plain = true }, func(h hit) { h.done(hitAnswer{status: 200, json: []byte(`[1]`)}) })
			response, body := td.trade(c.request + " HTTP/1.1\r\nHost: h\r\n" + c.lines + "\r\n")
			if response.StatusCode != c.status || response.Header.Get("Allow") != c.allow {
				t.Fatalf("%s, Allow %q: %s", response.Status, response.Header.Get("Allow"), body)
			}
			switch head := strings.HasPrefix(c.request, "HEAD"); {
			case c.status == 204 && body != "":
				t.Errorf("a body with 204: %q", body)
			case head && (body != "" || response.ContentLength != 4):
				t.Errorf("HEAD: %q, length %d; want none, 4", body, response.ContentLength)
			case c.status == 200 && !head && body != "[1]\n":
				t.Errorf("%q", body)
			case c.status >= 400 && (!strings.HasPrefix(body, `{"error":"`) || !strings.HasSuffix(body, "\"}\n")):
				t.Errorf("%q is no refusal", body)
			}
			if !c.asked {
				if n := len(td.asked()); n != 0 {
					t.Errorf("%d hits", n)
				}
				return
			}
			if h := td.one(); h.kind != c.kind || h.kind == hitHost && h.domain != "chat.example" {
				t.Errorf("%v %q; want %v", h.kind, h.domain, c.kind)
			}
		})
	}
}

// Unless the loop says that it answers it, GET of a room is none of the desk's.
func TestHitPlainIsOptional(t *testing.T) {
	td := openDesk(t, nil, nil)
	for path, allow := range map[string]string{"/chat": "POST, OPTIONS", "/-/health": "GET, HEAD, OPTIONS"} {
		response, body := td.trade("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if response.StatusCode != 405 || response.Header.Get("Allow") != allow {
			t.Errorf("%s: %s, Allow %q: %s", path, response.Status, response.Header.Get("Allow"), body)
		}
	}
	if n := len(td.asked()); n != 0 {
		t.Errorf("%d hits", n)
	}
}

func TestHitCredentials(t *testing.T) {
	const basic = "Authorization: Basic YWxpY2U6YTpi\r\n" // alice:a:b
	alice := ipc.Credential{Client: "alice", Password: "a:b"}
	for _, c := range []struct {
		name, query, lines string
		status             int
		want               ipc.Credential
		basic              bool
	}{
		{name: "none", status: 200},
		{name: "bearer", lines: "Authorization: Bearer pht_a\r\n", status: 200, want: ipc.Credential{Token: "pht_a"}},
		{name: "bearer in any case", lines: "authorization: bEARER  pht_a \r\n", status: 200, want: ipc.Credential{Token: "pht_a"}},
		{name: "basic", lines: basic, status: 200, want: alice, basic: true},
		{name: "query", query: "?x=1&token=a%2Bb&token=other", status: 200, want: ipc.Credential{Token: "a+b"}},
		{name: "bearer before query", query: "?token=q", lines: "Authorization: Bearer h\r\n", status: 200, want: ipc.Credential{Token: "h"}},
		{name: "basic before query", query: "?token=q", lines: basic, status: 200, want: alice, basic: true},
		{name: "empty bearer", query: "?token=q", lines: "Authorization: Bearer \r\n", status: 401},
		{name: "no base64", query: "?token=q", lines: "Authorization: Basic ~~~\r\n", status: 401},
		{name: "nobody's basic", lines: "Authorization: Basic OnB3\r\n", status: 401},
		{name: "another scheme", query: "?token=q", lines: "Authorization: Digest x\r\n", status: 401},
		{name: "empty", query: "?token=", lines: "Authorization:\r\n", status: 401},
		{name: "two", lines: "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", status: 400},
		{name: "empty token", query: "?token=", status: 401},
		{name: "broken token", query: "?token=%f", status: 400},
		{name: "broken field of others", query: "?a=%&token=q", status: 200, want: ipc.Credential{Token: "q"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := openDesk(t, nil, nil)
			response, body := td.trade("GET /-/spaces" + c.query + " HTTP/1.1\r\nHost: h\r\n" + c.lines + "\r\n")
			if response.StatusCode != c.status {
				t.Fatalf("%s %s", response.Status, body)
			}
			if challenge := response.Header.Get("WWW-Authenticate"); (challenge == "Bearer") != (c.status == 401) {
				t.Errorf("WWW-Authenticate %q with %d", challenge, c.status)
			}
			if c.status != 200 {
				return
			}
			if h := td.one(); h.credential != c.want || h.offered != (c.want != ipc.Credential{}) || h.basic != c.basic {
				t.Errorf("%+v, offered %t, basic %t", h.credential, h.offered, h.basic)
			}
		})
	}
}

func TestHitEntry(t *testing.T) {
	td := openDesk(t, nil, nil)
	td.trade("POST /club?password=p%20q&otp=123456 HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 22\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\n\r\nmessage=x&password=two")
	if h := td.one(); h.password != "p q" || h.otp != "123456" || h.key != "k" || h.query != "password=p%20q&otp=123456" {
		t.Errorf("%q %q, key %q, query %q", h.password, h.otp, h.key, h.query)
	}
	if shown := fmt.Sprintf("%v %+v %#v", td.one(), td.one(), td.asked()); strings.Contains(shown, "123456") || strings.Contains(shown, "p q") {
		t.Error("a hit shows its secrets:", shown)
	}
}

// What the loop answers arrives with what its status needs.
func TestHitAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer hitAnswer
		status int
		body   string
		want   map[string]string
	}{
		{"sent", hitAnswer{status: 200, json: []byte(`{"ok":"send","id":"1","receivers":2}`)}, 200, `{"ok":"send","id":"1","receivers":2}` + "\n",
			map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}},
		{"has its newline", hitAnswer{status: 200, json: []byte("[]\n")}, 200, "[]\n", nil},
		{"rate", hitRefused(&schema.Refusal{Code: schema.Rate, Message: "m"}, 7), 429, "", map[string]string{"Retry-After": "7"}},
		{"full", hitRefused(&schema.Refusal{Code: schema.Full, Message: "m"}, 0), 503, "", map[string]string{"Retry-After": "1"}},
		{"unavailable", hitRefused(&schema.Refusal{Code: schema.Unavailable, Message: "m"}, 0), 503, "", map[string]string{"Retry-After": "1"}},
		{"unauthorized", hitRefused(&schema.Refusal{Code: schema.Unauthorized, Message: "m"}, 0), 401, "", map[string]string{"WWW-Authenticate": "Bearer"}},
		{"denied", hitRefused(&schema.Refusal{Code: schema.Denied, Message: "m"}, 0), 403, "", map[string]string{"WWW-Authenticate": ""}},
		{"malformed", hitRefused(&schema.Refusal{Code: schema.Malformed, Message: "m"}, 0), 400, `{"error":"malformed","message":"m"}` + "\n", nil},
		{"not found", hitRefused(&schema.Refusal{Code: schema.NotFound, Message: "m"}, 0), 404, "", nil},
		{"exists", hitRefused(&schema.Refusal{Code: schema.Exists, Message: "m"}, 0), 409, "", nil},
		{"too large", hitRefused(&schema.Refusal{Code: schema.TooLarge, Message: "m"}, 0), 413, "", nil},
		{"format", hitRefused(&schema.Refusal{Code: schema.Format, Message: "m"}, 0), 422, "", nil},
		{"challenge", hitAnswer{status: 403, challenge: true}, 403, "", map[string]string{"WWW-Authenticate": "Bearer"}},
		{"text", hitAnswer{status: 200, text: true, json: []byte("ok\n")}, 200, "ok\n", map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{"upgrade", hitAnswer{status: 426, text: true, json: []byte("x")}, 426, "x\n", map[string]string{"Upgrade": "websocket"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := openDesk(t, nil, func(h hit) { h.done(c.answer) })
			response, body := td.trade(post("", "x"))
			if response.StatusCode != c.status || c.body != "" && body != c.body {
				t.Errorf("%s %q; want %d %q", response.Status, body, c.status, c.body)
			}
			for name, want := range c.want {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s: %q; want %q", name, got, want)
				}
			}
			if response.Header.Get("Retry-After") != "" && c.status != 429 && c.status != 503 {
				t.Error("Retry-After with", c.status)
			}
		})
	}
}

func TestHitLoopIsSilent(t *testing.T) {
	late := make(chan hit, 1)
	td := openDesk(t, func(l *deskLimits) { l.answerTime = 50 * time.Millisecond }, func(h hit) { late <- h })
	c := td.dial()
	c.say(post("", "x"))
	response, body := c.hear("POST")
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !strings.Contains(body, `"unavailable"`) {
		t.Errorf("%s %s", response.Status, body)
	}
	h := <-late
	h.done(hitAnswer{status: 200}) // nobody waits; must not block, must not be the next answer
	c.say(post("", "y"))
	if response, _ := c.hear("POST"); response.StatusCode != 503 {
		t.Error("the next request got the late answer:", response.Status)
	}
}

func TestHitCORS(t *testing.T) {
	const page = "https://page.test"
	for _, c := range []struct {
		name, request string
		admits        bool
		status        int
		cors, flight  bool // header fields of an answer, of a preflight's
	}{
		{"post", post("Origin: "+page+"\r\n", "x"), true, 200, true, false},
		{"post, not admitted", post("Origin: "+page+"\r\n", "x"), false, 403, false, false},
		{"post, refused by the desk", post("Origin: "+page+"\r\nContent-Type: image/png\r\n", "x"), true, 415, true, false},
		{"the same, not admitted", post("Origin: "+page+"\r\nContent-Type: image/png\r\n", "x"), false, 415, false, false},
		{"no origin", post("", "x"), true, 200, false, false},
		{"two origins", post("Origin: "+page+"\r\nOrigin: null\r\n", "x"), true, 400, false, false},
		{"spaces", "GET /-/spaces HTTP/1.1\r\nHost: h\r\nOrigin: " + page + "\r\n\r\n", true, 200, true, false},
		{"preflight", "OPTIONS /chat HTTP/1.1\r\nHost: h\r\nOrigin: " + page + "\r\nAccess-Control-Request-Method: POST\r\n\r\n", true, 204, true, true},
		{"preflight, not admitted", "OPTIONS /chat HTTP/1.1\r\nHost: h\r\nOrigin: " + page + "\r\nAccess-Control-Request-Method: POST\r\n\r\n", false, 403, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := openDesk(t, nil, func(h hit) {
				switch {
				case h.origin != nil && !c.admits:
					h.done(hitRefused(&schema.Refusal{Code: schema.Denied, Message: "m"}, 0))
				default:
					h.done(hitAnswer{status: 200, json: []byte("{}"), allowOrigin: true})
				}
			})
			response, body := td.trade(c.request)
			if response.StatusCode != c.status {
				t.Fatalf("%s %s", response.Status, body)
			}
			wantHeader(t, response, c.cors, map[string]string{
				"Access-Control-Allow-Origin": page, "Access-Control-Expose-Headers": "Retry-After"})
			wantHeader(t, response, c.flight, map[string]string{
				"Access-Control-Allow-Methods": "POST, GET, OPTIONS", "Access-Control-Max-Age": "600",
				"Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key"})
			wantHeader(t, response, true, map[string]string{"Vary": "Origin"})
			wantHeader(t, response, false, map[string]string{"Access-Control-Allow-Credentials": "true"})
			for _, h := range td.asked() {
				if h.origin != nil && string(h.origin) != page {
					t.Errorf("origin %q", h.origin)
				}
			}
		})
	}
}

func wantHeader(t *testing.T, response *http.Response, there bool, want map[string]string) {
	t.Helper()
	for name, value := range want {
		switch got := response.Header.Get(name); {
		case there && got != value:
			t.Errorf("%s: %q; want %q", name, got, value)
		case !there && got != "":
			t.Errorf("%s: %q; want none", name, got)
		}
	}
}

// A loop that admits nobody must not make a preflight look admitted, whatever
// status it says.
func TestPreflightNotAdmitted(t *testing.T) {
	for _, status := range []int{0, 200, 204} {
		if a := preflight(hitAnswer{status: status}); a.status != 403 || a.present {
			t.Errorf("%d became %d", status, a.status)
		}
	}
	if a := preflight(hitAnswer{status: 404, json: []byte("{}")}); a.status != 404 {
		t.Error("404 became", a.status)
	}
}
