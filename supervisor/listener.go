package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	deferAccept = 1       // seconds a connection that says nothing waits in the kernel
	backlog     = 1 << 16 // the kernel makes it net.core.somaxconn
	portTries   = 16      // to find a free port that both families have
)

// door is one address of the house, with a listener for each slot. They are
// made once and not closed until the house stops, so that a connection that
// comes while a slot has no process waits for the next.
type door struct {
	address   netip.AddrPort
	listeners []int // by slot
}

// frontage is what one --listen asks for: addresses that share a port.
type frontage struct {
	asked     string
	addresses []netip.Addr
	port      uint16
	both      bool // of IPv4 and IPv6, what the machine has
}

// CheckListen says what is wrong with the form of a --listen address.
func CheckListen(address string) error {
	_, _, err := splitListen(address)
	return err
}

func splitListen(address string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address to listen on: write :8080, 127.0.0.1:8080 or [::1]:8080", address)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address to listen on: its port is a number from 0 (any that is free) to 65535", address)
	}
	return host, uint16(n), nil
}

// resolve finds out which addresses a --listen means.
func resolve(ctx context.Context, address string) (frontage, error) {
	host, port, err := splitListen(address)
	if err != nil {
		return frontage{}, err
	}
	f := frontage{asked: address, port: port}
	switch host {
	case "", "*":
		f.both, f.addresses = true, []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
		return f, nil
	case "localhost":
		f.both, f.addresses = true, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
		return f, nil
	}
	if literal, err := netip.ParseAddr(host); err == nil {
		f.addresses = []netip.Addr{literal.Unmap()}
		return f, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return frontage{}, fmt.Errorf("listen on %s: %w: give an address of this machine", address, err)
	}
	for _, a := range found {
		f.addresses = append(f.addresses, a.Unmap())
	}
	return f, nil
}

// openDoors makes slots listeners for every address that is asked for.
func openDoors(ctx context.Context, asked []string, slots int) (doors []*door, err error) {
	defer func() {
		if err != nil {
			closeDoors(doors)
		}
	}()
	seen := make(map[string]bool)
	for _, address := range asked {
		if seen[address] && !isAnyPort(address) {
			continue
		}
		seen[address] = true
		f, err := resolve(ctx, address)
		if err != nil {
			return doors, err
		}
		opened, err := f.open(slots)
		if err != nil {
			return doors, err
		}
		doors = append(doors, opened...)
	}
	return doors, nil
}

func isAnyPort(address string) bool {
	_, port, err := splitListen(address)
	return err == nil && port == 0
}

// ProbePorts tells whether the addresses could be listened on now.
func ProbePorts(ctx context.Context, asked []string) error {
	doors, err := openDoors(ctx, asked, 1)
	closeDoors(doors)
	return err
}

func closeDoors(doors []*door) {
	for _, d := range doors {
		for _, fd := range d.listeners {
			unix.Close(fd)
		}
		d.listeners = nil
	}
}

// open makes the doors; where any port will do, until one is free for all.
func (f *frontage) open(slots int) (doors []*door, err error) {
	for range portTries {
		doors, err = f.openAt(f.port, slots)
		if f.port != 0 || !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	return doors, err
}

func (f *frontage) openAt(port uint16, slots int) (doors []*door, err error) {
	for _, a := range f.addresses {
		d, err := openDoor(netip.AddrPortFrom(a, port), slots)
		if f.both && lacksFamily(err) {
			continue
		}
		if err != nil {
			closeDoors(doors)
			return nil, explainListen(f.asked, netip.AddrPortFrom(a, port), err)
		}
		port = d.address.Port() // the twin has the same
		doors = append(doors, d)
	}
	if len(doors) == 0 {
		return nil, fmt.Errorf("listen on %s: this machine has neither IPv4 nor IPv6", f.asked)
	}
	return doors, nil
}

func lacksFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func explainListen(asked string, address netip.AddrPort, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("port taken: %s is in use by another program (%w): stop it (`ss -ltnp 'sport = :%d'` names it), or --listen elsewhere",
			address, err, address.Port())
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("listen on %s: %w: ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE", address, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("listen on %s: %w: no interface of this machine has that address", address, err)
	}
	return fmt.Errorf("listen on %s (%s): %w", asked, address, err)
}

// openDoor makes one listener a slot. SO_REUSEPORT would let a second house
// share the port and take half of its connections, so first it is asked for
// alone.
func openDoor(address netip.AddrPort, slots int) (*door, error) {
	probe, err := listenOn(address, false)
	if err != nil {
		return nil, err
	}
	address, err = boundTo(probe, address)
	unix.Close(probe)
	if err != nil {
		return nil, err
	}
	d := &door{address: address}
	for range slots {
		fd, err := listenOn(address, true)
		if err != nil {
			closeDoors([]*door{d})
			return nil, err
		}
		d.listeners = append(d.listeners, fd)
	}
	return d, nil
}

// listenOn makes a listener; what it sets, accepted sockets inherit.
func listenOn(address netip.AddrPort, shared bool) (fd int, err error) {
	family, sockaddr, err := sockaddrOf(address)
	if err != nil {
		return -1, err
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	for _, o := range []struct{ level, option, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{unix.SOL_SOCKET, unix.SO_REUSEPORT, number(shared)},
		{unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}, // byte counts stay true
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return -1, fmt.Errorf("setsockopt %d/%d: %w", o.level, o.option, err)
		}
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return -1, fmt.Errorf("setsockopt IPV6_V6ONLY: %w", err)
		}
	}
	if err := unix.Bind(fd, sockaddr); err != nil {
		return -1, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	return fd, nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sockaddrOf(address netip.AddrPort) (family int, sockaddr unix.Sockaddr, err error) {
	a, port := address.Addr(), int(address.Port())
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: a.As4()}, nil
	}
	v6 := &unix.SockaddrInet6{Port: port, Addr: a.As16()}
	if zone := a.Zone(); zone != "" {
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, fmt.Errorf("interface %s: %w", zone, err)
		}
		v6.ZoneId = uint32(link.Index)
	}
	return unix.AF_INET6, v6, nil
}

// boundTo is the address with the port that the kernel chose.
func boundTo(fd int, address netip.AddrPort) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return address, fmt.Errorf("getsockname: %w", err)
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(address.Addr(), uint16(n.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(address.Addr(), uint16(n.Port)), nil
	}
	return address, nil
}
