package schema

import (
	"encoding/json"
	"errors"
)

// Said is what a room, or the house by --defaults, says of its rules; the
// rest follows the defaults, and follows them when they change. It is what the
// database holds.
type Said struct {
	said   keySet
	values Rules
}

// Over is what holds where defaults hold for the keys that are not said.
func (s Said) Over(defaults Rules) Rules {
	for row := range ruleKeys {
		if s.said.has(row) {
			ruleKeys[row].take(&defaults, &s.values)
		}
	}
	if defaults.Driver.Alone() && !s.said.has(rowSize) {
		defaults.Size = FileMost
	}
	return defaults
}

// Apply changes what is said by a patch (RFC 7396: null takes a key back, so
// that the default holds again) and tells the rules then in force.
//
// true for a password keeps the one there is. true for otp keeps a room's own
// secret; where there is none it asks for the client's own code, so from the
// one to the other it takes null first.
//
// A driver is merged likewise: true for one of its secrets keeps it.
//
// It is malformed to keep a password that is not there, to say a burst without
// a rate, and to leave a driver incomplete. A plain password must have been hashed (Patch.Hashed).
func (s Said) Apply(p Patch, defaults Rules) (Said, Rules, *Refusal) {
	before := s.Over(defaults)
	switch {
	case p.plain.Set():
		return s, before, &Refusal{Unavailable, "password: it was not hashed; this is a fault of the house"}
	case p.keep.has(rowPassword) && !before.Password.Set():
		return s, before, malformed("password: true keeps the password there is, and there is none; say a string")
	}
	if p.said.has(rowDriver) {
		var refusal *Refusal
		if p.values.Driver, refusal = before.Driver.patched(&p.driver); refusal != nil {
			return s, before, refusal
		}
	}
	kept := p.keep
	if p.values.OTP.Kind == OTPOwn && before.OTP.Kind == OTPRoom {
		kept |= 1 << rowOTP
	}
	next := s
	for row := range ruleKeys {
		switch {
		case p.reset.has(row):
			next.said &^= 1 << row
			ruleKeys[row].take(&next.values, &Rules{}) // no secret stays behind
		case p.said.has(row) && !kept.has(row):
			next.said |= 1 << row
			ruleKeys[row].take(&next.values, &p.values)
		}
	}
	after := next.Over(defaults)
	if p.Touches("rate") || p.Touches("burst") {
		if after.Burst > 0 && !after.Rate.Limits() {
			return s, before, malformed("burst: needs a rate beside it, such as \"rate\":\"20/s\"; or reset it with null")
		}
	}
	if (p.Touches("size") || p.Touches("driver")) && after.Size > SizeMost && !after.Driver.Alone() {
		return s, before, malformed("size: more than %d is for rooms with an FTP driver", SizeMost)
	}
	return next, after, nil
}

// Public is the rules as one JSON object with every key, as their readers see
// them: secrets show as true. Read back by ParseRules and applied it changes
// nothing.
func (r Rules) Public() []byte {
	return object(^keySet(0), func(row int) any { return ruleKeys[row].show(&r) })
}

// MarshalJSON is Public, so that no secret gets out by accident.
func (r Rules) MarshalJSON() ([]byte, error) { return r.Public(), nil }

// UnmarshalJSON fails: rules are read by ParseRules.
func (r *Rules) UnmarshalJSON([]byte) error { return errors.New("rules are read by ParseRules") }

func (r Rules) String() string { return string(r.Public()) }

// Stored is what is said as JSON for the database, with its secrets: the
// password as {"hash":…}, which no parser of a client's rules takes, a driver's
// secrets as they are.
func (s Said) Stored() []byte {
	return object(s.said, func(row int) any {
		switch {
		case row == rowPassword:
			return storedHash{s.values.Password.Reveal()}
		case row == rowOTP && s.values.OTP.Kind == OTPRoom:
			return s.values.OTP.Secret.Reveal()
		case row == rowDriver:
			return s.values.Driver.stored()
		}
		return ruleKeys[row].show(&s.values)
	})
}

type storedHash struct {
	Hash string `json:"hash"`
}

// ParseStored reads what Stored wrote. It takes no plain password.
func ParseStored(input []byte) (Said, *Refusal) {
	p, refusal := parseRules(input, map[int]reader{rowPassword: readStoredHash})
	if refusal == nil {
		refusal = p.wholeDriver()
	}
	if refusal != nil {
		return Said{}, refusal
	}
	return Said{p.said, p.values}, nil
}

func readStoredHash(p *Patch, value json.RawMessage) ErrorCode {
	var stored storedHash
	if json.Unmarshal(value, &stored) != nil || stored.Hash == "" {
		return Malformed
	}
	p.values.Password = StoredPassword(stored.Hash)
	return ""
}

// MarshalJSON is the keys that are said as their readers see them.
func (s Said) MarshalJSON() ([]byte, error) {
	return object(s.said, func(row int) any { return ruleKeys[row].show(&s.values) }), nil
}

// UnmarshalJSON fails: what is stored is read by ParseStored.
func (s *Said) UnmarshalJSON([]byte) error {
	return errors.New("stored rules are read by ParseStored")
}

func (s Said) String() string {
	text, _ := s.MarshalJSON()
	return string(text)
}

// object writes rows as a JSON object, in the order of the contract.
func object(rows keySet, value func(row int) any) []byte {
	out := []byte{'{'}
	for row := range ruleKeys {
		if !rows.has(row) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		text, err := json.Marshal(value(row))
		if err != nil { // strings, numbers, booleans and lists of strings always marshal
			text = []byte("null")
		}
		out = append(append(out, '"'), ruleKeys[row].name...)
		out = append(append(out, '"', ':'), text...)
	}
	return append(out, '}')
}
