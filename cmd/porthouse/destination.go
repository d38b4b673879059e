package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// destination is a room, and how to get there.
type destination struct {
	url    *url.URL // http or https
	client *http.Client
	token  string // "": anonymous
}

// destinationOf reads ROOM or URL. A room by its name is on the house that is
// up here, where the operator needs no token.
func (m *Main) destinationOf(c *cli.Context) (*destination, error) {
	to, err := m.wayTo(c, c.Args().First())
	if err == nil && c.IsSet("token-file") {
		to.token, err = tokenFile(c)
	}
	return to, err
}

func (m *Main) wayTo(c *cli.Context, name string) (*destination, error) {
	if isURL(name) {
		return throughURL(name)
	}
	if err := checkRoom(name); err != nil {
		return nil, err
	}
	answer, err := m.askOnce(c, ipc.Ask{Pass: &ipc.AskPass{}})
	if err != nil {
		return nil, err
	}
	if answer.Pass == nil || len(answer.Pass.Listen) == 0 {
		return nil, errors.New("the house answered something else")
	}
	return throughPass(answer.Pass, name)
}

func isURL(name string) bool { return strings.Contains(name, "://") }

func checkRoom(name string) error {
	if refusal := schema.CheckRoom(name); refusal != nil {
		return usage(errors.New(refusal.Message))
	}
	return nil
}

// throughURL takes ws and wss as http and https, which they begin as.
func throughURL(text string) (*destination, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, usage(errors.New("the URL is not well formed"))
	case u.User != nil:
		return nil, usage(errors.New("a URL with a password in it can be seen by others: use --token-file"))
	case u.Query().Has("token"):
		return nil, usage(errors.New("a URL with a token in it can be seen by others: use --token-file"))
	case u.Host == "":
		return nil, usage(errors.New("the URL has no host"))
	}
	switch u.Scheme {
	case "ws", "wss":
		u.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	case "http", "https":
	default:
		return nil, usage(fmt.Errorf("%s is no scheme of a room: use ws, wss, http or https", u.Scheme))
	}
	return &destination{url: u, client: &http.Client{}}, nil
}

// throughPass goes to the house that is up here, whatever it is called.
func throughPass(pass *ipc.Pass, room string) (*destination, error) {
	address, err := reachable(pass.Listen[0])
	if err != nil {
		return nil, err
	}
	host := address.String()
	if pass.Primary != "" {
		host = net.JoinHostPort(strings.Trim(pass.Primary, "[]"), fmt.Sprint(address.Port()))
	}
	here := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address.String())
	}}
	return &destination{
		url:    &url.URL{Scheme: "http", Host: host, Path: "/" + room},
		client: &http.Client{Transport: here}, token: pass.Token,
	}, nil
}

// reachable is where to call who listens: on all addresses is on this machine.
func reachable(listen string) (netip.AddrPort, error) {
	address, err := netip.ParseAddrPort(listen)
	if err != nil {
		return address, fmt.Errorf("the house listens on %q, which is no address", listen)
	}
	switch host := address.Addr(); {
	case host.IsUnspecified() && host.Is4():
		address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), address.Port())
	case host.IsUnspecified():
		address = netip.AddrPortFrom(netip.IPv6Loopback(), address.Port())
	}
	return address, nil
}

// String is where it is, without a query, which may have a secret.
func (d *destination) String() string {
	return d.url.Scheme + "://" + d.url.Host + d.url.EscapedPath()
}

// trouble is why it was not reached.
func (d *destination) trouble(tried string, err error) error {
	if asked := new(url.Error); errors.As(err, &asked) {
		err = asked.Err
	}
	return fmt.Errorf("%s %s: %w", tried, d, err)
}

// header is what requests carry.
func (d *destination) header() http.Header {
	header := http.Header{}
	if d.token != "" {
		header.Set("Authorization", "Bearer "+d.token)
	}
	return header
}
