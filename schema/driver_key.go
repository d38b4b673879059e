package schema

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
)

// driverKey is all that is known of one key of the rule driver.
type driverKey struct {
	name   string
	of     uint8  // kinds that have it, a bit each
	may    string // what it may be, for who reads a refusal
	secret bool   // shown as true, and true keeps it

	read   func(d *Driver, value json.RawMessage) bool
	take   func(to, from *Driver)
	show   func(d *Driver) any // nil: not said, and nothing holds in its place
	reveal func(d *Driver) secret
}

const (
	rowKind = 0 // of driverKeys

	ofFTP       = 1 << DriverFTP
	ofWebhook   = 1 << DriverWebhook
	everyDriver = ofFTP | ofWebhook
)

// Bounds of what a driver may say.
const (
	driverTextMost = 1024 // bytes of a user, a password, a root
	urlMost        = 2048
	idleMost       = 3600
	timeoutMost    = 600
)

var driverKeys = [...]driverKey{
	{name: "kind", of: everyDriver, may: mayBe(driverNames),
		read: func(d *Driver, value json.RawMessage) bool {
			name, ok := stringValue(value)
			which := slices.Index(driverNames, name)
			d.Kind = DriverKind(max(which, 0))
			return ok && which >= 0
		},
		take: func(to, from *Driver) { to.Kind = from.Kind },
		show: func(d *Driver) any { return d.Kind.String() }},
	{name: "address", of: ofFTP, may: `the server's host, with or without a port, such as "files.example.com:21"`,
		read: readAddress,
		take: func(to, from *Driver) { to.Address = from.Address },
		show: func(d *Driver) any { return textOrNil(d.Address) }},
	{name: "user", of: ofFTP, may: mayDriverText,
		read: driverText(func(d *Driver) *string { return &d.User }),
		take: func(to, from *Driver) { to.User = from.User },
		show: func(d *Driver) any { return d.User }},
	{name: "password", of: ofFTP, may: maySecret, secret: true,
		read:   driverSecret(func(d *Driver) *DriverSecret { return &d.Password }),
		take:   func(to, from *Driver) { to.Password = from.Password },
		show:   func(d *Driver) any { return trueOrNull(d.Password.Set()) },
		reveal: func(d *Driver) secret { return d.Password.secret }},
	{name: "root", of: ofFTP, may: "an absolute path of at most 1024 bytes without control characters: members see nothing above it",
		read: readRoot,
		take: func(to, from *Driver) { to.Root = from.Root },
		show: func(d *Driver) any { return d.Root }},
	{name: "tls", of: ofFTP, may: mayBool,
		read: func(d *Driver, value json.RawMessage) bool { d.TLS = string(value) == "true"; return isBool(value) },
		take: func(to, from *Driver) { to.TLS = from.TLS },
		show: func(d *Driver) any { return d.TLS }},
	{name: "pin", of: ofFTP, may: "the SHA-256 of the server's certificate, 64 hexadecimal digits with or without colons",
		read: readPin,
		take: func(to, from *Driver) { to.Pin = from.Pin },
		show: func(d *Driver) any { return textOrNil(d.Pin) }},
	{name: "connections", of: ofFTP, may: "a whole number from 1 to 8",
		read: driverCount(8, func(d *Driver) *int { return &d.Connections }),
		take: func(to, from *Driver) { to.Connections = from.Connections },
		show: func(d *Driver) any { return d.Connections }},
	{name: "idle", of: ofFTP, may: "a whole number of seconds from 1 to 3600",
		read: driverCount(idleMost, func(d *Driver) *int { return &d.Idle }),
		take: func(to, from *Driver) { to.Idle = from.Idle },
		show: func(d *Driver) any { return d.Idle }},
	{name: "url", of: ofWebhook, may: `an http or https URL of at most 2048 bytes without a user or a fragment`,
		read: readHookURL,
		take: func(to, from *Driver) { to.URL = from.URL },
		show: func(d *Driver) any { return textOrNil(d.URL) }},
	{name: "secret", of: ofWebhook, may: maySecret, secret: true,
		read:   driverSecret(func(d *Driver) *DriverSecret { return &d.Secret }),
		take:   func(to, from *Driver) { to.Secret = from.Secret },
		show:   func(d *Driver) any { return trueOrNull(d.Secret.Set()) },
		reveal: func(d *Driver) secret { return d.Secret.secret }},
	{name: "tries", of: ofWebhook, may: "a whole number from 1 to 20",
		read: driverCount(20, func(d *Driver) *int { return &d.Tries }),
		take: func(to, from *Driver) { to.Tries = from.Tries },
		show: func(d *Driver) any { return d.Tries }},
	{name: "timeout", of: everyDriver, may: "a whole number of seconds from 1 to 600",
		read: driverCount(timeoutMost, func(d *Driver) *int { return &d.Timeout }),
		take: func(to, from *Driver) { to.Timeout = from.Timeout },
		show: func(d *Driver) any { return d.Timeout }},
}

const (
	mayDriverText = "a string of 1 to 1024 bytes without control characters"
	maySecret     = mayDriverText + ", true to keep the one there is, or null"
)

// driverKeyNames are the keys that any of these kinds has.
func driverKeyNames(of uint8) (names []string) {
	for row := range driverKeys {
		if driverKeys[row].of&of != 0 {
			names = append(names, driverKeys[row].name)
		}
	}
	return names
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func isDriverText(text string) bool {
	return text != "" && len(text) <= driverTextMost && !strings.ContainsFunc(text, unicode.IsControl)
}

func driverText(at func(*Driver) *string) func(*Driver, json.RawMessage) bool {
	return func(d *Driver, value json.RawMessage) bool {
		text, ok := stringValue(value)
		*at(d) = text
		return ok && isDriverText(text)
	}
}

func driverSecret(at func(*Driver) *DriverSecret) func(*Driver, json.RawMessage) bool {
	return func(d *Driver, value json.RawMessage) bool {
		text, ok := stringValue(value)
		*at(d) = DriverSecret{secret{&text}}
		return ok && isDriverText(text)
	}
}

func driverCount(most int64, at func(*Driver) *int) func(*Driver, json.RawMessage) bool {
	return func(d *Driver, value json.RawMessage) bool {
		n, ok := number(string(value), 1, most)
		*at(d) = int(n)
		return ok
	}
}

// readAddress adds the port that FTP has (RFC 959).
func readAddress(d *Driver, value json.RawMessage) bool {
	text, _ := stringValue(value)
	host, port, ok := SplitHost(text)
	if port == "" {
		port = "21"
	}
	d.Address = host + ":" + port
	return ok && port != "0"
}

func readRoot(d *Driver, value json.RawMessage) bool {
	text, ok := stringValue(value)
	if !ok || !isDriverText(text) || text[0] != '/' {
		return false
	}
	d.Root = path.Clean(text)
	return true
}

func readPin(d *Driver, value json.RawMessage) bool {
	text, ok := stringValue(value)
	d.Pin = strings.ToLower(strings.ReplaceAll(text, ":", ""))
	return ok && len(d.Pin) == 64 && strings.Trim(d.Pin, "0123456789abcdef") == ""
}

func readHookURL(d *Driver, value json.RawMessage) bool {
	text, ok := stringValue(value)
	if !ok || len(text) > urlMost || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	_, port, ok := SplitHost(u.Host)
	d.URL = text
	return ok && port != "0"
}
