package puddle

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

const testID schema.SequenceID = 42

// judged is the request in raw, which the guard must take.
func judged(t testing.TB, raw string) *request {
	t.Helper()
	req, v := testGuard.judge([]byte(raw))
	if refused := v.refused(); refused != nil || v == verdictMore {
		t.Fatalf("verdict %d: %v", v, refused)
	}
	return &req
}

// parsed is a raw answer as net/http reads it, with what is behind it.
func parsed(t testing.TB, raw []byte, method string) (*http.Response, []byte) {
	t.Helper()
	from := bufio.NewReader(bytes.NewReader(raw))
	response, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	var body []byte
	if response.StatusCode != 101 {
		if body, err = io.ReadAll(response.Body); err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
	}
	rest, _ := io.ReadAll(from)
	return response, append(body, rest...)
}

// RFC 6455 section 1.3.
func TestUpgradeByTheBook(t *testing.T) {
	req := judged(t, opening+"\r\n")
	response, err := upgrade([]byte("before "), req.head, "", testID)
	want := "before HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nPorthouse-Sequence: " + testID.String() + "\r\n\r\n"
	if err != nil || string(response) != want {
		t.Errorf("%v, %q, want %q", err, response, want)
	}
}

// gobwasClient is the far end of gobwas' dialer: what it wrote is judged, what we answer it reads.
type gobwasClient struct {
	t        *testing.T
	response *bytes.Reader
}

func (p *gobwasClient) Write(head []byte) (int, error) {
	req := judged(p.t, string(head))
	_, echo, refused := negotiate(req)
	if refused != nil {
		p.t.Fatal(refused)
	}
	response, err := upgrade(nil, req.head, echo, testID, "Porthouse-Sibling: KEY")
	p.response = bytes.NewReader(response)
	return len(head), err
}

func (p *gobwasClient) Read(b []byte) (int, error) { return p.response.Read(b) }

func TestUpgradeOfGobwasClient(t *testing.T) {
	heard := map[string]string{}
	dialer := ws.Dialer{
		Protocols: []string{"porthouse.token.pht_a-b_c", "porthouse.v1.raw"},
		OnHeader: func(key, value []byte) error {
			heard[string(key)] = string(value)
			return nil
		},
	}
	_, hs, err := dialer.Upgrade(&gobwasClient{t: t}, &url.URL{Scheme: "ws", Host: "h", Path: "/chat"})
	if err != nil || hs.Protocol != "porthouse.v1.raw" {
		t.Fatal(err, hs)
	}
	if heard["Porthouse-Sequence"] != testID.String() || heard["Porthouse-Sibling"] != "KEY" {
		t.Error(heard)
	}
}

// A head longer than the upgrader's buffers.
func TestUpgradeOfLongLines(t *testing.T) {
	req := judged(t, opening+"Cookie: "+strings.Repeat("a", 7000)+"\r\n\r\nearly")
	response, err := upgrade(nil, req.head, "", testID, "X-Long: "+strings.Repeat("b", 2000))
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := parsed(t, response, "GET")
	if answer.StatusCode != 101 || len(answer.Header.Get("X-Long")) != 2000 || string(req.early) != "early" {
		t.Errorf("%d, %q", answer.StatusCode, req.early)
	}
}

