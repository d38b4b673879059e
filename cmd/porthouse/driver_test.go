package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// withFiles is a house with a room "files" before an FTP server.
func withFiles(t *testing.T, puddles int, more func(*deed)) (*house, *FTPServer) {
	server := StartFTP(t, true)
	return houseOf(t, puddles, keeping(t, func(d *deed) {
		d.do("room", "add", "files", fmt.Sprintf(`{"rules":{"driver":{"kind":"ftp","address":%q,"root":"/files","pin":%q}}}`, server.Address, server.Pin))
		if more != nil {
			more(d)
		}
	}), "--open", "--driver-addresses", "loopback"), server
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// answers hears the JSON that a driver says to a raw socket.
func answers(t *testing.T, c *Client, want string) {
	t.Helper()
	op, payload, err := c.Next()
	Check(t, err)
	var got map[string]any
	if op != OpText || json.Unmarshal(payload, &got) != nil {
		t.Fatalf("heard op %d %.80q; want %s", op, payload, want)
	}
	Has(t, got, want)
}

func TestDriverFTP(t *testing.T) {
	h, server := withFiles(t, 2, nil)
	raw, other := h.on(0, "/files", ""), h.on(1, "/files", JSON)
	other.Expects(`{"ok":"join"}`)
	content := randomBytes(300_000)
	raw.Text("MKDIR in")
	answers(t, raw, `{"ok":"mkdir","path":"/in"}`)
	raw.Text("CWD in")
	answers(t, raw, `{"ok":"cwd","path":"/in"}`)
	raw.Text("PUT a.bin")
	answers(t, raw, `{"ok":"put","path":"/in/a.bin","waits":"bytes"}`)
	raw.Say(Frame(Final|OpBytes, content))
	answers(t, raw, `{"ok":"put","path":"/in/a.bin","size":300000}`)
	stored, err := os.ReadFile(filepath.Join(server.Files, "in", "a.bin"))
	if err != nil || !bytes.Equal(stored, content) {
		t.Fatalf("%d bytes stored, %v", len(stored), err)
	}
	raw.Text("GET a.bin")
	raw.Hears(OpBytes, string(content))
	// The folder is the sequence's own; the others hear nothing of all this.
	other.Text(`{"data":"PWD","ref":"1"}`)
	other.Expects(`{"room":"files","data":{"ok":"pwd","path":"/"}}`)
	other.Expects(`{"ok":"send","ref":"1","receivers":1}`)
	other.Text(`{"data":"GET /in/nothing"}`)
	other.Expects(`{"error":"not-found"}`)
	raw.Text("GET ../../etc/passwd")
	answers(t, raw, `{"error":"not-found"}`)
	raw.Text("DELETE a\r\nb")
	answers(t, raw, `{"error":"malformed"}`)
	for _, c := range []*Client{raw, other} {
		c.HearsNothingNow()
	}
	h.postsFile(server)
	out, _, _ := h.ask("room", "show", "files", "--json")
	if strings.Contains(out, "secret") || !strings.Contains(out, server.Address) {
		t.Errorf("room show: %s", out)
	}
}

// postsFile puts a form's file, and gets it back.
func (h *house) postsFile(server *FTPServer) {
	t := h.t
	content := randomBytes(50_000)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "from form.bin")
	Check(t, err)
	part.Write(content)
	form.Close()
	status, answer, _ := h.post("POST", "/files", form.FormDataContentType(), body.String())
	if status != 200 {
		t.Fatalf("POST: %d %v", status, answer)
	}
	Has(t, answer["answer"].(map[string]any), `{"ok":"put","path":"/from form.bin","size":50000}`)
	response, err := http.Post("http://"+h.address+"/files", "text/plain", strings.NewReader(`GET "from form.bin"`))
	Check(t, err)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || !bytes.Equal(got, content) || response.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("GET by POST: %s, %d bytes, %v", response.Status, len(got), err)
	}
}

