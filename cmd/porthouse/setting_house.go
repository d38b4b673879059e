package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor/credential"
)

func setPrimary(c *configuration, text string) error {
	host, port, ok := schema.SplitHost(text)
	switch {
	case !ok:
		return fmt.Errorf("%q is no host such as chat.example.com", text)
	case port != "":
		return fmt.Errorf("%q has a port: leave it away, the host holds on all", text)
	}
	c.house.Primary = strings.ToLower(strings.TrimSuffix(host, "."))
	return nil
}

func setDefaults(c *configuration, text string) error {
	rules, err := fileOrJSON(text)
	if err != nil {
		return err
	}
	said, refusal := schema.ParseDefaults(rules)
	if refusal != nil {
		return fmt.Errorf("%s", refusal.Message)
	}
	c.house.Defaults = said
	return nil
}

func setCeilings(c *configuration, text string) error {
	rules, err := fileOrJSON(text)
	if err != nil {
		return err
	}
	ceilings, refusal := schema.ParseCeilings(rules)
	if refusal != nil {
		return fmt.Errorf("%s", refusal.Message)
	}
	c.house.Ceilings = ceilings
	return nil
}

// setProxies reads networks; an address alone is a network of one.
func setProxies(c *configuration, text string) error {
	c.limits().Proxies = nil
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		network, err := netip.ParsePrefix(part)
		if address, one := netip.ParseAddr(part); one == nil && address.Zone() == "" {
			network, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			return fmt.Errorf("%q is no network such as 10.0.0.0/8 or fd00::/8, and no IP address", part)
		}
		c.limits().Proxies = append(c.limits().Proxies, network.Masked().String())
	}
	return nil
}

// setDriverAddresses reads networks and words; they take the place of the
// default.
func setDriverAddresses(c *configuration, text string) error {
	c.limits().DriverAddresses = nil
	for part := range strings.SplitSeq(text, ",") {
		word, err := schema.CheckReach(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		c.limits().DriverAddresses = append(c.limits().DriverAddresses, word)
	}
	return nil
}

func setGather(c *configuration, text string) error {
	return whole(0, 1<<20, func(c *configuration) *int { return &c.house.Gather })(c, text)
}

// keyForm is [KID=]ALG:FILE.
var keyForm = regexp.MustCompile(`^(?:(.+?)=)?(` +
	strings.Join([]string{credential.HS256, credential.EdDSA, credential.RS256, credential.ES256}, "|") + `):(.+)$`)

func setKeys(c *configuration, text string) error {
	c.house.Keys.Keys = nil
	for part := range strings.SplitSeq(text, ",") {
		form := keyForm.FindStringSubmatch(strings.TrimSpace(part))
		if form == nil {
			return fmt.Errorf("%q is no [KID=]ALGORITHM:FILE, with HS256, EdDSA, RS256 or ES256", part)
		}
		c.house.Keys.Keys = append(c.house.Keys.Keys, credential.Key{ID: form[1], Algorithm: form[2], File: form[3]})
	}
	return nil
}

func setKeySets(c *configuration, text string) error {
	c.house.Keys.KeySets = nil
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			return fmt.Errorf("a file's name is empty in %q", text)
		}
		c.house.Keys.KeySets = append(c.house.Keys.KeySets, part)
	}
	return nil
}

func setAudience(c *configuration, text string) error {
	c.house.Keys.Audience = text
	return nil
}

func setIssuer(c *configuration, text string) error {
	c.house.Keys.Issuer = text
	return nil
}

// rulesOf is a table of the configuration file as the JSON of rules.
func rulesOf(table map[string]any) (string, error) {
	text, err := json.Marshal(table)
	return string(text), err
}
