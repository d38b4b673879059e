package driver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// ftpDriver is an FTP server (RFC 959) behind a room. It keeps up to
// Connections logged in, closes those that nobody uses, and makes them anew.
// What a sequence has said of folders it does not keep: every path goes out
// absolute, on whichever connection.
type ftpDriver struct {
	rule    *schema.Driver
	dialer  *net.Dialer
	tls     *tls.Config // nil: in the clear
	timeout time.Duration
	budget  *Budget

	mu     sync.Mutex
	idle   []*connection // the last one used last
	closed bool
}

// wholeTimes is how many times its timeout a request may take in all, however
// steadily it moves.
const wholeTimes = 20

func openFTP(rule *schema.Driver, reach schema.Reach, budget *Budget) *ftpDriver {
	timeout := time.Duration(rule.Timeout) * time.Second
	f := &ftpDriver{rule: rule, dialer: dialer(reach, timeout), timeout: timeout, budget: budget}
	if rule.TLS {
		host, _, _ := net.SplitHostPort(rule.Address) // schema has read it
		f.tls = tlsOf(host, rule.Pin)
	}
	return f
}

func (f *ftpDriver) Together() int { return f.rule.Connections }

// password: anonymous logins say one for courtesy (RFC 1635).
func (f *ftpDriver) password() string {
	if !f.rule.Password.Set() && f.rule.User == "anonymous" {
		return "anonymous@"
	}
	return f.rule.Password.Reveal()
}

// Do does a command, or stores a file.
func (f *ftpDriver) Do(ctx context.Context, r *Request) Answer {
	t, refused := f.read(r)
	if refused == nil {
		if answer, done := t.without(); done {
			return answer
		}
		ctx, cancel := context.WithTimeout(ctx, wholeTimes*f.timeout)
		defer cancel()
		var answer Answer
		if answer, refused = f.perform(ctx, t); refused == nil {
			return answer
		}
	}
	return Answer{Refused: refused, Place: r.Place}
}

// read makes a task of a message.
func (f *ftpDriver) read(r *Request) (t *task, refused *schema.Refusal) {
	t = &task{driver: f, request: r}
	switch {
	case r.File != "":
		t.command.verb, t.file = verbPut, true
		var p string
		if p, refused = join(r.Place.Folder, r.File); refused != nil {
			return nil, refused
		}
		t.paths = []string{p}
	case r.Message.Kind == format.Bytes && r.Place.Name == "":
		return nil, refuse(schema.Malformed, "which file are these bytes? Say PUT name first").Refused
	case r.Message.Kind == format.Bytes:
		t.command.verb, t.file, t.paths = verbPut, true, []string{r.Place.Name}
	case r.Message.Kind == format.Value:
		return nil, refuse(schema.Format, "this room takes commands, which are text such as LIST, and files, which are bytes").Refused
	default:
		if t.command, refused = parseCommand(string(r.Message.Data), r.Place.Folder); refused != nil {
			return nil, refused
		}
	}
	return t, t.aboutRoot()
}

// perform does a task on a connection, which is kept if it can be used again.
func (f *ftpDriver) perform(ctx context.Context, t *task) (Answer, *schema.Refusal) {
	c, err := f.take(ctx)
	if err != nil {
		return Answer{}, f.refusal(t, ctx, err)
	}
	c.ctx, c.listed = ctx, listMost
	stop := context.AfterFunc(ctx, c.abort)
	answer, err := t.on(c)
	var said *textproto.Error
	var ours *schema.Refusal
	switch {
	case !stop():
		c.abort()
	case err == nil:
		f.put(c)
	case errors.As(err, &ours) && t.settled:
		f.put(c)
	case isAnswer(err, &said) && said.Code != 421: // closing (RFC 959 section 4.2)
		f.put(c)
	default:
		c.abort()
	}
	if err != nil {
		return Answer{}, f.refusal(t, ctx, err)
	}
	return answer, nil
}

