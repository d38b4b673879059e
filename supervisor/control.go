package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

const (
	askersMost = 64               // connections at once; more wait
	askTime    = 5 * time.Second  // to say what one wants
	answerTime = 10 * time.Second // to take a word of the answer
	closeTime  = 3 * time.Second  // for a puddle to find a sequence
	doTime     = 30 * time.Second // for an operation or a message to be done
	batchMost  = 1000             // sequences in a word
)

// operator is who the control socket lets in.
var operator = schema.Identity{Admin: true}

// control answers the command line, and what the admin API asks for.
type control struct {
	house    *supervisor
	listener *net.UnixListener
	places   chan struct{}

	mu      sync.Mutex
	waiting []*ipc.Conn // for the house's end
}

func openControl(s *supervisor) (*control, error) {
	listener, err := ipc.ListenControl(s.folder.path)
	if err != nil {
		return nil, err
	}
	c := &control{house: s, listener: listener, places: make(chan struct{}, askersMost)}
	if s.admin != nil {
		a := newAPI(apiFace{c}, s.log)
		a.sessions = s.console
		a.serveOn(s.admin.mux)
		s.console.ServeOn(s.admin.mux, consoleFace{c}, s.log)
	}
	go c.serve()
	return c, nil
}

func (c *control) serve() {
	for {
		c.places <- struct{}{}
		socket, err := c.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			<-c.places
			c.house.log.Warn("control socket", "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go func() {
			defer func() { <-c.places }()
			c.answer(socket)
		}()
	}
}

// stopListening takes no more asks.
func (c *control) stopListening() error {
	return errors.Join(c.listener.Close(), ipc.RemoveControl(c.house.folder.path))
}

// letGo ends the connections of those who wait for the house's end.
func (c *control) letGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.waiting {
		conn.Close()
	}
	c.waiting = nil
}

// answer serves one connection: one ask, its answers, the end.
func (c *control) answer(socket *net.UnixConn) {
	conn := ipc.NewConn(socket)
	if err := c.admit(socket); err != nil {
		c.house.log.Warn("control socket: refused", "error", err)
		c.tell(conn, ipc.Answer{Refused: &schema.Refusal{Code: schema.Denied, Message: err.Error()}})
		conn.Close()
		return
	}
	socket.SetReadDeadline(time.Now().Add(askTime))
	var ask ipc.Ask
	descriptors, err := conn.Receive(&ask)
	closeDescriptors(descriptors)
	if err != nil {
		conn.Close()
		return
	}
	if ask.Stop != nil {
		c.stop(conn, *ask.Stop) // and keeps conn
		return
	}
	defer conn.Close()
	switch {
	case ask.Status != nil:
		c.status(conn)
	case ask.Sequences != nil:
		c.sequences(conn, *ask.Sequences)
	case ask.Close != nil:
		if ask.Close.Client != "" {
			ask.Close.Sequences = append(ask.Close.Sequences, c.house.registry.of(ask.Close.Client)...)
		}
		c.closeSequences(conn, *ask.Close)
	case ask.Do != nil:
		c.tell(conn, c.do(ask.Do.Operation))
	case ask.Send != nil:
		c.tell(conn, c.send(ask.Send.Hit))
	case ask.Pass != nil:
		c.tell(conn, c.pass())
	case ask.Console != nil:
		c.tell(conn, c.invite())
	case ask.Scale != nil:
		c.tell(conn, c.scaleTo(ask.Scale.Puddles))
	case ask.Move != nil:
		c.tell(conn, c.move(*ask.Move))
	case ask.Reload != nil:
		c.reload(conn, *ask.Reload)
	case ask.Backup != nil:
		c.tell(conn, c.backup(ask.Backup.File))
	default:
		c.tell(conn, ipc.Answer{Refused: &schema.Refusal{
			Code: schema.Unknown, Message: "the house that is up does not know this command: it is another version, see porthouse status",
		}})
	}
}

// admit lets root in and who runs the house.
func (c *control) admit(socket *net.UnixConn) error {
	peer, err := ipc.PeerOf(socket)
	if err != nil {
		return err
	}
	if own := uint32(os.Geteuid()); peer.Uid != 0 && peer.Uid != own {
		return fmt.Errorf("user %d may not command this house: only user %d and root", peer.Uid, own)
	}
	return nil
}

func (c *control) tell(conn *ipc.Conn, answer ipc.Answer) error {
	conn.Unix().SetWriteDeadline(time.Now().Add(answerTime))
	return conn.Send(answer)
}

func (c *control) stop(conn *ipc.Conn, ask ipc.AskStop) {
	drain := c.house.config.Drain // never changes
	if ask.Drain != nil {
		drain = max(0, *ask.Drain)
	}
	if err := c.tell(conn, ipc.Answer{Stopping: &ipc.Stopping{PID: os.Getpid(), Drain: drain}}); err != nil {
		conn.Close()
		return // who does not hear does not ask
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, conn)
	c.mu.Unlock()
	over := !c.house.inSelect(func() {
		c.house.log.Info("the house stops", "asked", "porthouse stop", "drain", drain.String())
		c.house.stop(drain)
	})
	if over {
		c.letGo()
	}
}

