package puddletest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
)

// portTries is how many ports FreePort tries.
const portTries = 64

// FreePort is a TCP port that nobody has, for a program that cannot be told to
// take any. It is none of those that the kernel gives to connections
// (net.ipv4.ip_local_port_range), of which one may be taken before the program
// gets there.
func FreePort(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	Check(t, err)
	var low, high int
	_, err = fmt.Sscan(string(text), &low, &high)
	Check(t, err)
	for range portTries {
		port := 1024 + rand.IntN(1<<16-1024)
		if port >= low && port <= high {
			continue
		}
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatalf("no free port in %d tries outside of %d to %d", portTries, low, high)
	return ""
}
