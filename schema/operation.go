package schema

import "encoding/json"

// Operation is one thing done to what the house keeps: clients, tokens, rooms
// and endpoints. The command line, the admin API and owners' sockets say the
// same ones.
type Operation struct {
	Noun   string          // client, token, room, endpoint
	Verb   string          // add, list, show, set, remove; passwd, totp; revoke
	Name   string          // of what it is done to; "" of a list
	Values json.RawMessage // an object: what is said of it; nil: nothing
	By     Identity        // who does it; Admin: the operator or an admin
}
