package driver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// member speaks with a driver as a sequence does.
type member struct {
	t      *testing.T
	driver Driver
	place  Place
	most   int
}

func ruleOf(t *testing.T, text string) *schema.Driver {
	t.Helper()
	patch, refusal := schema.ParseRules([]byte(`{"driver":` + text + `}`))
	if refusal != nil {
		t.Fatal(refusal)
	}
	_, rules, refusal := schema.Said{}.Apply(patch, schema.DefaultRules())
	if refusal != nil {
		t.Fatal(refusal)
	}
	return rules.Driver
}

func reachOf(t *testing.T, words ...string) schema.Reach {
	t.Helper()
	reach, err := schema.ReachOf(words)
	Check(t, err)
	return reach
}

func memberOf(t *testing.T, rule string) *member {
	t.Helper()
	d := New(ruleOf(t, rule), reachOf(t, schema.ReachLoopback), NewBudget(64<<20))
	t.Cleanup(d.Close)
	return &member{t: t, driver: d, most: schema.FileMost}
}

func (m *member) ask(r *Request) Answer {
	m.t.Helper()
	r.Place, r.Most = m.place, m.most
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer := m.driver.Do(ctx, r)
	m.place = answer.Place
	return answer
}

func (m *member) say(text string) Answer {
	m.t.Helper()
	return m.ask(&Request{Message: format.Message{Kind: format.Text, Data: []byte(text)}})
}

func (m *member) send(content []byte) Answer {
	m.t.Helper()
	return m.ask(&Request{Message: format.Message{Kind: format.Bytes, Data: content}})
}

func (m *member) hears(answer Answer, want string) {
	m.t.Helper()
	var got map[string]any
	if answer.Refused != nil {
		answer.JSON, _ = json.Marshal(answer.Refused)
	}
	Check(m.t, json.Unmarshal(answer.JSON, &got))
	Has(m.t, got, want)
}

func someBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	copy(b, "\r\n\x00\xff\xf4IAC \n\n\r") // what lines and telnet would change
	return b
}

func TestFTP(t *testing.T) {
	for name, tls := range map[string]bool{"clear": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			server := StartFTP(t, tls)
			rule := fmt.Sprintf(`{"kind":"ftp","address":%q,"root":"/files","tls":%v}`, server.Address, tls)
			if tls {
				rule = fmt.Sprintf(`{"kind":"ftp","address":%q,"root":"/files","pin":%q}`, server.Address, server.Pin)
			}
			speakFTP(t, memberOf(t, rule), server)
		})
	}
}

func speakFTP(t *testing.T, m *member, server *FTPServer) {
	m.hears(m.say("PWD"), `{"ok":"pwd","path":"/"}`)
	m.hears(m.say("LIST"), `{"ok":"list","path":"/","entries":[]}`)
	m.hears(m.say("MKDIR docs"), `{"ok":"mkdir","path":"/docs"}`)
	m.hears(m.say("MKDIR docs"), `{"error":"exists"}`)
	m.hears(m.say("CWD docs"), `{"ok":"cwd","path":"/docs"}`)
	m.hears(m.say("CWD nowhere"), `{"error":"not-found"}`)
	m.hears(m.say("PWD"), `{"ok":"pwd","path":"/docs"}`)
	m.hears(m.send([]byte("x")), `{"error":"malformed"}`)
	for n, size := range []int{0, 1, 1000, 64<<10 + 1, 5 << 20, schema.FileMost} {
		content, name := someBytes(max(size, 16))[:size], fmt.Sprintf("file %d.bin", n)
		m.hears(m.say(fmt.Sprintf("PUT %q", name)), fmt.Sprintf(`{"ok":"put","path":"/docs/%s","waits":"bytes"}`, name))
		m.hears(m.send(content), fmt.Sprintf(`{"ok":"put","path":"/docs/%s","size":%d}`, name, size))
		stored, err := os.ReadFile(filepath.Join(server.Files, "docs", name))
		Check(t, err)
		if !bytes.Equal(stored, content) {
			t.Errorf("%d bytes were stored as %d others", size, len(stored))
		}
		m.hears(m.say(fmt.Sprintf("SIZE %q", name)), fmt.Sprintf(`{"ok":"size","size":%d}`, size))
		got := m.say(fmt.Sprintf("GET %q", name))
		if got.Refused != nil || !bytes.Equal(got.Bytes, content) || got.Bytes == nil && size > 0 {
			t.Errorf("%d bytes came back as %d others, %v", size, len(got.Bytes), got.Refused)
		}
		got.Release()
	}
	m.hears(m.say(`RENAME "file 0.bin" ../ä.txt`), `{"ok":"rename","path":"/docs/file 0.bin","to":"/ä.txt"}`)
	m.hears(m.say("LIST ../"), `{"ok":"list","path":"/"}`)
	m.hears(m.say(`LIST "file 1.bin"`), `{"ok":"list","entries":[{"name":"file 1.bin","kind":"file","size":1}]}`)
	m.hears(m.say("LIST [a-z]*"), `{"error":"not-found"}`)
	m.hears(m.say("LIST /"), `{"entries":[{"name":"docs","kind":"folder"},{"name":"ä.txt","kind":"file","size":0}]}`)
	m.hears(m.say("GET nowhere"), `{"error":"not-found"}`)
	m.hears(m.say("DELETE ../docs"), `{"error":"not-found"}`) // not empty
	m.hears(m.say("DELETE /ä.txt"), `{"ok":"delete","path":"/ä.txt"}`)
	m.hears(m.say("DELETE /ä.txt"), `{"error":"not-found"}`)
	m.hears(m.say("MKDIR /empty"), `{"ok":"mkdir"}`)
	m.hears(m.say("DELETE /empty"), `{"ok":"delete"}`)
	m.hears(m.say("GET ../../../../../../etc/passwd"), `{"error":"not-found"}`)
	m.hears(m.say("GET /"), `{"error":"malformed"}`)
	m.hears(m.say("FLY"), `{"error":"unknown"}`)
	m.most = 999
	m.hears(m.say(`GET "file 2.bin"`), `{"error":"too-large"}`)
	m.most = schema.FileMost
	m.hears(m.ask(&Request{File: "form.txt", Message: format.Message{Data: []byte("text")}}), `{"ok":"put","path":"/docs/form.txt","size":4}`)
	m.hears(m.ask(&Request{File: "..", Message: format.Message{}}), `{"error":"malformed"}`)

	server.Stop()
	m.hears(m.say("LIST"), `{"error":"unavailable"}`)
	server.Start()
	m.hears(m.say(`SIZE "file 2.bin"`), `{"ok":"size","path":"/docs/file 2.bin"}`)
}

