package supervisor

import (
	"fmt"
	"strings"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// homeRoom is the room of a client that is always its own to make.
const homeRoom = "home"

// mayWalkIn tells whether the asker may make a room by going there
// (--transient). A prefixed one only its client may, or an admin; an owner
// always may under its own prefix, and every client may make its home.
func (d *directory) mayWalkIn(a ipc.Asker, name string) bool {
	client, rest, prefixed := strings.Cut(name, "/")
	own := prefixed && a.Client != "" && a.Client == client
	switch {
	case own && (a.Owner || rest == homeRoom):
		return true
	case prefixed && !own && !a.Admin:
		return false
	}
	switch d.transient {
	case schema.TransientAnyone:
		return true
	case schema.TransientAuthenticated:
		return a.Client != "" || a.Admin
	case schema.TransientPrimary:
		return a.Primary || a.Owner || a.Admin
	}
	return false
}

// mayMake refuses who may not make a room by NEW ROOM.
func (d *directory) mayMake(ask *ipc.AskMake) *schema.Refusal {
	a := ask.Asker
	client, _, prefixed := strings.Cut(ask.Room, "/")
	own := prefixed && a.Client != "" && a.Client == client
	switch {
	case a.Client == "" && !a.Admin && !d.mayWalkIn(a, ask.Room):
		return &schema.Refusal{Code: schema.Unauthorized, Message: "this takes a client: AUTH first"}
	case a.Rooms.Of(ask.Room) != schema.ScopeAll:
		return denied("the token's rooms do not cover this: use another token")
	case prefixed && !own && !a.Admin:
		return denied("only %s and admins make rooms under %s/: make one under your own name, or without a prefix", client, client)
	case !a.Primary && !a.Owner && !a.Admin && !d.mayWalkIn(a, ask.Room):
		return denied("you may not make rooms here: porthouse client set NAME primary=true lets a client")
	case ask.Keep && !a.Admin && !(own && a.Owner):
		return denied("only owners keep rooms, under their own name (NAME/room): leave keep out, or ask an admin for porthouse room add")
	}
	return nil
}

func denied(format string, args ...any) *schema.Refusal {
	return &schema.Refusal{Code: schema.Denied, Message: fmt.Sprintf(format, args...)}
}
