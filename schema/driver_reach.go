package schema

import (
	"fmt"
	"net/netip"
	"slices"
)

// Words of --driver-addresses beside networks.
const (
	ReachPublic   = "public"   // what is reached over the internet
	ReachPrivate  = "private"  // RFC 1918, RFC 4193, RFC 6598
	ReachLoopback = "loopback" // 127.0.0.0/8, ::1
)

// Reach is where drivers may connect to. The zero value is nowhere.
type Reach struct {
	public, private, loopback bool
	networks                  []netip.Prefix
}

// CheckReach judges one word of --driver-addresses, and tells how it is written.
func CheckReach(word string) (string, error) {
	if slices.Contains([]string{ReachPublic, ReachPrivate, ReachLoopback}, word) {
		return word, nil
	}
	network, err := netip.ParsePrefix(word)
	if address, one := netip.ParseAddr(word); one == nil && address.Zone() == "" {
		network, err = address.Prefix(address.BitLen())
	}
	if err != nil {
		return "", fmt.Errorf("%q is none of public, private, loopback, no network such as 10.1.0.0/16 or fd00::/8, and no IP address", word)
	}
	return network.Masked().String(), nil
}

// ReachOf is the reach of words that CheckReach passed; others are an error.
func ReachOf(words []string) (Reach, error) {
	var r Reach
	for _, word := range words {
		text, err := CheckReach(word)
		if err != nil {
			return Reach{}, err
		}
		switch text {
		case ReachPublic:
			r.public = true
		case ReachPrivate:
			r.private = true
		case ReachLoopback:
			r.loopback = true
		default:
			r.networks = append(r.networks, netip.MustParsePrefix(text))
		}
	}
	return r, nil
}

// Allows tells whether an address may be connected to. Link-local addresses,
// among them where clouds tell their secrets, multicast and what is reserved
// are only where a network names them.
func (r Reach) Allows(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, network := range r.networks {
		if network.Contains(address) {
			return true
		}
	}
	switch {
	case !address.IsValid():
		return false
	case address.IsLoopback():
		return r.loopback
	case address.IsPrivate() || carrierNAT.Contains(address):
		return r.private
	}
	return r.public && isPublic(address)
}

var carrierNAT = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// reserved are the networks that the registries of special-purpose addresses
// (RFC 6890) say are not reached over the internet, or that lead to an IPv4
// address which would have to be judged in its own right.
var reserved = prefixes("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func isPublic(address netip.Addr) bool {
	for _, network := range reserved {
		if network.Contains(address) {
			return false
		}
	}
	return address.IsGlobalUnicast() && !(address.Is6() && !globalUnicast.Contains(address))
}

var globalUnicast = netip.MustParsePrefix("2000::/3") // what of IPv6 is given out
