package supervisor

import (
	"context"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// apiFace is the house as the API asks it.
type apiFace struct{ c *control }

func (f apiFace) who(ctx context.Context, c ipc.Credential, address string) (schema.Identity, *schema.Refusal, int) {
	return f.c.house.who(ctx, c, address)
}

func (f apiFace) do(ctx context.Context, op schema.Operation) (any, *schema.Refusal, error) {
	return f.c.house.do(ctx, op)
}

func (f apiFace) send(ctx context.Context, hit ipc.Hit) (status int, json []byte) {
	return f.c.house.send(ctx, hit)
}

func (f apiFace) status() (status ipc.Status, up bool) {
	up = f.c.house.inSelect(func() { status = f.c.house.status() })
	return status, up
}

func (f apiFace) sequences(ask ipc.AskSequences) []ipc.Sequence { return f.c.house.listed(ask) }

func (f apiFace) sequencesOf(client string) []schema.SequenceID {
	return f.c.house.registry.of(client)
}

func (f apiFace) clientOf(id schema.SequenceID) (client string, found bool) {
	client, _, found = f.c.house.registry.sequence(id)
	return client, found
}

func (f apiFace) close(ids []schema.SequenceID) ipc.ClosedAnswer { return f.c.closed(ids) }

func (f apiFace) move(id schema.SequenceID, slot int) *schema.Refusal {
	return f.c.move(ipc.AskMove{Sequence: id, Slot: slot}).Refused
}
