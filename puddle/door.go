package puddle

import (
	"net/netip"
	"strings"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// Where a host leads (wire.md, "Addresses"): to the house, to a client's
// endpoint, or to what an endpoint of its own says.

// lead is where a request leads.
type lead struct {
	target
	client string // whose endpoint it is; "": the primary one
}

var unknownHost = notFound("no such host here: use the house's own name, or have its operator add an endpoint")

// follow tells where a host and a path lead. Whether the client there is one
// is asked of the supervisor.
func (p *Puddle) follow(hostPort string, path []byte) (lead, *schema.Refusal) {
	if isReserved(path) {
		t, refused := resolve(path)
		return lead{target: t}, refused
	}
	host := plainHost(hostPort)
	if to, refused, theirs := p.atEndpoint(host, string(path)); theirs {
		return to, refused
	}
	t, refused := resolve(path)
	switch client, below := strings.CutSuffix(host, "."+p.house.Primary); {
	case p.house.Primary == "" && p.settings.LocalHosts && !isLocal(host):
		return lead{}, &refusedHost.Refusal
	case p.house.Primary == "", host == p.house.Primary:
		return lead{target: t}, refused
	case !below || !schema.IsClient(client):
		return lead{}, unknownHost
	case refused != nil:
		return lead{}, refused
	case t.kind == targetRoom && strings.Contains(t.room, "/"):
		return lead{}, notFound("a client's own address has that client's rooms alone: leave the prefix away")
	case t.kind == targetRoom:
		t.room = client + "/" + t.room
		return lead{t, client}, schema.CheckRoom(t.room)
	default:
		return lead{t, client}, nil
	}
}

// atEndpoint tells where an endpoint of its own leads; theirs: the host is one.
func (p *Puddle) atEndpoint(host, path string) (to lead, refused *schema.Refusal, theirs bool) {
	name := strings.TrimPrefix(path, "/")
	for _, e := range p.endpoints[host] {
		theirs = theirs || e.Name == ""
		switch {
		case e.Name != name:
		case e.Room != "":
			return lead{target: target{kind: targetRoom, room: e.Room}}, nil, true
		default:
			return lead{target{kind: targetLobby}, e.Client}, nil, true
		}
	}
	theirs = theirs || len(p.endpoints[host]) > 0 && p.house.Primary != "" && host != p.house.Primary && !strings.HasSuffix(host, "."+p.house.Primary)
	return lead{}, notFound("nothing is at this path of this host"), theirs
}

// onHouse takes where addresses lead.
func (p *Puddle) onHouse(house *ipc.House) {
	p.house = *house
	p.endpoints = map[string][]ipc.Endpoint{}
	for _, e := range house.Endpoints {
		p.endpoints[e.Host] = append(p.endpoints[e.Host], e)
	}
}

// plainHost is a Host without port and last dot, in lower case.
func plainHost(hostPort string) string {
	name, _, ok := schema.SplitHost(hostPort)
	if !ok {
		name = hostPort
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// isLocal tells whether a host is a loopback name or any IP address: what a
// page elsewhere cannot make a browser take for its own.
func isLocal(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

var refusedHost = reject(404, schema.NotFound,
	"this house answers to localhost and IP addresses only: give it its name with --primary")
