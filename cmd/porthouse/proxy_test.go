package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// The files of scripts/ are tried as they are, but for ports and paths, with
// real proxies: scripts/proxies.sh installs them. NGINX and CADDY name others.

const proxiedHost = "chat.example.com"

// proxy is a real one, in front of a house, with TLS.
type proxy struct {
	*house
	kind    string
	folder  string
	config  string
	secure  string // where it takes TLS
	plain   string // where it sends those who come without
	command *exec.Cmd
	said    *quietLog
	trusts  *x509.CertPool
	keeps   bool // sockets live on through its own reload
}

// kinds of proxies; with how each is started, and given its file anew.
var proxyKinds = map[string]struct {
	file          string
	start, reload func(p *proxy, binary string) *exec.Cmd
}{
	"nginx": {"nginx.conf",
		func(p *proxy, nginx string) *exec.Cmd {
			return exec.Command(nginx, "-p", p.folder, "-e", p.folder+"/start.log", "-c", p.config) // goes on by itself
		},
		func(p *proxy, nginx string) *exec.Cmd {
			return exec.Command(nginx, "-p", p.folder, "-e", p.folder+"/start.log", "-c", p.config, "-s", "reload")
		}},
	"caddy": {"Caddyfile",
		func(p *proxy, caddy string) *exec.Cmd {
			return exec.Command(caddy, "run", "--adapter", "caddyfile", "--config", p.config)
		},
		func(p *proxy, caddy string) *exec.Cmd {
			return exec.Command(caddy, "reload", "--force", "--adapter", "caddyfile", "--config", p.config)
		}},
}

// proxyBinary finds a proxy, or leaves the test out.
func proxyBinary(t *testing.T, kind string) string {
	t.Helper()
	if named := os.Getenv(strings.ToUpper(kind)); named != "" {
		return named
	}
	for _, folder := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(folder + kind); err == nil {
			return path
		}
	}
	t.Skipf("there is no %s: scripts/proxies.sh installs it", kind)
	return ""
}

