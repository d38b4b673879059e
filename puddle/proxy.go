package puddle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/porthouse/porthouse/ipc/table"
)

// Behind a proxy that the settings name, a socket's address is what the proxy
// says: by the PROXY protocol, version 2, or by X-Forwarded-For.

var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

const proxyHeader = 16 // bytes of a header of version 2 before its addresses

// trusts tells whether an address is that of a proxy of ours.
func (p *Puddle) trusts(address netip.Addr) bool {
	for _, network := range p.proxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// throughProxy takes a PROXY header off the first bytes. more: it is not all
// there yet.
func (p *Puddle) throughProxy(s *table.Socket, data []byte) (rest []byte, more bool) {
	if len(p.proxies) == 0 || s.In > 0 || !p.trusts(netip.AddrFrom16(s.Addr).Unmap()) {
		return data, false
	}
	n := min(len(data), len(proxySignature))
	switch {
	case !bytes.Equal(data[:n], proxySignature[:n]):
		return data, false
	case len(data) < proxyHeader:
		return nil, true
	}
	size := proxyHeader + int(binary.BigEndian.Uint16(data[proxyHeader-2:]))
	if len(data) < size {
		return nil, true
	}
	header, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(data[:size])))
	if err != nil {
		return data, false // the guard refuses it
	}
	if source, ok := header.SourceAddr.(*net.TCPAddr); ok && header.Command == proxyproto.PROXY {
		address := source.AddrPort()
		s.Addr, s.Port = address.Addr().As16(), address.Port()
		if tlvs, err := header.TLVs(); err == nil && viaTLS(tlvs) {
			s.Agreed |= table.Sealed
		}
	}
	s.In += uint64(size)
	return data[size:], false
}

// viaTLS tells whether a PROXY header says that the client speaks TLS.
func viaTLS(tlvs []proxyproto.TLV) bool {
	ssl, found := tlvparse.FindSSL(tlvs)
	return found && ssl.ClientSSL()
}

// saysTLS tells whether X-Forwarded-Proto does; of several words the last is
// that of the proxy next to us.
func saysTLS(req *request) bool {
	last := ""
	for list := req.list(fieldForwardedProto); list.next(); {
		last = strings.ToLower(string(list.element))
	}
	return last == "https" || last == "wss"
}

// forwarded takes what a proxy of ours says: whether its client speaks TLS, and
// the client's address, the last in X-Forwarded-For that is not one of ours.
func (p *Puddle) forwarded(s *table.Socket, req *request) {
	if len(p.proxies) == 0 || !p.trusts(netip.AddrFrom16(s.Addr).Unmap()) {
		return
	}
	if saysTLS(req) {
		s.Agreed |= table.Sealed
	}
	var hops []string
	for list := req.list(fieldForwardedFor); list.next(); {
		hops = append(hops, string(list.element))
	}
	for n := len(hops) - 1; n >= 0; n-- {
		hop := strings.Trim(hops[n], "[]")
		address, err := netip.ParseAddr(hop)
		if err != nil {
			if withPort, err := netip.ParseAddrPort(hops[n]); err == nil {
				address = withPort.Addr()
			} else {
				return
			}
		}
		address = address.Unmap()
		s.Addr, s.Port = address.As16(), 0
		if !p.trusts(address) {
			return
		}
	}
}
