package schema

// CloseCode is a WebSocket close code (RFC 6455 section 7.4). The 4000s are
// the house's own; wire.md lists what each means and when to reconnect.
type CloseCode uint16

// Close codes that the house sends.
const (
	CloseDone        CloseCode = 1000 // done
	CloseHouseStops  CloseCode = 1001 // the house stops; reconnect
	CloseProtocol    CloseCode = 1002 // a frame that RFC 6455 forbids
	CloseType        CloseCode = 1003 // a kind of message not taken here
	CloseUTF8        CloseCode = 1007 // text that is not UTF-8
	ClosePolicy      CloseCode = 1008 // policy
	CloseTooLarge    CloseCode = 1009 // larger than the room takes
	CloseFault       CloseCode = 1011 // a fault of the house
	CloseNotCarried  CloseCode = 1012 // not carried over a restart; reconnect
	CloseLater       CloseCode = 1013 // house full; reconnect later
	CloseMalformed   CloseCode = 4400 // malformed
	CloseUnknown     CloseCode = 4401 // not authenticated
	CloseDenied      CloseCode = 4403 // not admitted
	CloseNoRoom      CloseCode = 4404 // no such room
	CloseEntryTime   CloseCode = 4408 // entry took too long
	ClosePutOut      CloseCode = 4409 // put out by its client or an admin
	CloseGone        CloseCode = 4410 // the room is gone
	CloseRoomFull    CloseCode = 4413 // room full
	CloseRate        CloseCode = 4429 // over rate
	CloseTooSlow     CloseCode = 4503 // too slow to hear: its outbox was full
	closeNoStatus    CloseCode = 1005 // never on the wire
	closeAbnormal    CloseCode = 1006 // never on the wire
	closeTLS         CloseCode = 1015 // never on the wire
	closeRegistered  CloseCode = 3000 // 3000 to 3999: libraries
	closePrivateLast CloseCode = 4999
)

// CloseAbnormal is how a socket that ended without a close frame is counted.
const CloseAbnormal = closeAbnormal

// CountedCloses are the codes that porthouse_closes_total has a row for, in
// the order of their counters; any other code counts in the last row, 0.
var CountedCloses = [...]CloseCode{
	CloseDone, CloseHouseStops, CloseProtocol, CloseType, closeNoStatus,
	closeAbnormal, CloseUTF8, ClosePolicy, CloseTooLarge, CloseFault,
	CloseNotCarried, CloseLater, CloseMalformed, CloseUnknown, CloseDenied,
	CloseNoRoom, CloseEntryTime, ClosePutOut, CloseGone, CloseRoomFull,
	CloseRate, CloseTooSlow, 0,
}

// CloseRow is the place of a code in CountedCloses.
func CloseRow(code CloseCode) int {
	for row, counted := range CountedCloses {
		if counted == code {
			return row
		}
	}
	return len(CountedCloses) - 1
}

// MayArrive tells whether a peer may put the code into a close frame
// (RFC 6455 section 7.4.2 and the IANA registry).
func (c CloseCode) MayArrive() bool {
	switch {
	case c == closeNoStatus, c == closeAbnormal, c == closeTLS, c == 1004:
		return false
	case c >= 1000 && c <= 1014:
		return true
	case c >= closeRegistered && c <= closePrivateLast:
		return true
	}
	return false
}
