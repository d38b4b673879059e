package book

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// clientKeys are the values of client add and client set.
var clientKeys = []string{"owner", "primary", "admin", "direct", "admits"}

// Words that stand for everyone of a kind in the setting admits.
const (
	admitsAuthenticated = "authenticated"
	admitsAnyone        = "anyone"
)

// settings are a client's as the database holds them.
type settings struct {
	Direct string          `json:"direct,omitempty"`
	Admits json.RawMessage `json:"admits,omitempty"`
}

// clientOf reads a row.
func clientOf(row store.Client) (Client, error) {
	c := Client{Name: row.Name, Owner: row.Owner, Primary: row.Primary, Admin: row.Admin,
		Password: row.Password.Set(), TOTP: row.TOTP.Set()}
	var stored settings
	if err := json.Unmarshal([]byte(row.Settings), &stored); err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	var err error
	if stored.Direct != "" {
		if c.Direct, err = directNamed(stored.Direct); err != nil {
			return c, err
		}
	}
	if stored.Admits != nil {
		c.Admits, err = readAdmits(stored.Admits)
	}
	return c, err
}

// settings writes what clientOf reads.
func (c Client) settings() string {
	stored := settings{Direct: c.Direct.String()}
	if len(c.Admits) > 0 {
		stored.Admits = marshalled(admitsShown(c.Admits))
	}
	return string(marshalled(stored))
}

// with is the client with what was said of it.
func (c Client) with(said values) (Client, error) {
	for key, flag := range map[string]*bool{"owner": &c.Owner, "primary": &c.Primary, "admin": &c.Admin} {
		if err := said.read(key, "true or false", flag); err != nil {
			return c, err
		}
	}
	if said.isNull("direct") {
		c.Direct = schema.DirectRooms
	} else if _, touched := said["direct"]; touched {
		var word string
		err := said.read("direct", `"rooms", "authenticated" or "nobody"`, &word)
		if err == nil {
			c.Direct, err = directNamed(word)
		}
		if err != nil {
			return c, err
		}
	}
	if value, touched := said["admits"]; touched {
		var err error
		if c.Admits, err = readAdmits(value); err != nil {
			return c, err
		}
	}
	return c, nil
}

func directNamed(word string) (schema.Direct, error) {
	which := slices.Index(schema.DirectNames, word)
	if which < 0 {
		return 0, malformed("direct: %s is none%s", shown(word), suggestion(word, schema.DirectNames))
	}
	return schema.Direct(which), nil
}

// readAdmits reads who is admitted to a client's endpoint: one of the two
// words, a list of clients, or null and an empty list for nobody.
func readAdmits(value json.RawMessage) ([]string, error) {
	words := []string{admitsAuthenticated, admitsAnyone}
	var word string
	var names []string
	switch {
	case string(value) == "null":
		return nil, nil
	case json.Unmarshal(value, &word) == nil:
		if !slices.Contains(words, word) {
			return nil, malformed("admits: %s is none; a client stands in a list, as [%q]%s", shown(word), "bob", suggestion(word, words))
		}
		return []string{word}, nil
	case json.Unmarshal(value, &names) != nil || len(names) > schema.ListMost:
		return nil, malformed(`admits: may be a list of at most %d clients, "authenticated", "anyone" or null`, schema.ListMost)
	}
	for _, name := range names {
		if slices.Contains(words, name) {
			return nil, malformed("admits: %q stands alone, without a list", name)
		}
		if err := checkClientName(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// admitsShown is what readAdmits reads.
func admitsShown(admits []string) any {
	if len(admits) == 1 && (admits[0] == admitsAuthenticated || admits[0] == admitsAnyone) {
		return admits[0]
	}
	return append([]string{}, admits...)
}
