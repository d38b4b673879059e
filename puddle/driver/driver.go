// Package driver is what stands behind a room: a member that is no socket. A
// Driver does one request at a time, off the puddle's loop, and may block; a
// Queue stands before it, which is bounded and never blocks.
//
// There are two. The FTP server (ftp*.go) is asked by the room's members and
// answers each of them alone. The webhook (webhook.go) hears what they say to
// each other. A third is a type with Do and Close, a line in New, and its keys
// in schema/driver_key.go.
package driver

import (
	"context"
	"fmt"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// Driver does what members of a room ask of it, from several goroutines at
// once.
type Driver interface {
	// Do does one request. It may block until ctx ends, and then comes back
	// soon.
	Do(ctx context.Context, r *Request) Answer
	// Together is how many requests it may do at once. With 1 they are done
	// in the order in which they were asked.
	Together() int
	// Close lets go of what it holds. Do is not called any more.
	Close()
}

// Request is one message to a driver.
type Request struct {
	Message format.Message // the driver's own from here on
	ID      string         // the same each time that it is tried

	Room   string
	Client string            // who sent it; "" where that is not to be told
	Socket schema.SequenceID // likewise, 0

	Place Place  // of its sequence
	File  string // the name of the file that the message is, where the sender said one
	Most  int    // bytes of an answer
}

// Place is where a sequence stands with an FTP server: what it said last, and
// what its next messages go on from.
type Place struct {
	Folder string // "": the root
	Name   string // of the file that the next bytes are; "": none was said
}

// Answer is what a driver says to who asked: Refused, bytes, or one JSON
// object.
type Answer struct {
	Refused *schema.Refusal
	Bytes   []byte // nil: none
	JSON    []byte
	Place   Place // of the sequence from here on

	held   int // of budget, until Release
	budget *Budget
}

// Release says that nobody has need of Bytes any more.
func (a *Answer) Release() {
	if a.budget != nil {
		a.budget.give(a.held)
		a.budget, a.Bytes = nil, nil
	}
}

func refuse(code schema.ErrorCode, why string, args ...any) Answer {
	return Answer{Refused: &schema.Refusal{Code: code, Message: fmt.Sprintf(why, args...)}}
}

// New makes the driver that a room's rule says. What it may hold of answers
// is taken from budget; it connects nowhere yet.
func New(rule *schema.Driver, reach schema.Reach, budget *Budget) Driver {
	switch rule.Kind {
	case schema.DriverFTP:
		return openFTP(rule, reach, budget)
	case schema.DriverWebhook:
		return openWebhook(rule, reach)
	}
	return nil // schema knows no other
}
