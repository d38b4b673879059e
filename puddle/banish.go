package puddle

import (
	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc/keeper"
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

// What is done with sockets that nobody can take over.

// banish closes the sequence that ended those who served it, and looks at
// nothing that it said.
func (p *Puddle) banish(i uint32) {
	s := &p.table.Sockets[i]
	id := s.ID
	p.lose(i, "who dealt with it ended, again and again: it is closed with 1011")
	p.closeUnserved(i, schema.CloseFault, "a fault of the house")
	p.keeping.gone = append(p.keeping.gone, keeper.Held{Index: i, ID: id})
	p.table.Add(table.Closes+table.Counter(schema.CloseRow(schema.CloseFault)), 1)
	p.table.FreeSocket(i)
}

// closeFetched is all that a process does which takes nothing over: what the table
// says ends whoever goes by it.
func (p *Puddle) closeFetched() error {
	su := &p.succession
	for ended := false; !ended; {
		unix.Poll([]unix.PollFd{{Fd: int32(su.feed.Descriptor()), Events: unix.POLLIN}}, -1)
		if err := su.feed.Hear(p.fetch, p.unfetch, func(int) { ended = true }); err != nil {
			return err
		}
	}
	for i := range su.fetched {
		if su.fetched[i].fd >= 0 {
			p.closeUnserved(uint32(i), schema.CloseNotCarried, "the house lost its memory of you: come back")
		}
	}
	return nil
}

// closeUnserved ends a socket that was fetched, behind a close frame where
// that can be read as one.
func (p *Puddle) closeUnserved(i uint32, code schema.CloseCode, reason string) {
	held := &p.succession.fetched[i]
	var unread [4096]byte
	for n := 1; n > 0; { // what is not read would reset the connection before the frame is heard
		n, _ = receive(held.fd, unread[:])
	}
	if p.betweenFrames(i) {
		var payload, frame [controlMost + frameHeaderMost]byte
		send(held.fd, controlFrame(frame[:], ws.OpClose, closePayload(payload[:], code, reason)))
	}
	p.poll.dropSocket(held.fd)
	unix.Shutdown(int(held.fd), unix.SHUT_WR)
	unix.Close(int(held.fd))
	*held = fetched{fd: -1}
}

// betweenFrames tells whether a socket that was fetched has been sent all of
// its stream. Where the table is not to be trusted the answer is no.
func (p *Puddle) betweenFrames(i uint32) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	s, held := &p.table.Sockets[i], p.succession.fetched[i]
	if s.ID != held.id || s.State == schema.Handshake || s.State == schema.Closing {
		return false
	}
	sent, err := written(held.fd)
	return err == nil && sent == p.table.StreamLength(s)
}