// A sequence's folder, the name that it has said and what it has asked outlive
// its puddle: a reload, a kill and a move.
func TestDriverSurvives(t *testing.T) {
	h, server := withFiles(t, 2, nil)
	c := h.on(0, "/files", "")
	Check(t, os.Mkdir(filepath.Join(server.Files, "deep"), 0o777))
	Check(t, os.Chmod(filepath.Join(server.Files, "deep"), 0o777))
	c.Text("CWD deep")
	answers(t, c, `{"ok":"cwd","path":"/deep"}`)
	for n, happens := range []func(){
		func() { h.run("reload") },
		func() { kill(t, h, 0) },
		func() { h.moves(c.Sequence, 1) },
		func() { kill(t, h, 1) },
	} {
		content, name := randomBytes(4<<20), fmt.Sprintf("%d.bin", n)
		c.Text("PUT " + name)
		answers(t, c, `{"ok":"put"}`)
		happens() // between the name and the bytes
		c.Say(Frame(Final|OpBytes, content))
		answers(t, c, fmt.Sprintf(`{"ok":"put","path":"/deep/%s","size":%d}`, name, len(content)))
		stored, err := os.ReadFile(filepath.Join(server.Files, "deep", name))
		if err != nil || !bytes.Equal(stored, content) {
			t.Fatalf("%d: %d bytes stored, %v", n, len(stored), err)
		}
		c.Text("GET " + name)
		if n%2 == 0 {
			h.run("reload") // while it is on its way
		} else {
			kill(t, h, h.slotNow(c.Sequence))
		}
		c.Hears(OpBytes, string(content))
		c.Text("PWD")
		answers(t, c, `{"ok":"pwd","path":"/deep"}`)
	}
	c.HearsNothingNow()
}

func TestDriverIsAnAdmins(t *testing.T) {
	var alice string
	h := houseOf(t, 1, keeping(t, func(d *deed) { alice = d.client("alice", `{"owner":true}`) }), "--open")
	owner := h.on(0, "/alice/own", JSON, bearer(alice))
	owner.Object()
	owner.Tells(`{"do":"rules","room":"alice/own","rules":{"driver":{"kind":"webhook","url":"http://127.0.0.1:1/"}}}`, `{"error":"denied"}`)
}

// hooked is a server that webhooks post to.
type hooked struct {
	*httptest.Server
	mu       sync.Mutex
	heard    []string
	refuses  int // so many come again
	unsigned int
}

func newHooked(t *testing.T, secret string) *hooked {
	s := &hooked{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		at, signature, _ := strings.Cut(r.Header.Get("Porthouse-Signature"), ",v1=")
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%s.%s.%s", strings.TrimPrefix(at, "t="), r.Header.Get("Porthouse-Id"), body)
		if signature != hex.EncodeToString(mac.Sum(nil)) {
			s.unsigned++
		}
		if s.refuses > 0 {
			s.refuses--
			w.WriteHeader(503)
			return
		}
		s.heard = append(s.heard, string(body))
	}))
	t.Cleanup(s.Close)
	return s
}

// A webhook hears what is said in its room, in order, signed, once each; the
// room does not wait for it.
func TestDriverWebhook(t *testing.T) {
	hook := newHooked(t, "a secret word")
	hook.refuses = 1
	h := houseOf(t, 1, keeping(t, func(d *deed) {
		d.do("room", "add", "told", fmt.Sprintf(`{"rules":{"driver":{"kind":"webhook","url":%q,"secret":"a secret word"}}}`, hook.URL))
		d.do("room", "add", "away", `{"rules":{"driver":{"kind":"webhook","url":"http://169.254.169.254/"}}}`)
	}), "--open", "--driver-addresses", "loopback")
	a, b := h.on(0, "/told", ""), h.on(0, "/told", JSON)
	b.Expects(`{"ok":"join"}`)
	a.Text("one")
	b.Expects(`{"data":"one"}`)
	b.Text(`{"data":{"two":2}}`)
	a.Hears(OpText, `{"two":2}`)
	h.post("POST", "/told", "text/plain", "three")
	a.Hears(OpText, "three")
	b.Expects(`{"data":"three"}`)
	a.Text("four")
	b.Expects(`{"data":"four"}`)
	h.run("reload") // what waits is still posted
	a.Text("five")
	b.Expects(`{"data":"five"}`)
	hook.hasAll(t, "one", `{"two":2}`, "three", "four", "five")
	c, d := h.on(0, "/away", ""), h.on(0, "/away", "")
	c.Text("to nowhere")
	d.Hears(OpText, "to nowhere")
	for _, c := range []*Client{a, b, c, d} {
		c.HearsNothingNow()
	}
}

// hasAll waits until each of these was posted once, and nothing else. A
// puddle's last and its successor's first may come at once.
func (s *hooked) hasAll(t *testing.T, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		heard, unsigned := append([]string(nil), s.heard...), s.unsigned
		s.mu.Unlock()
		missing := ""
		for _, text := range want {
			n := 0
			for _, h := range heard {
				if h == text {
					n++
				}
			}
			if n != 1 {
				missing = fmt.Sprintf("%q %d times", text, n)
			}
		}
		switch {
		case unsigned > 0:
			t.Fatalf("%d posts were not signed", unsigned)
		case missing == "" && len(heard) == len(want):
			return
		case time.Now().After(deadline):
			t.Fatalf("posted %q: %s", heard, missing)
		}
	}
}
