package book

import (
	"context"
	"strings"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// endpointView is an endpoint as endpoint list tells it.
type endpointView struct {
	Endpoint string `json:"endpoint"` // host or host/name
	Room     string `json:"room,omitempty"`
	Client   string `json:"client,omitempty"`
}

func (e Endpoint) view() endpointView {
	return endpointView{joined(e.Host, e.Name), e.Room, e.Client}
}

func joined(host, name string) string {
	if name == "" {
		return host
	}
	return host + "/" + name
}

// addresses are endpoints' host or host/name, as they are listed.
func addresses(rows []store.Endpoint) []string {
	all := make([]string, len(rows))
	for i, row := range rows {
		all[i] = joined(row.Host, row.Path)
	}
	return all
}

// ParseEndpoint reads HOST[/NAME]: a host without a port, which is told in
// lowercase, and the name of a room without a prefix, as it stands in the
// path. name is "" where there is none.
func ParseEndpoint(text string) (host, name string, refusal *schema.Refusal) {
	host, name, _ = strings.Cut(text, "/")
	host, port, ok := schema.SplitHost(host)
	switch {
	case !ok:
		return "", "", malformed("endpoint %s: say a host such as chat.example.com, or host/name", shown(text))
	case port != "":
		return "", "", malformed("endpoint %s: say the host without a port, it holds on all", shown(text))
	case strings.Contains(name, "/"):
		return "", "", malformed("endpoint %s: one name may follow the host, without a slash in it", shown(text))
	}
	if name != "" {
		if wrong := schema.CheckRoom(name); wrong != nil {
			return "", "", malformed("endpoint %s: %s", shown(text), wrong.Message)
		}
	}
	return canonicalHost(host), name, nil
}

// canonicalHost: hosts do not know case (RFC 9110 section 4.2.3), and the dot
// of the root may stand behind them.
func canonicalHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (b *Book) addEndpoint(ctx context.Context, op schema.Operation) (any, error) {
	said, err := readValues(op, "room", "client")
	if err != nil {
		return nil, err
	}
	e, err := readEndpoint(op.Name, said)
	if err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		if err := b.mayLead(op.By, e); err != nil {
			return nil, err
		}
		if err := b.store.AddEndpoint(ctx, store.Endpoint{Host: e.Host, Path: e.Name, Room: e.Room, Client: e.Client}); err != nil {
			return nil, err
		}
		b.remember(func() { b.lead(e) }, Change{EndpointsChanged: true})
		return e.view(), nil
	})
}

func readEndpoint(text string, said values) (Endpoint, error) {
	var e Endpoint
	var refusal *schema.Refusal
	if e.Host, e.Name, refusal = ParseEndpoint(text); refusal != nil {
		return e, refusal
	}
	if err := said.read("room", "a room's full name", &e.Room); err != nil {
		return e, err
	}
	if err := said.read("client", "a client's name", &e.Client); err != nil {
		return e, err
	}
	if (e.Room == "") == (e.Client == "") {
		return e, malformed("endpoint %s: say where it leads, a room or a client", shown(text))
	}
	if e.Room != "" {
		if refusal := schema.CheckRoom(e.Room); refusal != nil {
			return e, refusal
		}
	}
	return e, nil
}

// mayLead judges an endpoint that is to be added.
func (b *Book) mayLead(by schema.Identity, e Endpoint) error {
	if e.Room != "" && !b.rulesRoom(by, e.Room) {
		return refuse(schema.NotFound, "there is no room %s of yours to lead to", shown(e.Room))
	}
	if e.Client != "" {
		if _, err := b.known(by, e.Client); err != nil {
			return err
		}
		if !schema.IsClient(e.Client) {
			return malformed("client %s has no endpoint: its name is no lowercase DNS label", shown(e.Client))
		}
	}
	if !by.Admin && b.Primary != "" && (e.Host == b.Primary || strings.HasSuffix(e.Host, "."+b.Primary)) {
		return refuse(schema.Denied, "endpoint %s: on the primary host and below it only an admin adds endpoints", joined(e.Host, e.Name))
	}
	for _, other := range b.Endpoints() {
		same := other.Host == e.Host && other.Name == e.Name
		if same || other.Host == e.Host && !b.reaches(by, other) {
			return refuse(schema.Exists, "endpoint %s is there already", joined(e.Host, e.Name))
		}
	}
	return nil
}

// rulesRoom tells whether the asker rules a room, or would if there were one.
func (b *Book) rulesRoom(by schema.Identity, name string) bool {
	room, _ := b.Room(name)
	return rules(by, name, room.Owner)
}

// reaches tells whether an endpoint leads to what is the asker's.
func (b *Book) reaches(by schema.Identity, e Endpoint) bool {
	if e.Room != "" {
		return b.rulesRoom(by, e.Room)
	}
	return self(by, e.Client)
}

func (b *Book) listEndpoints(_ context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	views := []endpointView{}
	for _, e := range b.Endpoints() {
		if b.reaches(op.By, e) {
			views = append(views, e.view())
		}
	}
	return views, nil
}

func (b *Book) removeEndpoint(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	host, name, refusal := ParseEndpoint(op.Name)
	if refusal != nil {
		return nil, refusal
	}
	return b.alter(func() (any, error) {
		e, found := b.endpoint(host, name)
		if !found || !b.reaches(op.By, e) {
			return nil, refuse(schema.NotFound, "there is no endpoint %s", joined(host, name))
		}
		if err := b.store.RemoveEndpoint(ctx, host, name); err != nil {
			return nil, err
		}
		b.remember(func() { b.unlead(host, name) }, Change{EndpointsChanged: true})
		return e.view(), nil
	})
}

func (b *Book) endpoint(host, name string) (Endpoint, bool) {
	b.memory.RLock()
	defer b.memory.RUnlock()
	e, found := b.endpoints[address{host, name}]
	return e, found
}