func (c *control) status(conn *ipc.Conn) {
	var status ipc.Status
	if c.house.inSelect(func() { status = c.house.status() }) {
		c.tell(conn, ipc.Answer{Status: &status})
	}
}

// status is called in the select.
func (s *supervisor) status() ipc.Status {
	front := s.front()
	status := ipc.Status{
		Puddles: make([]ipc.PuddleStatus, 0, len(s.slots)),
		Rooms:   len(s.rooms), State: phaseNames[s.phase],
		Listen: front.Listen, Admin: front.Admin, Data: front.Data,
		PID: os.Getpid(), Version: s.config.Version,
		Uptime: time.Since(s.begun).Seconds(), RegistryLag: s.registry.lag().Seconds(),
	}
	for _, slot := range s.slots {
		p := slot.status()
		status.Puddles = append(status.Puddles, p)
		status.Sequences += p.Sequences
		status.Handshakes += p.Handshakes
		status.Received += p.Received
		status.Deliveries += p.Deliveries
		status.OutboxBytes += p.OutboxBytes
	}
	return status
}

func (slot *slot) status() ipc.PuddleStatus {
	t := slot.table
	p := ipc.PuddleStatus{
		Slot: slot.number, Generation: t.Generation(), State: slot.state.String(),
		Since:       time.Since(slot.since).Seconds(),
		Handshakes:  t.Count(table.StateGauge + table.Counter(schema.Handshake)),
		Rooms:       t.Count(table.RoomsHere),
		Received:    t.Count(table.Received),
		Deliveries:  t.Count(table.Deliveries),
		OutboxBytes: t.Count(table.OutboxBytes),
	}
	for state := schema.Handshake + 1; state < schema.States; state++ {
		p.Sequences += t.Count(table.StateGauge + table.Counter(state))
	}
	if slot.process != nil {
		p.PID = slot.process.pid
	}
	return p
}

// sequences lists what the tables have; of whom and where, the registry tells.
func (c *control) sequences(conn *ipc.Conn, ask ipc.AskSequences) {
	for batch := range slices.Chunk(c.house.listed(ask), batchMost) {
		if c.tell(conn, ipc.Answer{Sequences: batch}) != nil {
			return
		}
	}
	c.tell(conn, ipc.Answer{Done: true})
}

// do has an operation done as the operator.
func (c *control) do(op schema.Operation) ipc.Answer {
	ctx, cancel := context.WithTimeout(c.house.life, doTime)
	defer cancel()
	op.By = operator
	result, refusal, err := c.house.do(ctx, op)
	if err == nil && refusal == nil {
		var text []byte
		if text, err = json.Marshal(result); err == nil {
			return ipc.Answer{JSON: text}
		}
	}
	if err != nil {
		c.house.log.Error("control socket: an operation failed", "noun", op.Noun, "verb", op.Verb, "error", err)
		refusal = &schema.Refusal{Code: schema.Unavailable, Message: fmt.Sprintf("%s %s failed: %v", op.Noun, op.Verb, err)}
	}
	return ipc.Answer{Refused: refusal}
}

// send has a message sent as the operator.
func (c *control) send(hit ipc.Hit) ipc.Answer {
	ctx, cancel := context.WithTimeout(c.house.life, doTime)
	defer cancel()
	hit.Identity = operator
	status, text := c.house.send(ctx, hit)
	if status == http.StatusOK {
		return ipc.Answer{JSON: text}
	}
	refusal := new(schema.Refusal)
	if json.Unmarshal(text, refusal) != nil || refusal.Code == "" {
		refusal = &schema.Refusal{Code: schema.Unavailable, Message: fmt.Sprintf("the message was answered with status %d", status)}
	}
	return ipc.Answer{Refused: refusal}
}

// pass lets the command line in at the shared port.
func (c *control) pass() ipc.Answer {
	pass := ipc.Pass{Token: c.house.pass(), Primary: c.house.config.Primary}
	for _, d := range c.house.doors { // which never change
		pass.Listen = append(pass.Listen, d.address.String())
	}
	return ipc.Answer{Pass: &pass}
}

// backup copies the database, which goes on being written.
func (c *control) backup(file string) ipc.Answer {
	err := c.house.store.Backup(c.house.life, file)
	if err == nil {
		return ipc.Answer{Done: true}
	}
	code := schema.Unavailable
	if errors.Is(err, fs.ErrExist) {
		code = schema.Exists
	}
	return ipc.Answer{Refused: &schema.Refusal{Code: code, Message: err.Error()}}
}
