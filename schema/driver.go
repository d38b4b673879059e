package schema

import (
	"encoding/json"
	"slices"
	"strings"
)

// Driver is what stands behind a room: the rule driver. Rules share it: read
// only. A nil Driver is none.
type Driver struct {
	Kind DriverKind

	// Of DriverFTP.
	Address     string // host:port
	User        string
	Password    DriverSecret
	Root        string // absolute, clean: the top of what members see
	TLS         bool   // explicit (RFC 4217): nothing is said in the clear
	Pin         string // SHA-256 of the server's certificate, 64 hex digits; "": it is verified by its name
	Connections int    // of one puddle at once
	Idle        int    // seconds after which one that nobody uses is closed

	// Of DriverWebhook.
	URL    string
	Secret DriverSecret // messages are signed with it, if it is set
	Tries  int          // of one message

	Timeout int // seconds without any progress
}

// DriverKind is which driver it is.
type DriverKind uint8

// The drivers there are.
const (
	DriverFTP     DriverKind = iota // files on an FTP server
	DriverWebhook                   // each message is posted to a URL
)

// DriverSecret is a driver's password or key, as it was typed: the driver has
// to say it.
type DriverSecret struct{ secret }

var driverNames = []string{"ftp", "webhook"}

func (k DriverKind) String() string { return driverNames[k] }

// FileMost is the largest message of a room with an FTP driver, bytes, and
// what such a room takes where its rule size was not said.
const FileMost = 16 << 20

// Alone tells whether a room's messages go to its driver and to nobody else,
// and the answers to who sent them.
func (d *Driver) Alone() bool { return d != nil && d.Kind == DriverFTP }

// Hooked tells whether each message of a room is posted besides.
func (d *Driver) Hooked() bool { return d != nil && d.Kind == DriverWebhook }

// Same tells whether two drivers are the same, their secrets too.
func (d *Driver) Same(other *Driver) bool {
	if d == nil || other == nil {
		return d == other
	}
	return string(d.stored()) == string(other.stored())
}

// DriverKept refuses (denied) rules that have another driver than before: only
// an admin sets one.
func (r Rules) DriverKept(before Rules) *Refusal {
	if r.Driver.Same(before.Driver) {
		return nil
	}
	return &Refusal{Denied, "driver: only an admin sets it"}
}

func defaultDriver(kind DriverKind) Driver {
	d := Driver{Kind: kind, Timeout: 15}
	switch kind {
	case DriverFTP:
		d.User, d.Root, d.TLS, d.Connections, d.Idle = "anonymous", "/", true, 2, 60
	case DriverWebhook:
		d.Tries = 8
	}
	return d
}

// driverPatch is a change of a driver, a merge patch within that of the rules.
type driverPatch struct {
	said, reset keySet
	keep        keySet // secrets written back as true
	values      Driver
}

// readDriver reads the rule driver; what is missing is judged by Said.Apply.
func readDriver(p *Patch, value json.RawMessage) ErrorCode {
	if len(value) == 0 || value[0] != '{' {
		return Malformed
	}
	var d driverPatch
	p.fault = eachField("driver", value, RulesMost, func(name string, value json.RawMessage) *Refusal {
		row := slices.IndexFunc(driverKeys[:], func(k driverKey) bool { return k.name == name })
		switch {
		case row < 0:
			return malformed("driver: %s is no key of it: they are %s", shown(name), strings.Join(driverKeyNames(everyDriver), " "))
		case (d.said | d.reset).has(row):
			return malformed("driver: %s: said twice", name)
		case string(value) == "null":
			d.reset |= 1 << row
			return nil
		case driverKeys[row].secret && string(value) == "true":
			d.keep |= 1 << row
		case !driverKeys[row].read(&d.values, value):
			return malformed("driver: %s: may be %s", name, driverKeys[row].may) // not the value: it may be a secret
		}
		d.said |= 1 << row
		return nil
	})
	if p.fault != nil {
		return p.fault.Code
	}
	p.driver = d
	return ""
}

// patched is the driver after a change. Another kind begins anew.
func (d *Driver) patched(p *driverPatch) (*Driver, *Refusal) {
	kind := p.values.Kind
	switch {
	case p.said.has(rowKind):
	case d == nil || p.reset.has(rowKind):
		return nil, malformed(`driver: say its kind, "ftp" or "webhook", or null for no driver`)
	default:
		kind = d.Kind
	}
	fresh := defaultDriver(kind)
	next := fresh
	if d != nil && d.Kind == kind {
		next = *d
	}
	for row := range driverKeys {
		key := &driverKeys[row]
		switch {
		case !(p.said | p.reset).has(row):
		case key.of&(1<<kind) == 0:
			return nil, malformed("driver: %s is no key of kind %q: its keys are %s", key.name, kind, strings.Join(driverKeyNames(1<<kind), " "))
		case p.reset.has(row):
			key.take(&next, &fresh)
		case p.keep.has(row) && key.show(&next) == nil:
			return nil, malformed("driver: %s: true keeps the one there is, and there is none; say a string", key.name)
		case !p.keep.has(row):
			key.take(&next, &p.values)
		}
	}
	return &next, next.incomplete()
}

// wholeDriver makes the patch's driver one that stands for itself: of rules
// that are read back.
func (p *Patch) wholeDriver() (refusal *Refusal) {
	if p.said.has(rowDriver) {
		p.values.Driver, refusal = (*Driver)(nil).patched(&p.driver)
	}
	return refusal
}

func (d *Driver) incomplete() *Refusal {
	switch {
	case d.Kind == DriverFTP && d.Address == "":
		return malformed(`driver: address: is missing, such as "files.example.com:21"`)
	case d.Kind == DriverWebhook && d.URL == "":
		return malformed(`driver: url: is missing, such as "https://app.example.com/hook"`)
	}
	return nil
}

// public is the driver as JSON without its secrets, nil for none.
func (d *Driver) public() json.RawMessage {
	return d.object(func(key *driverKey) any { return key.show(d) })
}

// stored is the driver as JSON with its secrets: for the database, and for the
// puddles, which have to say them.
func (d *Driver) stored() json.RawMessage {
	return d.object(func(key *driverKey) any {
		if key.secret {
			if text := key.reveal(d); text.Set() {
				return text.Reveal()
			}
			return nil
		}
		return key.show(d)
	})
}

func (d *Driver) object(value func(*driverKey) any) json.RawMessage {
	if d == nil {
		return json.RawMessage("null")
	}
	out := json.RawMessage{'{'}
	for row := range driverKeys {
		key := &driverKeys[row]
		shown := value(key)
		if key.of&(1<<d.Kind) == 0 || shown == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		text, _ := json.Marshal(shown) // strings, numbers and booleans always marshal
		out = append(append(append(out, '"'), key.name...), '"', ':')
		out = append(out, text...)
	}
	return append(out, '}')
}