// behind opens a proxy before a house.
func behind(t *testing.T, kind string, h *house) *proxy {
	t.Helper()
	binary := proxyBinary(t, kind)
	p := &proxy{house: h, kind: kind, folder: t.TempDir(), said: &quietLog{}}
	p.certify()
	p.writeConfig()
	p.command = proxyKinds[kind].start(p, binary)
	p.command.Env = append(os.Environ(), "HOME="+p.folder, "XDG_DATA_HOME="+p.folder, "XDG_CONFIG_HOME="+p.folder)
	p.command.Stdout, p.command.Stderr, p.command.WaitDelay = p.said, p.said, 100*time.Millisecond
	Check(t, p.command.Start())
	t.Cleanup(p.end)
	h.eventually(kind+" takes connections", func() bool {
		c, err := net.Dial("tcp", p.secure)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return p
}

// end ends the proxy, and waits for it.
func (p *proxy) end() {
	p.command.Process.Signal(syscall.SIGTERM)
	for _, file := range []string{"nginx.pid", "nginx.pid.oldbin"} {
		if pid := p.pidIn(file); pid > 0 {
			syscall.Kill(pid, syscall.SIGTERM)
			p.eventually("nginx ends", func() bool { return !runs(pid) })
		}
	}
	p.command.Wait()
	if p.t.Failed() {
		p.t.Logf("%s said:\n%s", p.kind, p.said)
	}
}

// pidIn reads one of nginx's files; 0: it is not there.
func (p *proxy) pidIn(file string) (pid int) {
	text, _ := os.ReadFile(filepath.Join(p.folder, file))
	fmt.Sscan(string(text), &pid)
	return pid
}

// runs tells whether a process lives; a zombie does not.
func runs(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(line) > 0
}

// certify makes a certificate that the test trusts and nobody else.
func (p *proxy) certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Check(p.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxiedHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{proxiedHost, "*." + proxiedHost}, IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	Check(p.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	Check(p.t, err)
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	Check(p.t, os.WriteFile(filepath.Join(p.folder, "cert.pem"), inPEM, 0o600))
	Check(p.t, os.WriteFile(filepath.Join(p.folder, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	p.trusts = x509.NewCertPool()
	p.trusts.AppendCertsFromPEM(inPEM)
}

// writeConfig takes the file of scripts/, with this test's ports and paths.
func (p *proxy) writeConfig() {
	tls, plain := FreePort(p.t), FreePort(p.t)
	p.secure, p.plain = "127.0.0.1:"+tls, "127.0.0.1:"+plain
	name := proxyKinds[p.kind].file
	text, err := os.ReadFile("../../scripts/" + name)
	Check(p.t, err)
	config := string(text)
	change := func(old, new string) {
		if !strings.Contains(config, old) {
			p.t.Fatalf("scripts/%s has no %q", name, old)
		}
		config = strings.ReplaceAll(config, old, new)
	}
	switch p.kind {
	case "nginx":
		p.keeps = true
		change("listen 80;", "listen "+p.plain+";")
		change("listen 443 ssl;", "listen "+p.secure+" ssl;")
		change("proxy_pass http://127.0.0.1:8080;", "proxy_pass http://"+p.address+";")
		change("/etc/ssl/porthouse/", p.folder+"/")
		change("/run/nginx.pid", p.folder+"/nginx.pid")
		change("/var/log/nginx/", p.folder+"/")
		if os.Getuid() != 0 { // Debian's nginx keeps bodies where only root may
			change("server_tokens off;", "server_tokens off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;")
		}
	case "caddy":
		change("localhost:2019", "localhost:"+FreePort(p.t))
		change("http_port 80\n", "http_port "+plain+"\n")
		change("https_port 443\n", "https_port "+tls+"\n")
		change("reverse_proxy 127.0.0.1:8080", "reverse_proxy "+p.address)
		change("# tls /etc/ssl/porthouse/cert.pem /etc/ssl/porthouse/key.pem", "tls "+p.folder+"/cert.pem "+p.folder+"/key.pem")
		without := config
		change("# stream_close_delay", "stream_close_delay")
		if p.keeps = p.adapts(config); !p.keeps {
			config = without
		}
	}
	p.config = filepath.Join(p.folder, name)
	Check(p.t, os.WriteFile(p.config, []byte(config), 0o600))
}

// adapts tells whether Caddy knows every line of a file: older ones do not.
func (p *proxy) adapts(config string) bool {
	p.t.Helper()
	path := filepath.Join(p.folder, "try")
	Check(p.t, os.WriteFile(path, []byte(config), 0o600))
	out, err := exec.Command(proxyBinary(p.t, p.kind), "adapt", "--adapter", "caddyfile", "--config", path).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "unrecognized subdirective stream_close_delay") {
		p.t.Fatalf("%s does not take its file: %v\n%s", p.kind, err, out)
	}
	return err == nil
}

// reload has the proxy read its file again.
func (p *proxy) reload() {
	p.t.Helper()
	command := proxyKinds[p.kind].reload(p, proxyBinary(p.t, p.kind))
	if out, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("%s reloads: %v\n%s", p.kind, err, out)
	}
}

// dial connects over TLS from an address of loopback.
func (p *proxy) dial(from string) net.Conn {
	p.t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	c, err := tls.DialWithDialer(dialer, "tcp", p.secure, &tls.Config{RootCAs: p.trusts, ServerName: proxiedHost})
	Check(p.t, err)
	return c
}

// shake says an opening handshake; status is 101 if it was taken.
func (p *proxy) shake(from, path string, lines ...string) (c *Client, status int) {
	p.t.Helper()
	c = Over(p.t, p.dial(from))
	c.Say(at(proxiedHost, path, lines...))
	return c, c.Head()
}

func (p *proxy) join(path string, lines ...string) *Client {
	p.t.Helper()
	c, status := p.shake("127.0.0.1", path, lines...)
	if status != 101 {
		p.t.Fatalf("%s through %s: status %d", path, p.kind, status)
	}
	return c
}

// asks sends a request through the proxy.
func (p *proxy) asks(method, path, body string) (status int, answer string) {
	p.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: p.trusts, ServerName: proxiedHost},
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest(method, "https://"+p.secure+path, strings.NewReader(body))
	Check(p.t, err)
	r.Host = proxiedHost
	r.Header.Set("Content-Type", "text/plain")
	got, err := transport.RoundTrip(r)
	Check(p.t, err)
	defer got.Body.Close()
	read, err := io.ReadAll(got.Body)
	Check(p.t, err)
	return got.StatusCode, string(read)
}

// eachProxy runs a test behind each of them.
func eachProxy(t *testing.T, puddles int, test func(t *testing.T, p *proxy), flags ...string) {
	for _, kind := range []string{"nginx", "caddy"} {
		t.Run(kind, func(t *testing.T) {
			proxyBinary(t, kind)
			h := houseOf(t, puddles, keeping(t, func(d *deed) { d.do("room", "add", "club", `{"rules":{"password":"a frog"}}`) }),
				append([]string{"--transient", "anyone", "--primary", proxiedHost, "--proxies", "127.0.0.1"}, flags...)...)
			test(t, behind(t, kind, h))
		})
	}
}

// atDoor joins without the proxy.
func (p *proxy) atDoor(path string) *Client { return p.atHost(proxiedHost, path) }

func TestThroughAProxy(t *testing.T) {
	eachProxy(t, 2, func(t *testing.T, p *proxy) {
		far := p.join("/chat", "Sec-WebSocket-Protocol: "+Raw, "Origin: https://"+proxiedHost)
		near := p.atDoor("/chat")
		far.Text("from afar")
		near.Hears(OpText, "from afar")
		near.Say(Frame(Final|OpBytes, []byte{0, 1, 2}))
		far.Hears(OpBytes, "\x00\x01\x02")
		large := strings.Repeat("x", 60000)
		far.Text(large)
		near.Hears(OpText, large)

		if _, status := p.shake("127.0.0.1", "/chat", "Origin: https://elsewhere.example"); status != 403 {
			t.Errorf("a foreign page: %d", status)
		}
		for _, post := range []struct {
			body   string
			status int
			says   string
		}{{"hello", 200, `"receivers":2`}, {large, 200, `"receivers":2`}, {strings.Repeat("x", 2<<20), 413, `"error":"too-large"`}} {
			if status, answer := p.asks("POST", "/chat", post.body); status != post.status || !strings.Contains(answer, post.says) {
				t.Errorf("a POST of %d bytes: %d %s", len(post.body), status, answer)
			}
			if post.status == 200 {
				near.Hears(OpText, post.body)
				far.Hears(OpText, post.body)
			}
		}
		answer, err := http.Get("http://" + p.plain + "/chat")
		if err == nil {
			answer.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "https://127.0.0.1") {
			t.Errorf("without TLS: %v; want to be sent to https", err)
		}
	})
}

// The house sees who it is, whatever the client says about itself.
func TestProxyTellsTheAddress(t *testing.T) {
	eachProxy(t, 1, func(t *testing.T, p *proxy) {
		for _, lines := range [][]string{nil, {"X-Forwarded-For: 203.0.113.9"}, {"X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Real-IP: 203.0.113.9"}} {
			c, status := p.shake("127.0.0.5", "/chat", lines...)
			if status != 101 {
				t.Fatalf("status %d", status)
			}
			p.eventually("it is listed", func() bool { return len(p.sequences()) == 1 })
			if got := p.sequences()[0].Address; !strings.HasPrefix(got, "127.0.0.5:") {
				t.Errorf("with %q it comes from %s", lines, got)
			}
			c.Close()
			p.eventually("it is gone", func() bool { return len(p.sequences()) == 0 })
		}
	})
}

// What the proxies say to a house, of a client who says something else.
func TestProxySaysWhoAndHow(t *testing.T) {
	for _, kind := range []string{"nginx", "caddy"} {
		t.Run(kind, func(t *testing.T) {
			proxyBinary(t, kind)
			heads := make(chan http.Header, 1)
			upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				r.Header.Set("Host", r.Host)
				heads <- r.Header
			}))
			defer upstream.Close()
			p := behind(t, kind, &house{t: t, address: upstream.Listener.Addr().String(), log: &quietLog{}})
			p.shake("127.0.0.5", "/chat", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http", "X-Forwarded-Proto: gopher")
			got := <-heads
			for name, want := range map[string]string{"Host": proxiedHost, "X-Forwarded-For": "127.0.0.5", "X-Forwarded-Proto": "https", "Upgrade": "websocket"} {
				if said := strings.Join(got[name], ", "); said != want {
					t.Errorf("%s: %q; want %q", name, said, want)
				}
			}
		})
	}
}

// What is the operator's is not to be had through the proxy.
func TestProxyHidesAdmin(t *testing.T) {
	eachProxy(t, 1, func(t *testing.T, p *proxy) {
		for _, path := range []string{"/metrics", "/api/status", "/api/clients", "/config/", "/"} {
			if status, answer := p.asks("GET", path, ""); status < 400 || strings.Contains(answer, "porthouse_") || strings.Contains(answer, "puddles") {
				t.Errorf("%s: %d %.200s", path, status, answer)
			}
		}
	}, "--admin", "127.0.0.1:0")
}

// No log of the proxies has a credential.
func TestProxyLogsNoSecret(t *testing.T) {
	eachProxy(t, 1, func(t *testing.T, p *proxy) {
		const secret = "pht_Zm9yZ2V0"
		p.shake("127.0.0.1", "/chat?token="+secret+"&password="+secret+"&otp="+secret, "Sec-WebSocket-Protocol: "+Raw+", porthouse.token."+secret)
		p.shake("127.0.0.1", "/-/sibling?key="+secret+secret)
		p.shake("127.0.0.1", "/chat", "Authorization: Bearer "+secret)
		p.asks("POST", "/chat?token="+secret, "x")
		p.run("stop") // and with nobody behind it
		p.ends()
		p.shake("127.0.0.1", "/chat?token="+secret)
		wrote := ""
		p.eventually("the proxy has logged the last of them", func() bool {
			logs, _ := filepath.Glob(p.folder + "/*.log")
			wrote = p.said.String()
			for _, log := range logs {
				text, err := os.ReadFile(log)
				Check(t, err)
				wrote += string(text)
			}
			return strings.Contains(wrote, "502")
		})
		if at := strings.Index(wrote, secret); at >= 0 {
			t.Errorf("logged: %s", wrote[max(0, at-300):at+len(secret)])
		}
	})
}

// Reload and kill under sockets that came through a proxy.
func TestHandOverBehindAProxy(t *testing.T) {
	eachProxy(t, 2, func(t *testing.T, p *proxy) {
		c := gatherBy(t, 3, 6, func(n int, path string) *Client {
			if n%3 == 0 {
				return p.atDoor(path)
			}
			return p.join(path)
		})
		for range 3 {
			p.eventually("all puddles serve, and are reloaded", func() bool {
				_, _, code := p.run("reload")
				return code == 0
			})
			status, err := p.status()
			Check(t, err)
			for _, puddle := range status.Puddles {
				if puddle.Pid > 0 {
					syscall.Kill(puddle.Pid, syscall.SIGKILL)
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		c.settle()
	})
}

// A proxy's own reload keeps the sockets, where that proxy can.
func TestProxyReloads(t *testing.T) {
	eachProxy(t, 1, func(t *testing.T, p *proxy) {
		if !p.keeps {
			p.endsStreams()
			return
		}
		c := gatherBy(t, 2, 4, func(_ int, path string) *Client { return p.join(path) })
		for range 3 {
			p.reload()
			time.Sleep(200 * time.Millisecond)
			p.join("/chat").Close() // who comes now is served
		}
		if p.kind == "nginx" {
			p.renew()
		}
		c.settle()
	})
}

// endsStreams: an old Caddy tells its sockets that it goes, and takes new ones.
// To the house it says so in a frame without a mask, which is refused with 1002
// (RFC 6455 section 5.1); where it comes to that side first, its client may hear
// this answer before Caddy's own 1001.
func (p *proxy) endsStreams() {
	p.t.Helper()
	near, far := p.atDoor("/chat"), p.join("/chat")
	far.Text("before")
	near.Hears(OpText, "before")
	p.reload()
	op, said, err := far.Next()
	for err == nil && op != OpClose {
		op, said, err = far.Next()
	}
	if code := string(said[:min(2, len(said))]); code != "\x03\xe9" && code != "\x03\xea" {
		p.t.Errorf("closed with %q, %v; want 1001 or 1002", said, err)
	}
	again := p.join("/chat")
	again.Text("after")
	near.Hears(OpText, "after")
}

// renew has nginx replace its own binary, as Debian's package does.
func (p *proxy) renew() {
	p.t.Helper()
	old := p.pidIn("nginx.pid")
	Check(p.t, syscall.Kill(old, syscall.SIGUSR2))
	p.eventually("the new nginx is there", func() bool {
		fresh := p.pidIn("nginx.pid")
		return p.pidIn("nginx.pid.oldbin") == old && fresh > 0 && fresh != old
	})
	Check(p.t, syscall.Kill(old, syscall.SIGQUIT)) // it ends with its last socket
	time.Sleep(200 * time.Millisecond)
	p.join("/chat").Close()
	if !runs(old) {
		p.t.Error("the old nginx has ended, with sockets that it served")
	}
}

// A socket that says and hears nothing outlives the proxies' own minute.
func TestProxyIsPatient(t *testing.T) {
	if os.Getenv("PATIENT") == "" {
		t.Skip("takes more than a minute: scripts/proxies.sh runs it")
	}
	t.Parallel()
	for _, kind := range []string{"nginx", "caddy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			proxyBinary(t, kind)
			h := newHouse(t, 1, "--transient", "anyone", "--primary", proxiedHost, "--ping", "20m", "--silent", "40m")
			p := behind(t, kind, h)
			far, near := p.join("/chat"), p.atDoor("/chat")
			time.Sleep(65 * time.Second)
			for _, c := range []*Client{far, near} {
				c.SetDeadline(time.Now().Add(30 * time.Second))
			}
			far.Text("still here")
			near.Hears(OpText, "still here")
			near.Text("so am I")
			far.Hears(OpText, "so am I")
		})
	}
}