// isAnswer tells whether an error is nothing but what the server answered.
func isAnswer(err error, said **textproto.Error) (is bool) {
	*said, is = err.(*textproto.Error)
	return is
}

// refusal tells a member what went wrong, and nothing of the house.
func (f *ftpDriver) refusal(t *task, ctx context.Context, err error) *schema.Refusal {
	var ours *schema.Refusal
	var said *textproto.Error
	var login *loginError
	var unreached *unreachable
	var network net.Error
	why := "the FTP server cannot be reached, or hung up: try again"
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &unreached):
		why = "the house does not let drivers connect there: an operator may with --driver-addresses"
	case ctx.Err() == context.Canceled:
		why = "this puddle goes: send it again"
	case errors.As(err, &said) && !errors.As(err, &login):
		return &schema.Refusal{Code: codeOf(t.verb, said.Code), Message: "the FTP server says: " + f.shown(said.Error())}
	case ctx.Err() != nil || errors.As(err, &network) && network.Timeout():
		why = "the FTP server does not answer in time: try again"
	case errors.Is(err, errTalkative):
		why = "the FTP server says more than it may"
	case isCertificate(err):
		why = "the FTP server's certificate is not good for its name: an admin may set the driver's pin"
	case errors.As(err, &login) && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		why = "the FTP server does not take the driver's user: an admin sets the rule driver"
	}
	return &schema.Refusal{Code: schema.Unavailable, Message: why}
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification) || errors.Is(err, errPin)
}

// codeOf is a server's refusal as one of ours (RFC 959 section 4.2).
func codeOf(v verb, code int) schema.ErrorCode {
	switch {
	case code == 550 && (v == verbPut || v == verbMkdir):
		return schema.Denied
	case code == 550:
		return schema.NotFound
	case code == 553, code == 532, code == 530:
		return schema.Denied
	case code == 552, code == 452:
		return schema.Full
	}
	return schema.Unavailable
}

// shown is a text of the server's for a member: printable, short, and without
// the password, which the server knows.
func (f *ftpDriver) shown(text string) string {
	const most = 200
	if f.rule.Password.Set() {
		text = strings.ReplaceAll(text, f.rule.Password.Reveal(), "…")
	}
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// take is a connection that works.
func (f *ftpDriver) take(ctx context.Context) (*connection, error) {
	const fresh = time.Second // so long after its last use it is not asked whether it lives
	for {
		c := f.pop()
		if c == nil {
			return f.connect(ctx)
		}
		if time.Since(c.since) < fresh {
			return c, nil
		}
		stop := context.AfterFunc(ctx, c.abort)
		err := c.server.NoOp()
		if stop() && err == nil {
			return c, nil
		}
		c.abort()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (f *ftpDriver) pop() *connection {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := len(f.idle) - 1
	if last < 0 {
		return nil
	}
	c := f.idle[last]
	f.idle = f.idle[:last]
	c.timer.Stop()
	return c
}

// put keeps a connection for the next request, and for so long.
func (f *ftpDriver) put(c *connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		go c.quit()
		return
	}
	c.since = time.Now()
	c.timer = time.AfterFunc(time.Duration(f.rule.Idle)*time.Second, func() { f.retire(c) })
	f.idle = append(f.idle, c)
}

// retire closes a connection that nobody has used, unless somebody just does.
func (f *ftpDriver) retire(c *connection) {
	f.mu.Lock()
	for n, known := range f.idle {
		if known == c {
			f.idle = append(f.idle[:n], f.idle[n+1:]...)
			f.mu.Unlock()
			c.quit()
			return
		}
	}
	f.mu.Unlock()
}

func (f *ftpDriver) Close() {
	f.mu.Lock()
	idle := f.idle
	f.idle, f.closed = nil, true
	f.mu.Unlock()
	for _, c := range idle {
		c.timer.Stop()
		c.quit()
	}
}
