package ipc

import "github.com/porthouse/porthouse/schema"

// Question is what a puddle asks of the supervisor while a socket waits, and
// never the loop: exactly one field beside ID is set. Each gets one Reply.
// What the rules say is judged by the puddle (puddle/room); the supervisor
// tells the facts, keeps the secrets, and decides what must be decided once
// for all puddles.
type Question struct {
	ID uint64

	Who      *AskWho      `msgpack:",omitempty"`
	Home     *AskHome     `msgpack:",omitempty"`
	Open     *AskOpen     `msgpack:",omitempty"`
	Look     *AskLook     `msgpack:",omitempty"`
	Prove    *AskProve    `msgpack:",omitempty"`
	Place    *AskPlace    `msgpack:",omitempty"`
	Make     *AskMake     `msgpack:",omitempty"`
	Drop     *AskDrop     `msgpack:",omitempty"`
	Rules    *AskRules    `msgpack:",omitempty"`
	Spaces   *AskSpaces   `msgpack:",omitempty"`
	Members  *AskMembers  `msgpack:",omitempty"`
	PutOut   *AskPutOut   `msgpack:",omitempty"`
	End      *AskEnd      `msgpack:",omitempty"`
	Endpoint *AskEndpoint `msgpack:",omitempty"`
	Register *AskRegister `msgpack:",omitempty"`
	Sibling  *AskSibling  `msgpack:",omitempty"`
	Claim    *AskClaim    `msgpack:",omitempty"`
	Claimed  *Claimed     `msgpack:",omitempty"`
	Call     *AskCall     `msgpack:",omitempty"`
}

// Reply answers the Question of that ID. Refused stands alone; else the field
// that the question names is set, or none where there is nothing to tell.
type Reply struct {
	ID      uint64
	Refused *schema.Refusal `msgpack:",omitempty"`
	After   int             `msgpack:",omitempty"` // of a Refused of code rate: seconds until the next try

	Identity *schema.Identity `msgpack:",omitempty"` // Who
	Home     *Home            `msgpack:",omitempty"` // Home
	Room     *Room            `msgpack:",omitempty"` // Open, Look, Make
	Proof    *Proof           `msgpack:",omitempty"` // Prove
	JSON     []byte           `msgpack:",omitempty"` // Rules: an object; Spaces, Members: a list
	Number   int              `msgpack:",omitempty"` // Place: members with this one; PutOut: how many
	Slot     int              `msgpack:",omitempty"` // Sibling: where its main is
	Sequence uint64           `msgpack:",omitempty"` // Sibling: its main
	Claim    *Claim           `msgpack:",omitempty"` // Claim
}

// Asker is who asks, as it was proved before.
type Asker struct {
	Client   string
	Owner    bool
	Primary  bool
	Admin    bool
	Rooms    schema.TokenRooms // what its token is limited to
	Sequence schema.SequenceID // 0: not a socket
}

// AskWho has a credential verified. Refused: unauthorized, rate.
type AskWho struct {
	Credential Credential
	Address    string // IP address that it came from
}

// Credential is what somebody offers to be known by.
type Credential struct {
	Token    string // opaque or JWT; else Client and Password
	Client   string
	Password string
	OTP      string
}

// AskCall asks for one connection more from an address, which is an IPv4
// address or an IPv6 network. One that was granted is given back by its address
// in FromPuddle.Left. Refused: full, rate.
type AskCall struct{ Address string }

// AskHome asks for a client's endpoint. Refused: not-found.
type AskHome struct{ Client string }

// Home is a client's endpoint.
type Home struct {
	Client string
	Admits []string // clients; "authenticated" or "anyone" alone; empty: nobody
}

// AskOpen asks for a room that the puddle is about to hold: from the Reply on
// the puddle is one of its holders, until it says Released with the Reply's
// Grant. Where there is no such room and Create is set, and the asker may make
// rooms by walking in (--transient; a prefix is its client's or an admin's), it
// is made. Refused: not-found.
type AskOpen struct {
	Room   string
	Asker  Asker
	Create bool
}

// AskLook asks for a room's facts; it does not make the puddle a holder.
// Refused: not-found.
type AskLook struct{ Room string }

// Room is what a puddle knows of a room.
type Room struct {
	Name        string
	Incarnation uint64 // never the same for two rooms of one name
	Grant       uint64 // of this Reply; 0 of a Look
	Persistent  bool
	Owner       string            // client that rules it, "" if only admins do
	Maker       schema.SequenceID // the socket that made it, which rules it too; 0: none
	Made        bool              // by this question
	Rules       []byte            // schema.Rules.Sealed
}

// Released says that a puddle holds a room no more. One that does not carry
// the last Grant that the puddle was given is past.
type Released struct {
	Room  string
	Grant uint64
}

// AskProve has what entry asks for verified: the password of a room, and its
// code or the client's own, as the rules say. Refused: rate.
type AskProve struct {
	Room     string
	Password string
	OTP      string
	Client   string // "" for an anonymous one
	Address  string
}

// Proof is which of password (bit 0) and code (bit 1) were right, and which
// were given and wrong.
type Proof struct{ Proved, Failed uint8 }

// AskPlace asks for a place in a room that the puddle holds, and counts who is
// in it. The puddle answers each one that was granted by adding 1 to Placed of
// its table's entry for the room, after Members if it took it. Refused: full.
type AskPlace struct {
	Room      string
	Index     uint32 // the room's entry in the asking slot's table
	Ref       uint64 // that entry's
	Anonymous bool
}