// Many at once share the few connections, each with a place of its own.
func TestFTPConnectionsAreShared(t *testing.T) {
	server := StartFTP(t, false)
	one := memberOf(t, fmt.Sprintf(`{"kind":"ftp","address":%q,"root":"/files","tls":false,"connections":3,"idle":1}`, server.Address))
	budget := NewBudget(64 << 20)
	q := NewQueue(one.driver, 1000, budget)
	defer q.Close()
	var wait sync.WaitGroup
	for n := range 10 {
		wait.Go(func() {
			m := &member{t: t, driver: queued{q}, most: schema.FileMost}
			content := someBytes(100_000 + n)
			m.hears(m.say(fmt.Sprintf("MKDIR %d", n)), `{"ok":"mkdir"}`)
			m.hears(m.say(fmt.Sprintf("CWD %d", n)), `{"ok":"cwd"}`)
			m.hears(m.say("PUT it"), `{"ok":"put"}`)
			m.hears(m.send(content), fmt.Sprintf(`{"ok":"put","path":"/%d/it"}`, n))
			if got := m.say("GET it"); !bytes.Equal(got.Bytes, content) {
				t.Errorf("%d: other bytes came back: %v", n, got.Refused)
			}
		})
	}
	wait.Wait()
	f := one.driver.(*ftpDriver)
	idle := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.idle)
	}
	if n := idle(); n < 1 || n > 3 {
		t.Errorf("%d connections are kept", n)
	}
	for deadline := time.Now().Add(15 * time.Second); idle() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("connections that nobody uses are not closed")
		}
	}
	one.hears(one.say("LIST /3"), `{"ok":"list","entries":[{"name":"it","kind":"file","size":100003}]}`)
}

// queued is a driver behind its queue.
type queued struct{ *Queue }

func (q queued) Together() int { return 1 }
func (q queued) Close()        {}
func (q queued) Do(ctx context.Context, r *Request) Answer {
	heard := make(chan Answer, 1)
	if !q.Ask(ctx, r, func(a Answer) { heard <- a }) {
		return refuse(schema.Rate, "full")
	}
	return <-heard
}

func TestFTPCertificates(t *testing.T) {
	server := StartFTP(t, true)
	for rule, want := range map[string]string{
		`{"kind":"ftp","address":%q}`:                                              "certificate",
		`{"kind":"ftp","address":%q,"pin":"` + strings.Repeat("0", 64) + `"}`:      "certificate",
		`{"kind":"ftp","address":%q,"tls":false}`:                                  "user", // it takes nobody in the clear
		`{"kind":"ftp","address":%q,"pin":"` + server.Pin + `","user":"somebody"}`: "user",
	} {
		m := memberOf(t, fmt.Sprintf(rule, server.Address))
		m.hears(m.say("LIST"), `{"error":"unavailable","message":"*"}`)
		if refused := m.say("LIST").Refused; !strings.Contains(refused.Message, want) {
			t.Errorf("%s: %s", rule, refused.Message)
		}
	}
}
