package schema

// Rules are what holds in a room: every key of wire.md's "Room rules", in its
// order. The slices are shared between copies: read only.
type Rules struct {
	Access    Access
	Allow     []string // clients that "listed" means, for entry and sending
	Deny      []string // clients that never may
	Password  PasswordHash
	OTP       OTP
	Origins   []string // OriginSelf, OriginAny, hosts with or without a port
	Visible   bool     // shown in spaces
	Members   Limit    // sockets
	Anonymous Limit    // sockets without a client
	Send      Send
	To        To
	Echo      bool // the sender hears itself
	Size      int  // largest message, bytes
	Rate      Pace // messages of one socket
	Burst     int  // messages at once; 0: the rate's own number
	Format    RoomFormat
	Meta      Meta
	History   int     // messages kept; 0 until it is built
	TTL       Limit   // how long they are kept, seconds; NoLimit until it is built
	Presence  bool    // joins and leaves are told
	Ends      Ends    // of a transient room
	Driver    *Driver // what stands behind the room; nil: nothing
}

// DefaultRules hold where neither the house (--defaults) nor the room said
// otherwise.
func DefaultRules() Rules {
	return Rules{
		Origins:   []string{OriginSelf},
		Visible:   true,
		Members:   NoLimit,
		Anonymous: NoLimit,
		Size:      64 << 10,
		TTL:       NoLimit,
	}
}

// NewRoomRules are the DefaultRules of a room made by NEW ROOM: not visible.
func NewRoomRules() Rules {
	rules := DefaultRules()
	rules.Visible = false
	return rules
}

// Bounds of what rules may say.
const (
	RulesMost    = 384 << 10 // JSON of rules, bytes
	ListMost     = 1024      // names in allow or deny
	OriginsMost  = 64        // entries of origins
	PasswordMost = 1024      // bytes
	SizeMost     = 8 << 20   // size, bytes; with an FTP driver FileMost
	RateMost     = 1_000_000 // rate's number, burst
	LimitMost    = 1 << 30   // members, anonymous
)

// Words that may stand in Rules.Origins beside hosts.
const (
	OriginSelf = "self" // the page's host is the Host, or both are loopback
	OriginAny  = "*"
)

// Limit is a count that may be none at all.
type Limit int64

// NoLimit is null in JSON.
const NoLimit Limit = -1

// Reached tells whether one more than count would be too many.
func (l Limit) Reached(count int) bool { return l != NoLimit && int64(count) >= int64(l) }

// beyond tells whether l lets through more than most.
func (l Limit) beyond(most Limit) bool { return most != NoLimit && (l == NoLimit || l > most) }

// The enums below stand in the order of the contract, the most open first, so
// that a smaller one is more open. The zero value is the default.
type (
	Access     uint8 // who may enter
	Send       uint8 // who may send
	To         uint8 // what overrides the sender's list of receivers
	RoomFormat uint8 // the kind that messages have
	Ends       uint8 // when a transient room is gone
)

// Who may enter. The owner always may.
const (
	AccessAnyone Access = iota
	AccessAuthenticated
	AccessListed
	AccessOwner
)

// Who may send.
const (
	SendMembers Send = iota
	SendAuthenticated
	SendListed
	SendOwner
	SendNobody
)

// Whom a message reaches.
const (
	ToAny      To = iota // whom the sender lists, or everyone
	ToEveryone           // lists are ignored
	ToOwner              // the owner alone
	ToSelf               // the sender alone
)

// Which kind messages have.
const (
	FormatAny RoomFormat = iota
	FormatText
	FormatBytes
	FormatJSON
)

// When a transient room is gone.
const (
	EndsLast  Ends = iota // with its last member
	EndsOwner             // with its maker
)

var (
	accessNames = []string{"anyone", "authenticated", "listed", "owner"}
	sendNames   = []string{"members", "authenticated", "listed", "owner", "nobody"}
	toNames     = []string{"any", "everyone", "owner", "self"}
	formatNames = []string{"any", "text", "bytes", "json"}
	endsNames   = []string{"last", "owner"}
	metaNames   = []string{"from", "time", "id"}
)

func (a Access) String() string     { return accessNames[a] }
func (s Send) String() string       { return sendNames[s] }
func (t To) String() string         { return toNames[t] }
func (f RoomFormat) String() string { return formatNames[f] }
func (e Ends) String() string       { return endsNames[e] }

// Meta is the set of what binds to a message, a bit each.
type Meta uint8

// What may bind to a message.
const (
	MetaFrom Meta = 1 << iota // client and sequence
	MetaTime                  // RFC 3339, ms
	MetaID
)

func (m Meta) names() []string {
	names := []string{}
	for bit, name := range metaNames {
		if m&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Pace is so many messages in each span of time. The zero value is no limit.
type Pace struct {
	Count uint32
	Per   uint32 // ms: 1000 or 60000
}

// Limits tells whether there is a limit.
func (p Pace) Limits() bool { return p.Count > 0 }

// beyond tells whether p lets through more than most.
func (p Pace) beyond(most Pace) bool {
	return most.Limits() && (!p.Limits() || uint64(p.Count)*uint64(most.Per) > uint64(most.Count)*uint64(p.Per))
}

// OTP is which one-time code (RFC 6238) entry asks for.
type OTP struct {
	Kind   OTPKind
	Secret OTPSecret // of OTPRoom
}

// OTPKind is whose code it is.
type OTPKind uint8

// Whose code entry asks for.
const (
	OTPNone OTPKind = iota
	OTPOwn          // the client's own
	OTPRoom         // the room's
)

// BurstOr is how many messages may come at once: the burst, or where it is
// not said the rate's own number; 0 without a rate.
func (r *Rules) BurstOr() int {
	if r.Burst > 0 && r.Rate.Limits() {
		return r.Burst
	}
	return int(r.Rate.Count)
}
