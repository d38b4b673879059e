package puddle

import (
	"bytes"
	"net/netip"

	"github.com/porthouse/porthouse/schema"
)

// Words that may stand among the hosts whose pages are let in.
const (
	originSelf = "self" // the page's host is the Host, or both are loopback
	originAny  = "*"
)

// admitsOrigin tells whether a page of origin may speak to host. No Origin
// (nil) is no browser's and passes; "null" and what is no serialized origin
// (RFC 6454 section 6.2) never do. Entries of allowed are originSelf,
// originAny, or hosts: with a port only that one, without one any. Ports are
// no part of "self": a page on :3000 may speak to its own host's :8080.
func admitsOrigin(origin, host []byte, allowed []string) bool {
	if origin == nil {
		return true
	}
	scheme, authority, _ := bytes.Cut(origin, []byte("://"))
	name, port, ok := splitHost(authority)
	if !ok || !isScheme(scheme) {
		return false
	}
	if port == nil {
		port = defaultPort(scheme)
	}
	for _, entry := range allowed {
		if entryAdmits(entry, name, port, host) {
			return true
		}
	}
	return false
}

func entryAdmits(entry string, name, port, host []byte) bool {
	switch entry {
	case originAny:
		return true
	case originSelf:
		return isSelf(name, host)
	}
	return entryNames(entry, name, port)
}

func isSelf(name, host []byte) bool {
	own, _, ok := splitHost(host)
	return ok && (sameHost(name, own) || isLoopback(name) && isLoopback(own))
}

func entryNames(entry string, name, port []byte) bool {
	entryName, entryPort, ok := splitHost([]byte(entry))
	return ok && sameHost(name, entryName) && (entryPort == nil || bytes.Equal(port, entryPort))
}

// sameHost compares hosts, which have no case (RFC 9110 section 4.2.3).
func sameHost(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// isLoopback tells whether a host leads to this very machine: localhost
// (RFC 6761 section 6.3), 127.0.0.0/8 or [::1].
func isLoopback(host []byte) bool {
	const local = "localhost"
	if at := len(host) - len(local); at >= 0 && isName(host[at:], local) {
		return at == 0 || host[at-1] == '.'
	}
	address, err := netip.ParseAddr(string(bytes.Trim(host, "[]")))
	return err == nil && address.Unmap().IsLoopback()
}

// isLocal tells whether a Host is a loopback name or any IP address: what a
// page of elsewhere cannot make its own name lead to (DNS rebinding).
func isLocal(hostPort []byte) bool {
	host, _, ok := splitHost(hostPort)
	if !ok || isLoopback(host) {
		return ok
	}
	_, err := netip.ParseAddr(string(bytes.Trim(host, "[]")))
	return err == nil
}

var refusedHost = reject(404, schema.NotFound,
	"this house is open to all and so known only by localhost or an IP address; start it with --transient instead of --open to be known by any name")

// isScheme: RFC 3986 section 3.1.
func isScheme(b []byte) bool {
	for i, c := range b {
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(b) > 0
}

func defaultPort(scheme []byte) []byte {
	switch {
	case isName(scheme, "https"), isName(scheme, "wss"):
		return []byte("443")
	case isName(scheme, "http"), isName(scheme, "ws"):
		return []byte("80")
	}
	return nil
}

// refusedOrigin is always answered as HTTP: a foreign page hears no more.
var refusedOrigin = reject(403, schema.Denied,
	"pages of this origin are not let in: open it from the house's own host, or have its owner allow the origin")
