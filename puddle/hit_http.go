package puddle

import (
	"context"
	"net/netip"
	"net/url"

	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema/format"
)

// STUB until the desk is there.
type deskLimits struct{ bodyMost int }
type hitKind uint8

const (
	hitSend hitKind = iota
	hitSpaces
	hitHost
	hitCORS
)

type hit struct {
	kind                      hitKind
	method, path, host, query string
	origin                    []byte
	address                   netip.AddrPort
	credential                ipc.Credential
	offered                   bool
	password, otp             string
	message                   format.Message
	to                        []string
	key                       string
	done                      func(hitAnswer)
}
type hitAnswer struct {
	status      int
	json        []byte
	retryAfter  int
	allowOrigin bool
	challenge   bool
}
type desk struct{}

func newDesk(deskLimits, func(hit)) *desk                     { return &desk{} }
func (d *desk) take(fd int, _ []byte, _ netip.AddrPort) error { unix.Close(fd); return nil }
func (d *desk) stop(context.Context)                          {}
func queryValue(query, key string) string {
	v, _ := url.ParseQuery(query)
	return v.Get(key)
}
