package book

import (
	"encoding/json"

	"github.com/porthouse/porthouse/schema"
)

// roomValues are what room add and room set were told.
type roomValues struct {
	patch schema.Patch
	owner string // "" for none
	owned bool   // an owner was said
}

// readRoom reads an owner, and rules either as "rules":{…} or as keys of their
// own.
func readRoom(op schema.Operation) (roomValues, error) {
	var v roomValues
	said, err := readObject(op)
	if err != nil {
		return v, err
	}
	if _, v.owned = said["owner"]; v.owned && !said.isNull("owner") {
		if err := said.read("owner", "a client's name or null", &v.owner); err != nil {
			return v, err
		}
	}
	delete(said, "owner")
	patch, apart := said["rules"]
	if apart && len(said) > 1 {
		return v, malformed("rules: all rules stand in it, or none of them")
	}
	if !apart && len(said) > 0 {
		patch = marshalled(map[string]json.RawMessage(said))
	}
	if len(patch) == 0 || string(patch) == "null" {
		return v, nil
	}
	var refusal *schema.Refusal
	if v.patch, refusal = schema.ParseRules(patch); refusal != nil {
		return v, refusal
	}
	return v, nil
}

// mayMake: an owner makes rooms under its own prefix, an admin anywhere.
func mayMake(by schema.Identity, name string) error {
	if refusal := schema.CheckRoom(name); refusal != nil {
		return refusal
	}
	if !by.Admin && prefixOf(name) != by.Client {
		return refuse(schema.Denied, "room %s: an owner keeps rooms under its own name, such as %s/notes; others an admin adds", shown(name), by.Client)
	}
	return nil
}

// ownerOf judges the owner that was said, or is left as it is: a room with a
// prefix belongs to that client, another one to any client there is.
func (b *Book) ownerOf(by schema.Identity, name, now string, said roomValues) (string, error) {
	prefix := prefixOf(name)
	switch {
	case !said.owned || said.owner == now:
		return now, nil
	case !by.Admin:
		return "", refuse(schema.Denied, "owner: only an admin sets it")
	case prefix != "":
		return "", malformed("owner: room %s belongs to %s, after its name", shown(name), shown(prefix))
	case said.owner == "":
		return "", nil
	}
	if _, found := b.Client(said.owner); !found {
		return "", noClient(said.owner)
	}
	return said.owner, nil
}
