package room

import "github.com/porthouse/porthouse/schema"

// Reach is whom a message is for, before it is asked who hears it.
type Reach uint8

// The reaches.
const (
	ReachAll   Reach = iota // every member
	ReachNamed              // whom the sender listed
	ReachOwner
	ReachSender
)

// ReachOf is what the rule to makes of a message with or without a list of
// receivers.
func ReachOf(to schema.To, lists bool) Reach {
	switch {
	case to == schema.ToOwner:
		return ReachOwner
	case to == schema.ToSelf:
		return ReachSender
	case to == schema.ToAny && lists:
		return ReachNamed
	}
	return ReachAll
}

// Receiver is one member's socket as a message sees it.
type Receiver struct {
	Sender bool // the socket that sent it; its client's others are not
	Named  bool // in the sender's list, by client or by sequence
	Owner  bool // of the room
}

// Hears tells whether a member hears a message. The sender hears its own by
// echo, whomever else it reaches, and where it is the only one reached; being
// in its own list, or the owner, does not make it hear itself.
func (r Reach) Hears(member Receiver, echo bool) bool {
	if member.Sender {
		return echo || r == ReachSender
	}
	switch r {
	case ReachAll:
		return true
	case ReachNamed:
		return member.Named
	case ReachOwner:
		return member.Owner
	}
	return false
}
