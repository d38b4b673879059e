package driver

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// unreachable is an address that the house does not let drivers connect to.
type unreachable struct{ address string }

func (e *unreachable) Error() string {
	return fmt.Sprintf("%s is not among --driver-addresses", e.address)
}

// dialer connects to what reach allows. It is asked for every connection, when
// the name has become the address that is about to be connected to.
func dialer(reach schema.Reach, timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !reach.Allows(to.Addr()) {
				return &unreachable{address}
			}
			return nil
		},
	}
}
