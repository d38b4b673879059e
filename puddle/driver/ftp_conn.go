package driver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"
)

// Bounds of what a server may say, bytes.
const (
	lineMost = 64 << 10 // in answer to one command
	listMost = 4 << 20  // as a listing
)

var errTalkative = errors.New("the server says more than it may")

// connection is one to an FTP server, logged in. One request at a time has it.
type connection struct {
	driver *ftpDriver
	server *ftp.ServerConn
	timer  *time.Timer // closes it when nobody has used it for long
	since  time.Time   // that nobody uses it

	ctx    context.Context // of the request that has it
	listed int             // what the next data connection may bring

	mu     sync.Mutex
	raw    []net.Conn // control, and data if there is one
	broken bool
}

// connect makes a fresh connection.
func (f *ftpDriver) connect(ctx context.Context) (*connection, error) {
	c := &connection{driver: f, ctx: ctx}
	stop := context.AfterFunc(ctx, c.abort)
	err := c.login()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

func (c *connection) login() (err error) {
	f := c.driver
	options := []ftp.DialOption{ftp.DialWithDialFunc(c.dial)}
	if f.tls != nil {
		options = append(options, ftp.DialWithExplicitTLS(f.tls))
	}
	if c.server, err = ftp.Dial(f.rule.Address, options...); err != nil {
		return err
	}
	if err = c.server.Login(f.rule.User, f.password()); err != nil {
		return &loginError{err}
	}
	return nil
}

// loginError is a login that failed. What the server said to it is not
// repeated: it has just heard the password.
type loginError struct{ error }

func (e *loginError) Unwrap() error { return e.error }

// dial opens the control connection, and then data connections.
func (c *connection) dial(network, address string) (net.Conn, error) {
	f := c.driver
	inner, err := f.dialer.DialContext(c.ctx, network, address)
	if err != nil {
		return nil, err
	}
	if !c.keep(inner) {
		inner.Close()
		return nil, net.ErrClosed
	}
	if c.server == nil {
		return &bounded{Conn: inner, idle: f.timeout, left: lineMost, again: lineMost}, nil
	}
	data := &bounded{Conn: inner, idle: f.timeout, left: c.listed, gone: func() { c.drop(inner) }}
	if f.tls == nil {
		return data, nil
	}
	return &tlsData{tls.Client(data, f.tls)}, nil
}

// keep notes a connection to be closed by abort; false: it is too late.
func (c *connection) keep(raw net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return false
	}
	c.raw = append(c.raw, raw)
	return true
}

func (c *connection) drop(raw net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, known := range c.raw {
		if known == raw {
			c.raw = append(c.raw[:n], c.raw[n+1:]...)
			return
		}
	}
}

// abort ends it at once, whoever waits for it.
func (c *connection) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	for _, raw := range c.raw {
		raw.Close()
	}
	c.raw = nil
}

// quit says goodbye.
func (c *connection) quit() {
	c.server.Quit() // closes the control connection too
	c.abort()
}

// bounded is a connection that waits so long for each piece, and takes so much.
type bounded struct {
	net.Conn
	idle  time.Duration
	left  int // bytes that may still be read
	again int // left, after every write; 0: as it is
	gone  func()
}

func (b *bounded) Read(to []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalkative
	}
	b.Conn.SetReadDeadline(time.Now().Add(b.idle))
	n, err := b.Conn.Read(to[:min(len(to), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Write(from []byte) (n int, err error) {
	if b.again > 0 {
		b.left = b.again
	}
	const piece = 64 << 10 // each of which is progress
	for len(from) > 0 {
		b.Conn.SetWriteDeadline(time.Now().Add(b.idle))
		written, err := b.Conn.Write(from[:min(len(from), piece)])
		n, from = n+written, from[written:]
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (b *bounded) Close() error {
	if b.gone != nil {
		b.gone()
	}
	return b.Conn.Close()
}

// tlsData is a data connection under TLS. It ends as TLS does (RFC 8446
// section 6.1): what the server still has to say, such as a session ticket,
// must not turn our close into a reset, which would cut an upload short.
type tlsData struct{ *tls.Conn }

func (d *tlsData) Close() error {
	const goodbye = 2 * time.Second
	if d.CloseWrite() == nil {
		d.SetReadDeadline(time.Now().Add(goodbye))
		io.CopyN(io.Discard, d.NetConn().(*bounded).Conn, lineMost)
	}
	return d.Conn.Close()
}

var errPin = errors.New("the server's certificate is not the one whose SHA-256 is the driver's pin")

// tlsOf is how the server proves who it is: by a certificate for its name, or
// by the very certificate that the rule pins.
func tlsOf(host, pin string) *tls.Config {
	config := &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(4), // servers demand it of data connections
	}
	if pin == "" {
		return config
	}
	config.InsecureSkipVerify = true // VerifyConnection does it
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) > 0 {
			if sum := sha256.Sum256(state.PeerCertificates[0].Raw); hex.EncodeToString(sum[:]) == pin {
				return nil
			}
		}
		return errPin
	}
	return config
}
