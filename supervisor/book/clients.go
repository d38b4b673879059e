package book

import (
	"context"
	"slices"
	"strings"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// clientView is a client as client show tells it.
type clientView struct {
	Client   string   `json:"client"`
	Owner    bool     `json:"owner"`
	Primary  bool     `json:"primary"`
	Admin    bool     `json:"admin"`
	Direct   string   `json:"direct"`
	Admits   any      `json:"admits"`
	Password bool     `json:"password"`
	TOTP     bool     `json:"totp"`
	Tokens   int      `json:"tokens"`
	Rooms    []string `json:"rooms"` // persistent ones that it owns
}

// view is clients as they are shown.
func (b *Book) view(all ...Client) []clientView {
	tokens, rooms := make(map[string]int), make(map[string][]string)
	b.memory.RLock()
	for _, token := range b.tokens {
		tokens[token.Client]++
	}
	b.memory.RUnlock()
	for _, room := range b.Rooms() {
		rooms[room.Owner] = append(rooms[room.Owner], room.Name)
	}
	views := make([]clientView, len(all))
	for i, c := range all {
		views[i] = clientView{c.Name, c.Owner, c.Primary, c.Admin, c.Direct.String(), admitsShown(c.Admits),
			c.Password, c.TOTP, tokens[c.Name], append([]string{}, rooms[c.Name]...)}
	}
	return views
}

// known is a client that the asker may see; one that it may not is missing.
func (b *Book) known(by schema.Identity, name string) (Client, error) {
	client, found := b.Client(name)
	if !found || !self(by, name) {
		return Client{}, noClient(name)
	}
	return client, nil
}

func noClient(name string) *schema.Refusal {
	return refuse(schema.NotFound, "there is no client %s: client add makes one", shown(name))
}

// checkClientName: AUTH TOKEN and AUTH client are told apart by that word.
func checkClientName(name string) error {
	switch {
	case strings.EqualFold(name, "token"):
		return malformed("%s is no client's name: it is a word of AUTH", shown(name))
	case !schema.IsClientName(name):
		return malformed("%s is no client's name: 1 to 128 characters without spaces or controls, and no ~ in front; for an address of its own a lowercase DNS label", shown(name))
	}
	return nil
}

func (b *Book) addClient(ctx context.Context, op schema.Operation) (any, error) {
	client := Client{Name: op.Name}
	said, err := readValues(op, clientKeys...)
	if err == nil {
		err = checkClientName(op.Name)
	}
	if err == nil {
		client, err = client.with(said)
	}
	if err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		if _, found := b.Client(op.Name); found {
			return nil, refuse(schema.Exists, "client %s is there already: client set changes it", shown(op.Name))
		}
		return b.putClient(ctx, client, secrets{}, Change{ClientChanged: client.Name})
	})
}

// putClient writes a client as it is to be, and shows it. Within alter.
func (b *Book) putClient(ctx context.Context, client Client, own secrets, change Change) (any, error) {
	row := store.Client{Name: client.Name, Owner: client.Owner, Primary: client.Primary, Admin: client.Admin,
		Password: own.password, TOTP: own.totp, Settings: client.settings()}
	if err := b.store.PutClient(ctx, row); err != nil {
		return nil, err
	}
	client.Password, client.TOTP = own.password.Set(), own.totp.Set()
	b.remember(func() { b.clients[client.Name], b.secrets[client.Name] = client, own }, change)
	return b.view(client)[0], nil
}

func (b *Book) listClients(_ context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	return b.view(list(b, b.clients, func(a, b Client) int { return strings.Compare(a.Name, b.Name) })...), nil
}

func (b *Book) showClient(_ context.Context, op schema.Operation) (any, error) {
	client, err := b.known(op.By, op.Name)
	if err == nil {
		_, err = readValues(op)
	}
	if err != nil {
		return nil, err
	}
	return b.view(client)[0], nil
}

func (b *Book) setClient(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := b.known(op.By, op.Name); err != nil {
		return nil, err
	}
	said, err := readValues(op, clientKeys...)
	if err != nil {
		return nil, err
	}
	if len(said) == 0 {
		return nil, malformed("client set: nothing to set; it takes %s", strings.Join(clientKeys, ", "))
	}
	if err := maySet(op.By, said); err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		client, err := b.known(op.By, op.Name)
		if err == nil {
			client, err = client.with(said)
		}
		if err != nil {
			return nil, err
		}
		return b.putClient(ctx, client, b.secretsOf(op.Name), Change{ClientChanged: op.Name})
	})
}

// maySet: flags are an admin's to set, who is admitted an owner's.
func maySet(by schema.Identity, said values) error {
	for _, key := range clientKeys {
		if _, touched := said[key]; !touched || by.Admin || key == "direct" || key == "admits" && by.Owner {
			continue
		}
		if key == "admits" {
			return refuse(schema.Denied, "admits: only an owner or an admin sets it")
		}
		return refuse(schema.Denied, "%s: only an admin sets it", key)
	}
	return nil
}

func (b *Book) secretsOf(client string) secrets {
	b.memory.RLock()
	defer b.memory.RUnlock()
	return b.secrets[client]
}

// removedView tells what went with a client.
type removedView struct {
	Client    string   `json:"client"`
	Tokens    []string `json:"tokens"`
	Rooms     []string `json:"rooms"`
	Endpoints []string `json:"endpoints"`
}

func (b *Book) removeClient(ctx context.Context, op schema.Operation) (any, error) {
	if _, err := readValues(op); err != nil {
		return nil, err
	}
	return b.alter(func() (any, error) {
		if _, err := b.known(op.By, op.Name); err != nil {
			return nil, err
		}
		gone, err := b.store.RemoveClient(ctx, op.Name)
		if err != nil {
			return nil, err
		}
		slices.Sort(gone.Tokens)
		slices.Sort(gone.Rooms)
		b.remember(func() { b.forget(op.Name, gone) }, changesOf(op.Name, gone)...)
		return removedView{op.Name, append([]string{}, gone.Tokens...), append([]string{}, gone.Rooms...), addresses(gone.Endpoints)}, nil
	})
}

// forget takes a client out of the memory, which is locked.
func (b *Book) forget(client string, gone store.Removed) {
	for _, id := range gone.Tokens {
		delete(b.tokens, b.hashes[id])
		delete(b.hashes, id)
	}
	for _, room := range gone.Rooms {
		delete(b.rooms, room)
	}
	for _, e := range gone.Endpoints {
		b.unlead(e.Host, e.Path)
	}
	delete(b.clients, client)
	delete(b.secrets, client)
}

func changesOf(client string, gone store.Removed) []Change {
	var changes []Change
	for _, id := range gone.Tokens {
		changes = append(changes, Change{TokenRevoked: Revoked{client, id}})
	}
	for _, room := range gone.Rooms {
		changes = append(changes, Change{RoomRemoved: room})
	}
	if len(gone.Endpoints) > 0 {
		changes = append(changes, Change{EndpointsChanged: true})
	}
	return append(changes, Change{ClientRemoved: client})
}
