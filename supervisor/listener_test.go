package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func doorsFor(t *testing.T, slots int, asked ...string) []*door {
	t.Helper()
	doors, err := openDoors(context.Background(), asked, slots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDoors(doors) })
	return doors
}

func TestDoors(t *testing.T) {
	doors := doorsFor(t, 3, "localhost:0")
	port := doors[0].address.Port()
	for _, d := range doors {
		if d.address.Port() != port || port == 0 || !d.address.Addr().IsLoopback() {
			t.Errorf("door at %s, the first has port %d", d.address, port)
		}
		if len(d.listeners) != 3 {
			t.Errorf("%s: %d listeners", d.address, len(d.listeners))
		}
		for _, fd := range d.listeners {
			checkListener(t, d.address, fd)
		}
	}
}

func checkListener(t *testing.T, address netip.AddrPort, fd int) {
	t.Helper()
	for _, o := range []struct{ level, option, want int }{
		{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
		{unix.SOL_SOCKET, unix.SO_OOBINLINE, 1},
		{unix.SOL_SOCKET, unix.SO_ACCEPTCONN, 1},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	} {
		if got, err := unix.GetsockoptInt(fd, o.level, o.option); err != nil || got != o.want {
			t.Errorf("%s: option %d/%d is %d, %v", address, o.level, o.option, got, err)
		}
	}
	flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	closes, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if flags&unix.O_NONBLOCK == 0 || closes&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s: blocks, or lives through exec", address)
	}
	if got, err := boundTo(fd, address); err != nil || got != address {
		t.Errorf("bound to %s, %v; want %s", got, err, address)
	}
}

func TestDoorsWildcard(t *testing.T) {
	doors := doorsFor(t, 1, ":0")
	if !doors[0].address.Addr().Is4() {
		t.Errorf("the first is %s", doors[0].address)
	}
	if len(doors) == 2 && !doors[1].address.Addr().Is6() {
		t.Errorf("the second is %s", doors[1].address)
	}
	client, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", doors[0].address.Port()))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}

func TestDoorsSeveral(t *testing.T) {
	doors := doorsFor(t, 2, "127.0.0.1:0", "127.0.0.1:0")
	if len(doors) != 2 || doors[0].address == doors[1].address {
		t.Errorf("two ports were asked for: %v", doors)
	}
	taken := doors[0].address.String()
	closeDoors(doors)
	if again := doorsFor(t, 1, taken, taken); len(again) != 1 {
		t.Errorf("one address, asked for twice: %d doors", len(again))
	}
}

func TestPortTaken(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
		other, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		port := other.Addr().(*net.TCPAddr).Port
		for _, asked := range []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf(":%d", port)} {
			err = ProbePorts(context.Background(), []string{asked})
			if !errors.Is(err, unix.EADDRINUSE) || !strings.HasPrefix(err.Error(), "port taken: ") {
				t.Errorf("%s beside %s: %v", asked, other.Addr(), err)
			}
		}
	}
	// a house's own listeners let nobody else in, though they share the port
	doors := doorsFor(t, 2, "127.0.0.1:0")
	if err := ProbePorts(context.Background(), []string{doors[0].address.String()}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a second house may share the port: %v", err)
	}
}

func TestListenForms(t *testing.T) {
	for _, good := range []string{":8080", "127.0.0.1:0", "[::1]:65535", "example.com:80", "*:80", "localhost:1"} {
		if err := CheckListen(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "8080", "::1:8080", "127.0.0.1", "127.0.0.1:", ":http", ":65536", ":-1", "[::1]", "a:b:c"} {
		if err := CheckListen(bad); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
	if err := ProbePorts(context.Background(), []string{"192.0.2.1:0"}); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("another machine's address: %v", err)
	}
	if err := CheckAdmin(AdminOff); err != nil {
		t.Error(err)
	}
}