func TestNegotiate(t *testing.T) {
	for _, test := range []struct {
		offers  string // of "\n"-separated lines
		echo    string
		refused bool
	}{
		{"", "", false},
		{"porthouse.v1.raw", "porthouse.v1.raw", false},
		{"porthouse.v1.json", "porthouse.v1.json", false},
		{"porthouse.v1.msgpack", "porthouse.v1.msgpack", false},
		{"porthouse.v1.json, porthouse.v1.msgpack", "porthouse.v1.json", false},
		{"porthouse.token.pht_abc, porthouse.v1.json", "porthouse.v1.json", false},
		{"porthouse.v2.raw", "", true},
		{"porthouse.v2.json, mqtt", "", true},
		{"porthouse.v2.json, porthouse.v1.raw", "porthouse.v1.raw", false},
		{"porthouse.v1.raw,porthouse.v1.json", "porthouse.v1.raw", false},
		{"porthouse.token.pht_abc", "", false},
		{"porthouse.sibling.0123456789012345678901", "", false},
		{"porthouse.token.a.b.c, porthouse.v1.raw", "porthouse.v1.raw", false},
		{"porthouse.token.a\nporthouse.sibling.b\nporthouse.v1.raw", "porthouse.v1.raw", false},
		{"mqtt\nporthouse.v1.raw", "porthouse.v1.raw", false},
		{"chat, superchat", "", false},
		{"PORTHOUSE.V1.RAW", "", false},
		{",,", "", false},
	} {
		raw := opening
		for line := range strings.SplitSeq(test.offers, "\n") {
			raw += "Sec-WebSocket-Protocol: " + line + "\r\n"
		}
		req := judged(t, raw+"\r\n")
		speaks, echo, refused := negotiate(req)
		if echo != "" && subprotocols[speaks] != echo || echo == "" && speaks != format.Raw || echo != test.echo || (refused != nil) != test.refused {
			t.Errorf("%q: %d, %q, %v", test.offers, speaks, echo, refused)
		}
		if refused != nil {
			if refused.status != 400 || refused.Code != schema.Unavailable {
				t.Errorf("%q: %v", test.offers, refused)
			}
			continue
		}
		response, err := upgrade(nil, req.head, echo, testID)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := parsed(t, response, "GET")
		if got := answer.Header.Get("Sec-WebSocket-Protocol"); answer.StatusCode != 101 || got != test.echo {
			t.Errorf("%q: %d, %q", test.offers, answer.StatusCode, got)
		}
	}
}

func TestTurnAway(t *testing.T) {
	withOrigin := opening + "Origin: http://porthouse.example\r\n"
	for _, test := range []struct {
		raw    string
		status int
		code   schema.CloseCode // 0: HTTP
		echo   string
	}{
		{opening + "\r\n", 404, 0, ""},
		{withOrigin + "\r\n", 400, 4400, ""},
		{withOrigin + "\r\n", 401, 4401, ""},
		{withOrigin + "\r\n", 403, 4403, ""},
		{withOrigin + "\r\n", 404, 4404, ""},
		{withOrigin + "\r\n", 429, 4429, ""},
		{withOrigin + "\r\n", 503, 4503, ""},
		{withOrigin + "\r\n", 418, 1008, ""},
		{withOrigin + "Sec-WebSocket-Protocol: porthouse.token.a, porthouse.v1.json\r\n\r\n", 400, 4400, "porthouse.v1.json"},
		{withOrigin + "Sec-WebSocket-Protocol: porthouse.token.a, porthouse.sibling.b\r\n\r\n", 401, 4401, ""},
		{strings.Replace(withOrigin, "/chat", "/-/nothing", 1) + "\r\n", 404, 0, ""},
	} {
		refused := reject(test.status, schema.NotFound, missing("chat"))
		raw := turnAway(nil, judged(t, test.raw), testID, refused)
		answer, rest := parsed(t, raw, "GET")
		if test.code == 0 {
			if answer.StatusCode != test.status || !bytes.Equal(rest, refused.JSON()) {
				t.Errorf("%q: %d %q", test.raw, answer.StatusCode, rest)
			}
			continue
		}
		if answer.StatusCode != 101 || answer.Header.Get("Sec-WebSocket-Protocol") != test.echo {
			t.Errorf("%q: %d, %v", test.raw, answer.StatusCode, answer.Header)
		}
		code, reason := readCloseFrame(t, rest)
		if code != test.code || reason != strings.TrimSpace(string(refused.JSON())) {
			t.Errorf("%q: %d %s", test.raw, code, reason)
		}
	}
}

