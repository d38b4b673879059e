package schema

// Identity is who a credential has proved somebody to be, and what the
// credential leaves open to it. The zero value is nobody: anonymous.
type Identity struct {
	Client  string // "" for an anonymous one, and for the operator
	Owner   bool   // may keep persistent rooms and endpoints under its own name
	Primary bool   // may make transient rooms
	Admin   bool   // the whole house; never by JWT
	Direct  Direct // who may send to it directly

	Token   string     // id of the opaque token, "" where it was something else
	Expires int64      // Unix seconds at which the credential ends, 0: never
	Rooms   TokenRooms // what the token is limited to; nil: nothing
}

// Known tells whether it is a client or the operator.
func (i *Identity) Known() bool { return i.Client != "" || i.Admin }

// Direct is who may send to a client's own space.
type Direct uint8

// Who may send directly.
const (
	DirectRooms         Direct = iota // who shares a room with it
	DirectAuthenticated               // every client
	DirectNobody
)

// DirectNames are the words of the setting direct, in the order of Direct.
var DirectNames = []string{"rooms", "authenticated", "nobody"}

func (d Direct) String() string { return DirectNames[d] }

// Scope is what a token leaves open in one room.
type Scope uint8

// The scopes.
const (
	ScopeAll Scope = iota
	ScopeHear
	ScopeSend
	ScopeNone
)
