package room

import (
	"net/netip"
	"strings"

	"github.com/porthouse/porthouse/schema"
)

// AdmitsOrigin tells whether a page of origin may speak to host. No Origin
// (nil) is no browser's and passes; "null" and what is no serialized origin
// (RFC 6454 section 6.2) never do. Entries of allowed are as in the rule
// origins: hosts with a port mean only that one, without one any. Ports are no
// part of "self": a page on :3000 may speak to its own host's :8080.
func AdmitsOrigin(origin, host []byte, allowed []string) bool {
	if origin == nil {
		return true
	}
	scheme, authority, _ := strings.Cut(string(origin), "://")
	name, port, ok := schema.SplitHost(authority)
	if !ok || !isScheme(scheme) {
		return false
	}
	if port == "" {
		port = defaultPorts[strings.ToLower(scheme)]
	}
	for _, entry := range allowed {
		if entryAdmits(entry, name, port, string(host)) {
			return true
		}
	}
	return false
}

func entryAdmits(entry, name, port, host string) bool {
	switch entry {
	case schema.OriginAny:
		return true
	case schema.OriginSelf:
		own, _, ok := schema.SplitHost(host)
		return ok && (strings.EqualFold(name, own) || isLoopback(name) && isLoopback(own))
	}
	entryName, entryPort, ok := schema.SplitHost(entry)
	return ok && strings.EqualFold(name, entryName) && (entryPort == "" || entryPort == port)
}

var defaultPorts = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}

// isLoopback: localhost (RFC 6761 section 6.3), 127.0.0.0/8 or [::1].
func isLoopback(host string) bool {
	name := strings.ToLower(host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.Unmap().IsLoopback()
}

// isScheme: RFC 3986 section 3.1.
func isScheme(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return text != ""
}
