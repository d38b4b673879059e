package room

import "github.com/porthouse/porthouse/schema"

// Reason is why a verdict is what it is.
type Reason uint8

// The reasons.
const (
	Granted Reason = iota
	Ask            // not yet: the asker is to prove Verdict.Asks
	ForeignOrigin
	OutOfScope
	Denied
	Unauthenticated
	NotListed
	Hidden
	WrongSecret
	SecretMissing
	RoomFull
	ReadOnly
	MembersOnly
	OwnerOnly
	reasons
)

// Verdict is what the rules say to an asker.
type Verdict struct {
	Why  Reason
	Asks Asks // of Ask, WrongSecret and SecretMissing: what is not proved
}

// verdicts is how each reason is told (wire.md, "Refusals", "Close codes").
var verdicts = [reasons]struct {
	code    schema.ErrorCode
	message string
}{
	Granted:         {"", ""},
	Ask:             {schema.Unauthorized, "the room asks for more: ENTER password [otp]"},
	ForeignOrigin:   {schema.Denied, "pages of this origin are not let in: its owner may add the host to the rule origins"},
	OutOfScope:      {schema.Denied, "the token's rooms do not cover this: use another token"},
	Denied:          {schema.Denied, "not admitted: ask the room's owner"},
	Unauthenticated: {schema.Unauthorized, "this takes a client: bring a token, or AUTH first"},
	NotListed:       {schema.Denied, "not admitted: the room's owner may add this client to the rule allow"},
	Hidden:          {schema.NotFound, "no such room"},
	WrongSecret:     {schema.Unauthorized, "wrong password or code"},
	SecretMissing:   {schema.Unauthorized, "the room asks for a password or a code: give password and otp along"},
	RoomFull:        {schema.Full, "the room is full: come again later"},
	ReadOnly:        {schema.Denied, "nobody may send in this room"},
	MembersOnly:     {schema.Denied, "only members may: JOIN the room first"},
	OwnerOnly:       {schema.Denied, "only the room's owner may"},
}

// statuses is what the codes of verdicts are on HTTP and on a socket.
var statuses = map[schema.ErrorCode]struct {
	http  int
	close schema.CloseCode
}{
	schema.Unauthorized: {401, schema.CloseUnknown},
	schema.Denied:       {403, schema.CloseDenied},
	schema.NotFound:     {404, schema.CloseNoRoom},
	schema.Full:         {503, schema.CloseRoomFull},
}

// Granted tells whether the asker may.
func (v Verdict) Granted() bool { return v.Why == Granted }

// Code is the refusal's, "" of what is granted.
func (v Verdict) Code() schema.ErrorCode { return verdicts[v.Why].code }

// Refusal is the verdict for its reader, nil if it is granted.
func (v Verdict) Refusal() *schema.Refusal {
	if v.Granted() {
		return nil
	}
	return &schema.Refusal{Code: verdicts[v.Why].code, Message: verdicts[v.Why].message}
}

// Status is the HTTP status before an upgrade and of a single hit, 200 if it
// is granted.
func (v Verdict) Status() int {
	if v.Granted() {
		return 200
	}
	return statuses[v.Code()].http
}

// Close is the code that a socket hears where it could not see the status;
// of a granted one CloseDone.
func (v Verdict) Close() schema.CloseCode {
	if v.Granted() {
		return schema.CloseDone
	}
	return statuses[v.Code()].close
}
