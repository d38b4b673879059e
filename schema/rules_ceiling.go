package schema

import (
	"encoding/json"
	"fmt"
)

// Ceilings are what nobody but an admin may exceed in a room's rules. A key
// that they do not name, or name with null, is free.
//
//	access, send, to, ends   not more open than this, in the contract's order
//	allow                    only these clients may be listed
//	deny                     these clients must be denied
//	password, otp            true: rooms must ask for one (for either code)
//	origins                  only these may be let in; "*": any
//	visible, echo, presence  false: not to be switched on
//	members, anonymous, size, burst   not more than this
//	rate                     not faster than this; burst counts as the rate's number where it is not said
//	format                   this one, unless "any"
//	meta                     only these
//	driver                   null; it is an admin's to set, whatever they say
type Ceilings struct {
	said keySet
	most Rules
}

// ParseCeilings reads --ceilings. Secrets of their own they cannot have.
func ParseCeilings(input []byte) (Ceilings, *Refusal) {
	p, refusal := ParseRules(input)
	if refusal == nil {
		refusal = p.withoutSecrets("a ceiling is true (rooms must ask for one) or null")
	}
	if refusal != nil {
		return Ceilings{}, refusal
	}
	if p.keep.has(rowPassword) {
		p.values.Password = StoredPassword("some")
	}
	return Ceilings{p.said, p.values}, nil
}

// ParseDefaults reads --defaults. A password or code that all rooms share is
// refused; otp may be true.
func ParseDefaults(input []byte) (Said, *Refusal) {
	p, refusal := ParseRules(input)
	if refusal == nil {
		refusal = p.withoutSecrets("rooms have their own, there is no default")
	}
	if refusal != nil {
		return Said{}, refusal
	}
	said, _, refusal := Said{}.Apply(p, DefaultRules())
	return said, refusal
}

func (p Patch) withoutSecrets(why string) *Refusal {
	switch {
	case p.plain.Set():
		return malformed("password: %s", why)
	case p.values.OTP.Kind == OTPRoom:
		return malformed("otp: %s", why)
	case p.said.has(rowDriver):
		return malformed("driver: an admin sets one for a room; there is none for all of them")
	}
	return nil
}

// Within refuses (denied) rules that exceed the ceilings, naming the key: for
// a room that is made.
func (r Rules) Within(c Ceilings) *Refusal { return r.within(c, ^keySet(0)) }

// ChangeWithin is Within for a change: only what the patch touched is judged,
// so that what an admin granted does not stand in the owner's way.
func (r Rules) ChangeWithin(c Ceilings, p Patch) *Refusal {
	touched := p.said | p.reset
	if touched.has(rowRate) {
		touched |= 1 << rowBurst
	}
	return r.within(c, touched)
}

func (r Rules) within(c Ceilings, judged keySet) *Refusal {
	for row := range ruleKeys {
		key := &ruleKeys[row]
		if (judged & c.said).has(row) && key.exceeds(&r, &c.most) {
			return &Refusal{Denied, fmt.Sprintf("%s: %s goes beyond what the house allows, %s; only an admin may",
				key.name, jsonOf(key.show(&r)), jsonOf(key.show(&c.most)))}
		}
	}
	return nil
}

// Clamp brings defaults within the ceilings, so that a room that says nothing
// is not refused for what it did not say. A password that the ceilings demand
// cannot be made up: Within goes on refusing rooms without one.
func (c Ceilings) Clamp(defaults Rules) Rules {
	for row := range ruleKeys {
		key := &ruleKeys[row]
		if !c.said.has(row) || row == rowPassword || !key.exceeds(&defaults, &c.most) {
			continue
		}
		switch key.name {
		case "allow": // who is in neither list was never meant
			defaults.Allow = common(defaults.Allow, c.most.Allow)
		case "deny":
			defaults.Deny = once(append(append([]string{}, defaults.Deny...), c.most.Deny...))
		default:
			key.take(&defaults, &c.most)
		}
	}
	return defaults
}

func common(a, b []string) []string {
	both := []string{}
	for _, name := range a {
		if within([]string{name}, b) {
			both = append(both, name)
		}
	}
	return both
}

func jsonOf(value any) string {
	if names, ok := value.([]string); ok && len(names) > 8 {
		return fmt.Sprintf("a list of %d", len(names))
	}
	text, _ := json.Marshal(value) // strings, numbers, booleans and lists of strings always marshal
	return string(text)
}
