package schema

import (
	"encoding/json"
	"slices"
)

// keySet is a set of rows of ruleKeys, a bit each.
type keySet uint32

func (s keySet) has(row int) bool { return s&(1<<row) != 0 }

// ruleKey is all that is known of one key.
type ruleKey struct {
	name string
	may  string // what it may be, for who reads a refusal

	read    func(p *Patch, value json.RawMessage) ErrorCode // "" if it was one of those
	take    func(to, from *Rules)                           // the key's value
	show    func(r *Rules) any                              // as JSON, secrets as true
	exceeds func(r, most *Rules) bool                       // what a ceiling forbids
}

// Rows that are spoken of by themselves.
const (
	rowPassword = 3
	rowOTP      = 4
	rowRate     = 13
	rowBurst    = 14
	rowSize     = 12
	rowDriver   = 21
)

// ruleKeys is the one table of keys: what each may be, where it stands in
// Rules, and what exceeds a ceiling.
var ruleKeys = [...]ruleKey{
	{"access", mayBe(accessNames),
		enumOf(accessNames, func(r *Rules) *Access { return &r.Access }),
		func(to, from *Rules) { to.Access = from.Access },
		func(r *Rules) any { return r.Access.String() },
		func(r, most *Rules) bool { return r.Access < most.Access }}, // more open
	{"allow", mayClients,
		clientsOf(func(r *Rules) *[]string { return &r.Allow }),
		func(to, from *Rules) { to.Allow = from.Allow },
		func(r *Rules) any { return listed(r.Allow) },
		func(r, most *Rules) bool { return !within(r.Allow, most.Allow) }}, // lists others
	{"deny", mayClients,
		clientsOf(func(r *Rules) *[]string { return &r.Deny }),
		func(to, from *Rules) { to.Deny = from.Deny },
		func(r *Rules) any { return listed(r.Deny) },
		func(r, most *Rules) bool { return !within(most.Deny, r.Deny) }}, // leaves one out
	{"password", "a string of 1 to 1024 bytes without control characters, true to keep the one there is, or null",
		readPassword,
		func(to, from *Rules) { to.Password = from.Password },
		func(r *Rules) any { return trueOrNull(r.Password.Set()) },
		func(r, most *Rules) bool { return most.Password.Set() && !r.Password.Set() }}, // asks for none
	{"otp", "false, true (the client's own), or a base32 secret of 16 to 128 characters A-Z 2-7 without padding",
		readOTP,
		func(to, from *Rules) { to.OTP = from.OTP },
		func(r *Rules) any { return r.OTP.Kind != OTPNone },
		func(r, most *Rules) bool { return most.OTP.Kind != OTPNone && r.OTP.Kind == OTPNone }}, // asks for none
	{"origins", `a list of at most 64 of "self", "*" and hosts such as "app.example.com" or "localhost:3000", without https://`,
		readOrigins,
		func(to, from *Rules) { to.Origins = from.Origins },
		func(r *Rules) any { return listed(r.Origins) },
		func(r, most *Rules) bool { // lets in others
			return !slices.Contains(most.Origins, OriginAny) && !within(r.Origins, most.Origins)
		}},
	{"visible", mayBool,
		boolOf(func(r *Rules) *bool { return &r.Visible }),
		func(to, from *Rules) { to.Visible = from.Visible },
		func(r *Rules) any { return r.Visible },
		func(r, most *Rules) bool { return r.Visible && !most.Visible }},
	{"members", "a whole number from 1 to 1073741824, or null for no limit",
		limitOf(1, func(r *Rules) *Limit { return &r.Members }),
		func(to, from *Rules) { to.Members = from.Members },
		func(r *Rules) any { return numberOrNull(r.Members) },
		func(r, most *Rules) bool { return r.Members.beyond(most.Members) }},
	{"anonymous", "a whole number from 0 (none) to 1073741824, or null for no limit",
		limitOf(0, func(r *Rules) *Limit { return &r.Anonymous }),
		func(to, from *Rules) { to.Anonymous = from.Anonymous },
		func(r *Rules) any { return numberOrNull(r.Anonymous) },
		func(r, most *Rules) bool { return r.Anonymous.beyond(most.Anonymous) }},
	{"send", mayBe(sendNames),
		enumOf(sendNames, func(r *Rules) *Send { return &r.Send }),
		func(to, from *Rules) { to.Send = from.Send },
		func(r *Rules) any { return r.Send.String() },
		func(r, most *Rules) bool { return r.Send < most.Send }}, // more open
	{"to", mayBe(toNames),
		enumOf(toNames, func(r *Rules) *To { return &r.To }),
		func(to, from *Rules) { to.To = from.To },
		func(r *Rules) any { return r.To.String() },
		func(r, most *Rules) bool { return r.To < most.To }}, // reaches further
	{"echo", mayBool,
		boolOf(func(r *Rules) *bool { return &r.Echo }),
		func(to, from *Rules) { to.Echo = from.Echo },
		func(r *Rules) any { return r.Echo },
		func(r, most *Rules) bool { return r.Echo && !most.Echo }},
	{"size", "a whole number of bytes from 1 to 8388608, with an FTP driver to 16777216",
		countOf(FileMost, func(r *Rules) *int { return &r.Size }),
		func(to, from *Rules) { to.Size = from.Size },
		func(r *Rules) any { return r.Size },
		func(r, most *Rules) bool { return r.Size > most.Size }},
	{"rate", `messages a second or a minute, such as "20/s" or "100/m", 1 to 1000000, or null for no limit`,
		readRate,
		func(to, from *Rules) { to.Rate = from.Rate },
		func(r *Rules) any { return r.Rate.shown() },
		func(r, most *Rules) bool { return r.Rate.beyond(most.Rate) }},
	{"burst", "a whole number from 1 to 1000000 beside a rate, or null for the rate's own number",
		countOf(RateMost, func(r *Rules) *int { return &r.Burst }),
		func(to, from *Rules) { to.Burst = from.Burst },
		func(r *Rules) any { return numberOrNull(r.burstLimit()) },
		func(r, most *Rules) bool { return r.Rate.Limits() && r.BurstOr() > most.Burst }},
	{"format", mayBe(formatNames),
		enumOf(formatNames, func(r *Rules) *RoomFormat { return &r.Format }),
		func(to, from *Rules) { to.Format = from.Format },
		func(r *Rules) any { return r.Format.String() },
		func(r, most *Rules) bool { return most.Format != FormatAny && r.Format != most.Format }}, // another kind
	{"meta", `a list of "from", "time" and "id", each once at most`,
		readMeta,
		func(to, from *Rules) { to.Meta = from.Meta },
		func(r *Rules) any { return r.Meta.names() },
		func(r, most *Rules) bool { return r.Meta&^most.Meta != 0 }}, // tells more
	{"history", "0: keeping messages is not built yet",
		laterBut("0"), keepsNothing, func(*Rules) any { return 0 }, neverExceeds},
	{"ttl", "null: keeping messages is not built yet",
		laterBut("null"), keepsNothing, func(*Rules) any { return nil }, neverExceeds},
	{"presence", mayBool,
		boolOf(func(r *Rules) *bool { return &r.Presence }),
		func(to, from *Rules) { to.Presence = from.Presence },
		func(r *Rules) any { return r.Presence },
		func(r, most *Rules) bool { return r.Presence && !most.Presence }},
	{"ends", mayBe(endsNames),
		enumOf(endsNames, func(r *Rules) *Ends { return &r.Ends }),
		func(to, from *Rules) { to.Ends = from.Ends },
		func(r *Rules) any { return r.Ends.String() },
		func(r, most *Rules) bool { return r.Ends < most.Ends }}, // may live longer
	{"driver", `null, {"kind":"ftp","address":"host:21","user":…,"password":…,"root":"/","tls":true} or {"kind":"webhook","url":…,"secret":…}`,
		readDriver,
		func(to, from *Rules) { to.Driver = from.Driver },
		func(r *Rules) any { return r.Driver.public() },
		neverExceeds}, // Rules.DriverKept
}

func keepsNothing(_, _ *Rules)      {}
func neverExceeds(_, _ *Rules) bool { return false }

// listed is a list as JSON, where there is no nil.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func trueOrNull(set bool) any {
	if set {
		return true
	}
	return nil
}

func numberOrNull(limit Limit) any {
	if limit == NoLimit {
		return nil
	}
	return int64(limit)
}

func (r *Rules) burstLimit() Limit {
	if r.Burst == 0 {
		return NoLimit
	}
	return Limit(r.Burst)
}

// within tells whether every name of list is one of most.
func within(list, most []string) bool {
	known := make(map[string]bool, len(most))
	for _, name := range most {
		known[name] = true
	}
	for _, name := range list {
		if !known[name] {
			return false
		}
	}
	return true
}
