package schema

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What several keys may be.
const (
	mayBool    = "true or false"
	mayClients = "a list of at most 1024 clients' names, each of 1 to 128 characters without spaces, control characters or a ~ in front"
)

// reader reads one key's value into a patch.
type reader = func(p *Patch, value json.RawMessage) ErrorCode

func mayBe(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func verdictOf(good bool) ErrorCode {
	if good {
		return ""
	}
	return Malformed
}

func enumOf[E ~uint8](names []string, at func(*Rules) *E) reader {
	return func(p *Patch, value json.RawMessage) ErrorCode {
		name, ok := stringValue(value)
		which := slices.Index(names, name)
		if !ok || which < 0 {
			return Malformed
		}
		*at(&p.values) = E(which)
		return ""
	}
}

func boolOf(at func(*Rules) *bool) reader {
	return func(p *Patch, value json.RawMessage) ErrorCode {
		*at(&p.values) = string(value) == "true"
		return verdictOf(isBool(value))
	}
}

func limitOf(least int64, at func(*Rules) *Limit) reader {
	return func(p *Patch, value json.RawMessage) ErrorCode {
		n, ok := number(string(value), least, LimitMost)
		*at(&p.values) = Limit(n)
		return verdictOf(ok)
	}
}

func countOf(most int64, at func(*Rules) *int) reader {
	return func(p *Patch, value json.RawMessage) ErrorCode {
		n, ok := number(string(value), 1, most)
		*at(&p.values) = int(n)
		return verdictOf(ok)
	}
}

// laterBut takes the value that says nothing, and puts off all others.
func laterBut(nothing string) reader {
	return func(_ *Patch, value json.RawMessage) ErrorCode {
		if string(value) == nothing {
			return ""
		}
		return Unavailable
	}
}

func clientsOf(at func(*Rules) *[]string) reader {
	return func(p *Patch, value json.RawMessage) ErrorCode {
		names, ok := stringList(value, ListMost)
		for _, name := range names {
			ok = ok && IsClientName(name)
		}
		*at(&p.values) = once(names)
		return verdictOf(ok)
	}
}

// IsClientName tells whether a client may be called so, with an address or
// without one: 1 to 128 characters without spaces or controls, and no ~ in
// front, with which sequences begin.
func IsClientName(name string) bool {
	const most = 128
	if name == "" || name[0] == '~' || !utf8.ValidString(name) || utf8.RuneCountInString(name) > most {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) })
}

func readPassword(p *Patch, value json.RawMessage) ErrorCode {
	if string(value) == "true" {
		p.keep |= 1 << rowPassword
		return ""
	}
	text, ok := stringValue(value)
	if !ok || text == "" || len(text) > PasswordMost || strings.ContainsFunc(text, unicode.IsControl) {
		return Malformed
	}
	p.plain = PlainPassword{secret{&text}}
	return ""
}

func readOTP(p *Patch, value json.RawMessage) ErrorCode {
	if isBool(value) {
		p.values.OTP = OTP{}
		if string(value) == "true" {
			p.values.OTP.Kind = OTPOwn
		}
		return ""
	}
	text, ok := stringValue(value)
	if !ok || !isBase32(text) {
		return Malformed
	}
	p.values.OTP = OTP{OTPRoom, OTPSecret{secret{&text}}}
	return ""
}

// isBase32 tells whether a text is a secret in base32 without padding (RFC
// 4648 section 6): 16 to 128 characters, and not a number of them that no
// bytes encode to.
func isBase32(text string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	const least, most = 16, 128
	rest := len(text) % 8
	return len(text) >= least && len(text) <= most && strings.Trim(text, alphabet) == "" &&
		rest != 1 && rest != 3 && rest != 6
}

func readOrigins(p *Patch, value json.RawMessage) ErrorCode {
	entries, ok := stringList(value, OriginsMost)
	for _, entry := range entries {
		ok = ok && isOriginEntry(entry)
	}
	p.values.Origins = once(entries)
	return verdictOf(ok)
}

// isOriginEntry: "null" is the origin of pages that hide theirs (RFC 6454
// section 7.1) and no host.
func isOriginEntry(entry string) bool {
	if entry == OriginSelf || entry == OriginAny {
		return true
	}
	_, _, ok := SplitHost(entry)
	return ok && !strings.EqualFold(entry, "null")
}

func readRate(p *Patch, value json.RawMessage) ErrorCode {
	text, ok := stringValue(value)
	pace, is := ParsePace(text)
	p.values.Rate = pace
	return verdictOf(ok && is)
}

// ParsePace reads a pace such as "20/s" or "100/m".
func ParsePace(text string) (pace Pace, ok bool) {
	count, unit, _ := strings.Cut(text, "/")
	n, whole := number(count, 1, RateMost)
	pace = Pace{Count: uint32(n), Per: paceUnits[unit]}
	return pace, whole && pace.Per > 0
}

var paceUnits = map[string]uint32{"s": 1000, "m": 60000}

func (p Pace) shown() any {
	for unit, per := range paceUnits {
		if p.Limits() && p.Per == per {
			return strconv.Itoa(int(p.Count)) + "/" + unit
		}
	}
	return nil
}

func readMeta(p *Patch, value json.RawMessage) ErrorCode {
	names, ok := stringList(value, len(metaNames))
	p.values.Meta = 0
	for _, name := range names {
		which := slices.Index(metaNames, name)
		if which < 0 || p.values.Meta&(1<<which) != 0 {
			return Malformed
		}
		p.values.Meta |= 1 << which
	}
	return verdictOf(ok)
}

// once drops the repeats.
func once(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}
