package room

import (
	"slices"

	"github.com/porthouse/porthouse/schema"
)

// Surface is how somebody comes to a room.
type Surface uint8

// The surfaces.
const (
	OnSocket  Surface = iota // its address, or JOIN in a lobby or by envelope
	OnSibling                // a command for the socket that the sibling belongs to
	OnPost                   // a single hit
	OnAPI                    // the admin API, the control socket
	Surfaces                 // how many there are
)

// surfaces is what each may do.
var surfaces = [Surfaces]struct {
	seats bool // takes a place in the room
	asks  bool // can be asked for what was not given
}{
	OnSocket:  {seats: true, asks: true},
	OnSibling: {seats: true, asks: true},
	OnPost:    {},
	OnAPI:     {},
}

// Asks is a set of what entry asks for.
type Asks uint8

// What entry may ask for.
const (
	AskPassword Asks = 1 << iota
	AskOTP
)

// Names are as in {"ask":[…]} and in spaces.
func (a Asks) Names() []string {
	names := []string{}
	for bit, name := range []string{"password", "otp"} {
		if a&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Asker is who asks, as far as a room's rules judge it. A client without a
// name is anonymous: what its credentials said was judged before.
type Asker struct {
	Surface Surface
	Client  string // "" for an anonymous one
	Owner   bool   // of this room
	Admin   bool   // or the operator at the control socket
	Member  bool   // is in it
	Scope   schema.Scope
	Origin  []byte // nil where there is none
	Host    []byte // with or without its port; for Origin
	Proved  Asks   // given, and right
	Failed  Asks   // given, and wrong
}

// Authenticated tells whether the asker is a client.
func (a *Asker) Authenticated() bool { return a.Client != "" }

func (a *Asker) rules() bool { return a.Owner || a.Admin }

// Present is who is in a room, on all puddles.
type Present struct{ Members, Anonymous int }

// EntryAsks is what a room asks for on entry.
func EntryAsks(rules *schema.Rules) Asks {
	var asks Asks
	if rules.Password.Set() {
		asks |= AskPassword
	}
	if rules.OTP.Kind != schema.OTPNone {
		asks |= AskOTP
	}
	return asks
}

// MayEnter judges whether the asker may be in the room; of a surface that
// takes no place, whether it could be. The steps are in the order of what a
// refusal may tell: who is not admitted learns neither what is asked nor that
// the room is full. Judge before any hash is computed: only a verdict of Ask
// is worth one.
//
// Owner and admins pass by access, deny, password and code, but neither by
// origins nor by the limits. A hidden room refuses as NotFound: answer that as
// a room that does not exist, on the very same path.
func MayEnter(rules *schema.Rules, a *Asker, now Present) Verdict {
	why := admitted(rules, a)
	if why != Granted && !MaySee(rules, a) {
		why = Hidden
	}
	if why != Granted {
		return Verdict{Why: why}
	}
	if v := entryProofs(rules, a); v.Why != Granted {
		return v
	}
	if surfaces[a.Surface].seats && !a.Member {
		return Verdict{Why: placeFor(rules, a, now)}
	}
	return Verdict{}
}

func admitted(rules *schema.Rules, a *Asker) Reason {
	switch {
	case !AdmitsOrigin(a.Origin, a.Host, rules.Origins):
		return ForeignOrigin
	case a.Scope == schema.ScopeNone:
		return OutOfScope
	case a.rules():
		return Granted
	case denied(rules, a):
		return Denied
	case !a.Authenticated() && rules.Anonymous == 0:
		return Unauthenticated
	case !a.Authenticated() && rules.OTP.Kind == schema.OTPOwn:
		return Unauthenticated // nobody's code
	}
	switch rules.Access {
	case schema.AccessAnyone:
		return Granted
	case schema.AccessAuthenticated:
		return clientsOnly(a, true)
	case schema.AccessListed:
		return clientsOnly(a, slices.Contains(rules.Allow, a.Client))
	}
	return clientsOnly(a, false)
}

func denied(rules *schema.Rules, a *Asker) bool {
	return a.Authenticated() && slices.Contains(rules.Deny, a.Client)
}

// clientsOnly tells those who could become admitted by credentials from those
// whom they did not help.
func clientsOnly(a *Asker, granted bool) Reason {
	switch {
	case !a.Authenticated():
		return Unauthenticated
	case !granted:
		return NotListed
	}
	return Granted
}

func entryProofs(rules *schema.Rules, a *Asker) Verdict {
	asks := EntryAsks(rules)
	missing := asks &^ a.Proved
	switch {
	case a.rules() || a.Member || missing == 0:
		return Verdict{}
	case missing&a.Failed != 0:
		return Verdict{Why: WrongSecret, Asks: missing}
	case surfaces[a.Surface].asks:
		return Verdict{Why: Ask, Asks: missing}
	}
	return Verdict{Why: SecretMissing, Asks: missing}
}

func placeFor(rules *schema.Rules, a *Asker, now Present) Reason {
	anonymous := !a.Authenticated() && !a.rules()
	if rules.Members.Reached(now.Members) || anonymous && rules.Anonymous.Reached(now.Anonymous) {
		return RoomFull
	}
	return Granted
}

// MaySend judges a message of one who may enter (MayEnter, asked of a single
// hit; a member was asked before). Nobody is nobody: not the owner either.
func MaySend(rules *schema.Rules, a *Asker) Verdict {
	return Verdict{Why: sending(rules, a)}
}

func sending(rules *schema.Rules, a *Asker) Reason {
	switch {
	case a.Scope == schema.ScopeHear || a.Scope == schema.ScopeNone:
		return OutOfScope
	case rules.Send == schema.SendNobody:
		return ReadOnly
	case a.rules():
		return Granted
	case denied(rules, a):
		return Denied
	}
	switch rules.Send {
	case schema.SendMembers:
		return Granted
	case schema.SendAuthenticated:
		return clientsOnly(a, true)
	case schema.SendListed:
		return clientsOnly(a, slices.Contains(rules.Allow, a.Client))
	}
	return clientsOnly(a, false)
}

// MayHear tells whether a member is sent the room's messages: not by a token
// that is for sending only.
func MayHear(a *Asker) bool { return a.Scope == schema.ScopeAll || a.Scope == schema.ScopeHear }

// MaySee tells whether the room stands in the asker's spaces, and whether a
// refusal may say that there is such a room.
func MaySee(rules *schema.Rules, a *Asker) bool { return rules.Visible || a.rules() || a.Member }

// MayListMembers judges WHO: for members and those who rule the room.
func MayListMembers(rules *schema.Rules, a *Asker) Verdict {
	return ofThose(rules, a, a.Member || a.rules(), MembersOnly)
}

// MayRule judges what is the owner's: RULES with a patch, PUT OUT, DROP ROOM.
// A token that is for some of it, or for other rooms, is not the owner.
func MayRule(rules *schema.Rules, a *Asker) Verdict {
	if a.rules() && a.Scope != schema.ScopeAll {
		return Verdict{Why: OutOfScope}
	}
	return ofThose(rules, a, a.rules(), OwnerOnly)
}

func ofThose(rules *schema.Rules, a *Asker, granted bool, otherwise Reason) Verdict {
	switch {
	case granted:
		return Verdict{}
	case !MaySee(rules, a):
		return Verdict{Why: Hidden}
	case !a.Authenticated():
		return Verdict{Why: Unauthenticated}
	}
	return Verdict{Why: otherwise}
}