// readCloseFrame reads the one frame in raw.
func readCloseFrame(t *testing.T, raw []byte) (schema.CloseCode, string) {
	t.Helper()
	from := bytes.NewReader(raw)
	frame, err := ws.ReadFrame(from)
	if err != nil || from.Len() != 0 {
		t.Fatalf("%v, %d more bytes", err, from.Len())
	}
	if err := ws.CheckHeader(frame.Header, ws.StateClientSide); err != nil || frame.Header.OpCode != ws.OpClose {
		t.Fatal(err, frame.Header)
	}
	code, reason := ws.ParseCloseFrameData(frame.Payload)
	return schema.CloseCode(code), reason
}

func TestCloseReason(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, message := range []string{
		"", "short", long, long + long, strings.Repeat("é", 90), strings.Repeat("💡", 50),
		strings.Repeat("\"", 90), strings.Repeat("\\", 90), strings.Repeat("\x00", 90), strings.Repeat("a<", 90),
		"bad \xff" + long + long,
	} {
		for shift := range 8 {
			r := &schema.Refusal{Code: schema.NotFound, Message: strings.Repeat("a", shift) + message}
			reason := closeReasonOf(r)
			var back schema.Refusal
			if err := json.Unmarshal(reason, &back); err != nil || len(reason) > 123 || !utf8.Valid(reason) {
				t.Fatalf("%v, %d bytes: %s", err, len(reason), reason)
			}
			begin, cut := strings.CutSuffix(back.Message, "…")
			if back.Code != r.Code || !strings.HasPrefix(strings.ToValidUTF8(r.Message, "\ufffd"), begin) {
				t.Errorf("%q became %q", r.Message, back.Message)
			}
			if cut && len(reason) < 123-6 {
				t.Errorf("only %d bytes of %q: %s", len(reason), r.Message, reason)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	refused := reject(404, schema.NotFound, "nothing")
	got := string(refused.answer().append([]byte("before ")))
	want := "before HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 42\r\n" +
		"Connection: close\r\nCache-Control: no-store\r\n\r\n{\"error\":\"not-found\",\"message\":\"nothing\"}\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for status, headers := range map[int]map[string]string{
		401: {"WWW-Authenticate": "Bearer"},
		405: {"Allow": "GET, HEAD"},
		426: {"Upgrade": "websocket", "Sec-Websocket-Version": "13", "Connection": "close, Upgrade"},
		429: {"Retry-After": "1"},
		503: {"Retry-After": "1", "Connection": "close"},
	} {
		raw := reject(status, schema.Unavailable, "no").answer().append(nil)
		response, _ := parsed(t, raw, "GET")
		for name, value := range headers {
			if got := response.Header.Get(name); got != value && name != "Connection" {
				t.Errorf("%d: %s is %q", status, name, got)
			}
		}
		if !strings.Contains(string(raw), fmt.Sprintf("Connection: %s\r\n", cmp.Or(headers["Connection"], "close"))) {
			t.Errorf("%d: %q", status, raw)
		}
	}
	for v := refuseTLS; int(v) < len(refusals); v++ {
		response, body := parsed(t, v.refused().answer().append(nil), "GET")
		if response.StatusCode != v.refused().status || !json.Valid(body) || !response.Close {
			t.Errorf("verdict %d: %v %q", v, response.Status, body)
		}
	}
}

func BenchmarkUpgrade(b *testing.B) {
	req := judged(b, browserHead)
	scratch := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := upgrade(scratch, req.head, "porthouse.v1.raw", testID); err != nil {
			b.Fatal(err)
		}
	}
}

// Everything that a handshake costs here.
func BenchmarkHandshake(b *testing.B) {
	head, self := []byte(browserHead), []string{schema.OriginSelf}
	scratch := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		req, v := testGuard.judge(head)
		_, echo, refused := negotiate(&req)
		to, none := resolve(req.path)
		_, err := upgrade(scratch, req.head, echo, testID)
		if v != verdictUpgrade || refused != nil || none != nil || to.kind != targetRoom || err != nil || !room.AdmitsOrigin(req.origin(), req.host(), self) {
			b.Fatal(v, refused, err)
		}
	}
}

func BenchmarkTurnAway(b *testing.B) {
	req := judged(b, browserHead)
	scratch := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		turnAway(scratch, req, testID, rejection{status: 404, Refusal: *notFound(missing("chat"))})
	}
}
