package schema

import "time"

// Settings is what a puddle runs under: every limit of the house, with its
// safe default in DefaultSettings. The command line, the environment and the
// configuration file set them; README's table of settings names each.
type Settings struct {
	Transient  string   // who may make a room by walking in: a Transient… word
	LocalHosts bool     // only hosts that are loopback names or IP addresses are known (--open)
	Page       bool     // browsers are shown the page
	Proxies    []string // networks (CIDR) whose X-Forwarded-… and PROXY headers are believed

	DriverAddresses []string // where drivers may connect to: networks, and Reach… words
	DriverRequests  int      // that wait for one room's driver in one puddle
	DriverBytes     int      // of all requests and answers of one puddle's drivers

	PingEvery   time.Duration // a ping to every socket that was silent for so long
	SilentAfter time.Duration // a socket that answers nothing for so long is closed
	HeaderTime  time.Duration // a request's head must be whole within this
	CloseTime   time.Duration // a closing handshake must be done within this
	PeerTime    time.Duration // a peer that acknowledges nothing for so long is hung
	EntryTime   time.Duration // what a room asks for must be answered within this
	LobbyTime   time.Duration // a lobby that says nothing for so long is closed

	HeaderBytes  int // a request's head, bytes
	MessageBytes int // a message, bytes, whatever a room's rule size says
	Fragments    int // frames of one message
	OutboxBytes  int // what may wait for one socket, bytes; beyond it 4503
	Sockets      int // sockets of one puddle
	LogBytes     int // a puddle's log, bytes; a power of two
	SlabBytes    int // all partial messages and outboxes of one puddle, bytes
	FanoutSlice  int // sends of one room before the loop looks at its sockets again
	PostBytes    int // the body of a POST, bytes
	SocketRooms  int // rooms that one socket may be in
	CommandRate  int // commands a second from one socket; four times as many at once

	Ring bool // sends to many are one call (io_uring), where the kernel lets

	DeflateLeast int // bytes of a message that is compressed for who has agreed to it (RFC 7692); 0: nothing is agreed to
	DeflateMost  int // longer ones are sent as they are, bytes

	AddressSockets int  // connections of one address at once, in the whole house; 0: no limit
	AddressPace    Pace // and how many may begin
}

// Who may make a room by walking in (--transient).
const (
	TransientPrimary       = "primary"
	TransientAuthenticated = "authenticated"
	TransientAnyone        = "anyone"
	TransientNobody        = "nobody"
)

// DefaultSettings are the settings where nobody said otherwise.
func DefaultSettings() Settings {
	return Settings{
		Transient:    TransientPrimary,
		Page:         true,
		PingEvery:    25 * time.Second,
		SilentAfter:  60 * time.Second,
		HeaderTime:   10 * time.Second,
		CloseTime:    5 * time.Second,
		PeerTime:     3 * time.Second,
		EntryTime:    10 * time.Second,
		LobbyTime:    60 * time.Second,
		HeaderBytes:  8 << 10,
		MessageBytes: 1 << 20,
		Fragments:    1024,
		OutboxBytes:  1 << 20,
		Sockets:      1 << 20,
		LogBytes:     16 << 20,
		SlabBytes:    1 << 30,
		FanoutSlice:  256,
		Ring:         true,
		DeflateLeast: 256,
		DeflateMost:  64 << 10,
		PostBytes:    1 << 20,
		SocketRooms:  256,
		CommandRate:  50,

		DriverAddresses: []string{ReachPublic},
		DriverRequests:  1024,
		DriverBytes:     64 << 20,
	}
}
