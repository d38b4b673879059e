// Package sequence is the state machine of one socket, whoever serves it. It
// is pure: a state and an event give the next state and what is to be done.
package sequence

import "github.com/porthouse/porthouse/schema"

// Event is something that happened to a socket.
type Event uint8

// The events.
const (
	Admitted  Event = iota // its request is right and its room is open
	Announced              // its request is right, its room must be announced to the peers first
	Answered               // its request got an HTTP answer, or was refused
	Heard                  // a whole message came
	Pinged                 // a ping came
	Asked                  // a close frame came
	Violated               // it broke the protocol or a limit: a code says which
	PutOut                 // the house wants it gone: a code says why
	Quiet                  // nothing came for Settings.PingEvery
	Overdue                // a deadline passed: of the head, the entry, the pong, the closing
	Flushed                // all that it was owed is with the kernel
	Ended                  // the peer's end of stream, or an error
	eventCount
)

// Action is something to be done about it.
type Action uint8

// The actions.
const (
	Enter   Action = iota // seat it in its room, send the 101
	Publish               // give its message to its room
	Pong                  // answer its ping
	Ping                  // ask whether it lives
	Leave                 // take it out of its room, or out of those who wait for one
	Close                 // send a close frame with the event's code
	Timeout               // answer 408
	Refuse                // answer 503: the house stops, or the room cannot be opened
	Shut                  // end our side of the stream
	Free                  // forget it
)

type step struct {
	next    schema.State
	actions []Action
}

// steps is what a socket may do next. An event that has no row in a state
// changes nothing there.
var steps = [schema.States][eventCount]*step{
	schema.Handshake: {
		Admitted:  {schema.InRoom, []Action{Enter}},
		Announced: {schema.Entering, nil},
		Answered:  {schema.Closing, nil},
		PutOut:    {schema.Closing, []Action{Refuse}},
		Overdue:   {schema.Closing, []Action{Timeout}},
		Ended:     {schema.Free, []Action{Free}},
	},
	schema.Entering: {
		Admitted: {schema.InRoom, []Action{Enter}},
		PutOut:   {schema.Closing, []Action{Leave, Refuse}},
		Overdue:  {schema.Closing, []Action{Leave, Refuse}},
		Ended:    {schema.Free, []Action{Leave, Free}},
	},
	schema.InRoom: {
		Heard:    {schema.InRoom, []Action{Publish}},
		Pinged:   {schema.InRoom, []Action{Pong}},
		Quiet:    {schema.InRoom, []Action{Ping}},
		Asked:    {schema.Closing, []Action{Leave, Close}},
		Violated: {schema.Closing, []Action{Leave, Close}},
		PutOut:   {schema.Closing, []Action{Leave, Close}},
		Overdue:  {schema.Free, []Action{Leave, Free}},
		Ended:    {schema.Free, []Action{Leave, Free}},
	},
	schema.Closing: {
		Flushed: {schema.Closing, []Action{Shut}},
		Overdue: {schema.Free, []Action{Free}},
		Ended:   {schema.Free, []Action{Free}},
	},
}

// Step is what follows from an event. The actions are shared: read only.
func Step(state schema.State, event Event) (next schema.State, actions []Action) {
	if state < schema.States && event < eventCount {
		if s := steps[state][event]; s != nil {
			return s.next, s.actions
		}
	}
	return state, nil
}
