package schema

import "encoding/json"

// ErrorCode is the word that a refusal begins with, in HTTP bodies and in
// replies to commands (wire.md, "Failures").
type ErrorCode string

// The error codes.
const (
	Malformed    ErrorCode = "malformed"
	Unknown      ErrorCode = "unknown"
	Unauthorized ErrorCode = "unauthorized"
	Denied       ErrorCode = "denied"
	NotFound     ErrorCode = "not-found"
	Exists       ErrorCode = "exists"
	Full         ErrorCode = "full"
	TooLarge     ErrorCode = "too-large"
	Format       ErrorCode = "format"
	Rate         ErrorCode = "rate"
	Unavailable  ErrorCode = "unavailable"
)

// Refusal is an error that a client, an owner or an operator reads: what was
// wrong, and in Message what to do about it.
type Refusal struct {
	Code    ErrorCode `json:"error"`
	Message string    `json:"message"`
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// JSON is the refusal as the body of an HTTP answer, with a newline.
func (r *Refusal) JSON() []byte {
	body, err := json.Marshal(r)
	if err != nil { // two strings always marshal
		return []byte(`{"error":"unavailable","message":"unprintable"}` + "\n")
	}
	return append(body, '\n')
}