// AskMake makes a room by NEW ROOM, and grants it as Open does. Refused:
// exists, denied, malformed, not-found (a name), unavailable.
type AskMake struct {
	Room  string
	Rules []byte // as they were said; nil: none
	Keep  bool
	Asker Asker
}

// AskDrop removes a room; the puddle has judged that the asker rules it.
// Refused: not-found.
type AskDrop struct {
	Room  string
	Asker Asker
}

// AskRules changes a room's rules by a merge patch, or with a nil Patch shows
// them; the puddle has judged that the asker may. Reply.JSON are the rules in
// force, secrets as true. Refused: not-found, malformed, denied, unavailable.
type AskRules struct {
	Room  string
	Patch []byte
	Asker Asker
}

// AskSpaces lists the rooms that the asker may see: Reply.JSON is the list.
type AskSpaces struct {
	Asker Asker
	In    []string // rooms that it is in
}

// AskMembers lists who is in a room: Reply.JSON is the list.
type AskMembers struct{ Room string }

// AskPutOut puts a client's sockets, or one sequence, out of a room; the
// puddle has judged that the asker may. Refused: not-found.
type AskPutOut struct {
	Room     string
	Client   string
	Sequence schema.SequenceID
}

// AskEnd closes a sequence with 4409: the asker's client's own, an admin's any.
// Refused: not-found.
type AskEnd struct {
	Sequence schema.SequenceID
	Asker    Asker
}

// AskEndpoint leads a host, or host/name, to a room of the asker's, or with
// Room "" ends that. Refused: denied, exists, not-found, malformed.
type AskEndpoint struct {
	Host  string
	Room  string
	Asker Asker
}

// AskRegister registers the hash of a sibling's key for a socket; the first
// use wins. Refused: exists.
type AskRegister struct {
	Key      [32]byte // SHA-256 of the key
	Sequence schema.SequenceID
}

// AskSibling finds the socket that a key commands. Refused: unauthorized.
type AskSibling struct {
	Key     [32]byte
	Address string
}

// AskClaim asks whether a message with this key may be sent: the same key from
// the same sender is sent once in two minutes.
type AskClaim struct {
	Sender string // a client, ~SEQUENCE or an IP address
	Key    string
	ID     string // the message's, if it is
}

// Claim is what became of the message that had the key first: its ID and its
// receivers. First: it is this one.
type Claim struct {
	First     bool
	ID        string
	Receivers int
}

// Claimed notes how many receivers a claimed message had, before its sender is
// told: who says it again then hears the same. One that was not sent may be
// said again.
type Claimed struct {
	Sender, Key string
	Receivers   int
	Unsent      bool `msgpack:",omitempty"`
}

// House is where addresses lead. It is said before Serve, to a puddle that is
// taken over, and when it changes.
type House struct {
	Memory    string   // names the memory of claimed keys: another one has forgotten them
	Primary   string   // "": every host is the primary one
	Origins   []string // pages that may speak to a lobby: the rule origins where no room said otherwise
	Endpoints []Endpoint
}

// Endpoint leads a host, or a name on it, to a room or to a client's endpoint.
type Endpoint struct {
	Host   string
	Name   string // "": the host itself
	Room   string
	Client string
}

// RoomGone says that a room was removed: its sockets are closed with 4410, or
// told where they are in others.
type RoomGone struct {
	Name        string
	Incarnation uint64
	Reason      string
}

// PutOut takes one sequence, or all of a client's, out of a room alone.
type PutOut struct {
	Room     string
	Client   string
	Sequence schema.SequenceID
}

// Client says that a client changed: what it may do, who may send to it.
type Client struct{ Identity schema.Identity }

// Revoked says that sockets are to be closed with 4401: those that came by a
// token, or where Token is "" all of the client's.
type Revoked struct {
	Client string
	Token  string
}

// Carry moves a connection, as its descriptor, to the puddle in Slot; Bytes is
// all that it has sent so far. The supervisor passes it on as Carried.
type Carry struct {
	Slot    int
	From    uint64 // inbound offset of Bytes
	Bytes   []byte
	Address [16]byte
	Port    uint16
}

// Carried brings a connection that another puddle had accepted.
type Carried struct {
	From    uint64
	Bytes   []byte
	Address [16]byte
	Port    uint16
}

// Hit is a message from elsewhere than the shared port: the admin API or the
// command line. It is judged and sent like a POST.
type Hit struct {
	ID       uint64
	Room     string // "": direct, to To
	Identity schema.Identity
	Kind     uint8 // schema/format's kind
	Data     []byte
	To       []string
	Key      string
	Address  string
	Post     *Post `msgpack:",omitempty"` // of a POST that another puddle has read
}

// Post is what of a POST is to be judged, beside its message.
type Post struct {
	Host, Path    string
	Origin        []byte
	Page          bool // there is an Origin
	Basic         bool
	Offered       bool
	Credential    Credential
	Password, OTP string
	Port          uint16
	File          string `msgpack:",omitempty"` // the name of the file that the message is
}

// HitDone answers a Hit as an HTTP answer: status and JSON.
type HitDone struct {
	ID          uint64
	Status      int
	JSON        []byte
	After       int  `msgpack:",omitempty"` // Retry-After, seconds
	AllowOrigin bool `msgpack:",omitempty"`
}
