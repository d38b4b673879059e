// Package sequence is the state machine of one socket, whoever serves it. It
// is pure: a state and an event give the next state and what is to be done.
package sequence

import "github.com/porthouse/porthouse/schema"

// Event is something that happened to a socket.
type Event uint8

// The events.
const (
	Admitted   Event = iota // a room takes it in
	Landed                  // it is anonymous and in no room
	Known                   // it is authenticated and in no room
	Questioned              // a room asks it for a password or a code
	Answered                // its request got an HTTP answer, or was refused
	Heard                   // a whole message came
	Pinged                  // a ping came
	Asked                   // a close frame came
	Violated                // it broke the protocol or a limit: a code says which
	PutOut                  // the house wants it gone: a code says why
	Quiet                   // nothing came for Settings.PingEvery
	Overdue                 // a deadline passed: of the head, the pong, the closing
	Flushed                 // all that it was owed is with the kernel
	Ended                   // the peer's end of stream, or an error
	eventCount
)

// Action is something to be done about it.
type Action uint8

// The actions.
const (
	Enter    Action = iota // seat it in the room, send the 101 or the reply
	Stand                  // note where it stands, send the 101 if it is owed
	Question               // ask it what the room asks
	Obey                   // do the command that it sent
	Publish                // give its message to its room
	Pong                   // answer its ping
	Ping                   // ask whether it lives
	Leave                  // take it out of its rooms, and out of whatever it waits for
	Close                  // send a close frame with the event's code
	Timeout                // answer 408
	Refuse                 // answer 503: the house stops, or cannot answer
	Shut                   // end our side of the stream
	Free                   // forget it
)

type step struct {
	next    schema.State
	actions []Action
}

// steps is what a socket may do next. An event that has no row in a state
// changes nothing there.
var steps = [schema.States][eventCount]*step{
	schema.Handshake: {
		Admitted:   {schema.InRoom, []Action{Enter}},
		Landed:     {schema.Lobby, []Action{Stand}},
		Known:      {schema.Space, []Action{Stand}},
		Questioned: {schema.Entering, []Action{Stand, Question}},
		Answered:   {schema.Closing, []Action{Leave}},
		PutOut:     {schema.Closing, []Action{Leave, Refuse}},
		Overdue:    {schema.Closing, []Action{Leave, Timeout}},
		Ended:      {schema.Free, []Action{Leave, Free}},
	},
	schema.Lobby:    outside(schema.Lobby),
	schema.Entering: outside(schema.Entering),
	schema.Space:    outside(schema.Space),
	schema.InRoom: {
		Heard:      {schema.InRoom, []Action{Publish}},
		Admitted:   {schema.InRoom, []Action{Enter}},
		Questioned: {schema.InRoom, []Action{Question}},
		Landed:     {schema.Lobby, []Action{Stand}},
		Known:      {schema.Space, []Action{Stand}},
		Pinged:     {schema.InRoom, []Action{Pong}},
		Quiet:      {schema.InRoom, []Action{Ping}},
		Asked:      {schema.Closing, []Action{Leave, Close}},
		Violated:   {schema.Closing, []Action{Leave, Close}},
		PutOut:     {schema.Closing, []Action{Leave, Close}},
		Overdue:    {schema.Free, []Action{Leave, Free}},
		Ended:      {schema.Free, []Action{Leave, Free}},
	},
	schema.Closing: {
		Flushed: {schema.Closing, []Action{Shut}},
		Overdue: {schema.Free, []Action{Free}},
		Ended:   {schema.Free, []Action{Free}},
	},
}

// outside is a state in no room: what is heard there is a command.
func outside(state schema.State) [eventCount]*step {
	return [eventCount]*step{
		Heard:      {state, []Action{Obey}},
		Admitted:   {schema.InRoom, []Action{Enter}},
		Landed:     {schema.Lobby, []Action{Stand}},
		Known:      {schema.Space, []Action{Stand}},
		Questioned: {schema.Entering, []Action{Stand, Question}},
		Pinged:     {state, []Action{Pong}},
		Quiet:      {state, []Action{Ping}},
		Asked:      {schema.Closing, []Action{Leave, Close}},
		Violated:   {schema.Closing, []Action{Leave, Close}},
		PutOut:     {schema.Closing, []Action{Leave, Close}},
		Overdue:    {schema.Free, []Action{Leave, Free}},
		Ended:      {schema.Free, []Action{Leave, Free}},
	}
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
