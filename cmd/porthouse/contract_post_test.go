package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// post sends one request and gives status, JSON and headers.
func (h *house) post(method, path, kind, body string, lines ...string) (int, map[string]any, http.Header) {
	h.t.Helper()
	request, err := http.NewRequest(method, "http://"+h.address+path, strings.NewReader(body))
	Check(h.t, err)
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	Check(h.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Check(h.t, err)
	var object map[string]any
	if len(text) > 0 && json.Unmarshal(text, &object) != nil {
		h.t.Fatalf("%s %s: %d %.200q is no JSON", method, path, response.StatusCode, text)
	}
	return response.StatusCode, object, response.Header
}

func TestPost(t *testing.T) {
	var alice string
	h := houseOf(t, 3, keeping(t, func(d *deed) {
		alice = d.client("alice", "")
		d.do("client", "passwd", "alice", `{"password":"secret word"}`)
		d.do("room", "add", "in", `{"rules":{"meta":["from"]}}`)
		d.do("room", "add", "team", `{"rules":{"access":"authenticated"}}`)
		d.do("room", "add", "club", `{"rules":{"password":"open sesame"}}`)
		d.do("room", "add", "json", `{"rules":{"format":"json"}}`)
		d.do("room", "add", "small", `{"rules":{"size":10}}`)
		d.do("room", "add", "read", `{"rules":{"send":"nobody"}}`)
		d.do("room", "add", "page", `{"rules":{"origins":["app.example"]}}`)
	}), "--transient", "nobody", "--post-bytes", "65536")
	raw, envelopes := h.on(0, "/in", ""), h.on(1, "/in", JSON)
	envelopes.Expects(`{"ok":"join"}`)
	hears := func(op byte, text, envelope string) {
		t.Helper()
		raw.Hears(op, text)
		envelopes.Expects(envelope)
	}
	for _, c := range []struct {
		kind, body, text, envelope string
		op                         byte
	}{
		{"text/plain", "hello", "hello", `{"data":"hello"}`, OpText},
		{"", "no type", "no type", `{"data":"no type"}`, OpText},
		{"application/x-www-form-urlencoded", "from curl -d", "from curl -d", `{"data":"from curl -d"}`, OpText},
		{"application/json", `{"a": 1}`, `{"a": 1}`, `{"data":{"a":1}}`, OpText},
		{"application/octet-stream", "\x01\xff", "\x01\xff", `{"bytes":"Af8="}`, OpBytes},
		{"application/x-www-form-urlencoded", "message=a+b", "a b", `{"data":"a b"}`, OpText},
		{"application/x-www-form-urlencoded", "name=x&n=1", `{"name":"x","n":"1"}`, `{"data":{"name":"x","n":"1"}}`, OpText},
	} {
		status, got, _ := h.post("POST", "/in", c.kind, c.body)
		if status != 200 {
			t.Fatalf("%s %q: %d %v", c.kind, c.body, status, got)
		}
		Has(t, got, `{"ok":"send","receivers":2,"id":"*"}`)
		hears(c.op, c.text, c.envelope)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	file, err := parts.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="a.bin"`}, "Content-Type": {"application/octet-stream"}})
	Check(t, err)
	file.Write([]byte{0, 1, 2})
	Check(t, parts.WriteField("token", alice))
	Check(t, parts.Close())
	if status, got, _ := h.post("POST", "/in", parts.FormDataContentType(), form.String()); status != 200 {
		t.Fatalf("a file: %d %v", status, got)
	}
	raw.Hears(OpBytes, "\x00\x01\x02")
	Has(t, envelopes.Expects(`{"bytes":"AAEC"}`)["from"].(map[string]any), `{"client":"alice"}`)

	for name, c := range map[string]struct {
		path, kind, body string
		lines            []string
		status           int
	}{
		"no such room":       {"/nowhere", "text/plain", "x", nil, 404},
		"not authenticated":  {"/team", "text/plain", "x", nil, 401},
		"a wrong token":      {"/team", "text/plain", "x", []string{bearer("pht_x")}, 401},
		"a token":            {"/team", "text/plain", "x", []string{bearer(alice)}, 200},
		"a password":         {"/team", "text/plain", "x", []string{basic("alice", "secret word")}, 200},
		"asked for more":     {"/club", "text/plain", "x", nil, 401},
		"the room's":         {"/club?password=open%20sesame", "text/plain", "x", nil, 200},
		"the room's, wrong":  {"/club?password=x", "text/plain", "x", nil, 401},
		"not the format":     {"/json", "text/plain", "x", nil, 422},
		"broken JSON":        {"/json", "application/json", "{", nil, 400},
		"no such type":       {"/in", "image/png", "x", nil, 415},
		"larger than size":   {"/small", "text/plain", "eleven bytes", nil, 413},
		"larger than a post": {"/in", "text/plain", strings.Repeat("x", 70_000), nil, 413},
		"nobody may send":    {"/read", "text/plain", "x", nil, 403},
		"a foreign page":     {"/in", "text/plain", "x", []string{"Origin: http://evil.example"}, 403},
		"an admitted page":   {"/page", "text/plain", "x", []string{"Origin: https://app.example"}, 200},
		"a lobby":            {"/", "text/plain", "x", nil, 405},
	} {
		status, got, header := h.post("POST", c.path, c.kind, c.body, c.lines...)
		if status != c.status || status != 200 && (got["error"] == nil || got["message"] == nil) {
			t.Errorf("%s: %d %v", name, status, got)
		}
		if admitted := name == "an admitted page"; admitted != (header.Get("Access-Control-Allow-Origin") == "https://app.example") {
			t.Errorf("%s: Access-Control-Allow-Origin is %q", name, header.Get("Access-Control-Allow-Origin"))
		}
		if (status == 401) != (header.Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s: WWW-Authenticate is %q", name, header.Get("WWW-Authenticate"))
		}
	}
	_, first, _ := h.post("POST", "/in", "text/plain", "once", "Idempotency-Key: k")
	_, again, _ := h.post("POST", "/in", "text/plain", "once", "Idempotency-Key: k")
	if first["id"] != again["id"] || again["receivers"] != first["receivers"] {
		t.Errorf("%v, then %v", first, again)
	}
	hears(OpText, "once", `{"data":"once"}`)
	raw.HearsNothing()
	status, _, header := h.post("OPTIONS", "/page", "", "", "Origin: https://app.example", "Access-Control-Request-Method: POST")
	if status != 204 || header.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", status, header)
	}
	status, listed, _ := h.post("GET", "/-/spaces", "", "")
	if status != 200 {
		t.Errorf("spaces: %d %v", status, listed)
	}
	Has(t, listed, `{"ok":"spaces"}`)
}

// Who may make a room by walking in may post into one that nobody is in.
func TestPostIntoAnOpenHouse(t *testing.T) {
	h := newHouse(t, 2)
	status, got, _ := h.post("POST", "/chat", "text/plain", "nobody is here")
	if status != 200 {
		t.Fatalf("%d %v", status, got)
	}
	Has(t, got, `{"ok":"send","receivers":0}`)
	a := h.on(1, "/chat", "")
	_, got, _ = h.post("POST", "/chat", "text/plain", "hello")
	Has(t, got, `{"receivers":1}`)
	a.Hears(OpText, "hello")
	status, _, _ = h.post("GET", "/-/host?domain=localhost", "", "")
	if status != 200 {
		t.Errorf("host: %d", status)
	}
}
