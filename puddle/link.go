package puddle

import (
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"github.com/porthouse/porthouse/ipc"
)

// The link to the supervisor: its words are heard in the loop, and answered
// from it.

// onSupervisor hears the supervisor's words, and sends it what waited.
func (p *Puddle) onSupervisor() {
	err := p.supervisor.Flush()
	if err == nil {
		err = p.supervisor.Hear(p.onWord)
	}
	if err != nil && !p.orphaned {
		p.orphan(err)
	}
	p.watchSupervisor()
	if !p.frozen {
		p.endTick()
	}
}

func closeAll(descriptors []int) {
	for _, fd := range descriptors {
		unix.Close(fd)
	}
}

// orphan goes on without a supervisor: another finds this puddle by its keeper.
func (p *Puddle) orphan(err error) {
	p.orphaned = true
	p.poll.forget(p.supervisor.Descriptor())
	switch {
	case p.stopping:
	case p.keeping.link == nil || !p.serving:
		p.log.Warn("the supervisor is gone: closing", "error", err)
		p.stop(orphanTime)
	default:
		p.log.Warn("the supervisor is gone: serving on until another comes", "error", err)
	}
}

// orphanTime is how long sockets have to end when the supervisor is gone.
const orphanTime = 2 * time.Second

// watchSupervisor asks for the moment when the supervisor takes more, if
// something waits for it.
func (p *Puddle) watchSupervisor() {
	if waits := p.supervisor.Waiting(); waits != p.flushing && !p.orphaned {
		p.flushing = waits
		events := netpoll.EpollEvent(readable)
		if waits {
			events |= writable
		}
		p.poll.change(p.supervisor.Descriptor(), events)
	}
}

// say tells the supervisor something; it never waits.
func (p *Puddle) say(word ipc.FromPuddle, descriptors ...int) {
	if p.orphaned {
		for _, fd := range descriptors {
			unix.Close(fd)
		}
		return
	}
	if err := p.supervisor.Say(word, descriptors...); err != nil {
		p.log.Debug("word to the supervisor lost", "error", err)
	}
	p.watchSupervisor()
}

// onWord does what the supervisor says.
func (p *Puddle) onWord(word ipc.ToPuddle, descriptors []int) {
	if p.succession.feed != nil && word.House == nil {
		p.succession.words = append(p.succession.words, heardWord{word, descriptors})
		return // until the table is ours
	}
	if p.frozen && word.HitDone == nil && word.Release == nil && word.Stop == nil {
		closeAll(descriptors)
		return // its successor hears it
	}
	if (p.standsStill() || len(p.delayed.words) > 0) && word.Move == nil && word.MoveOff == nil && word.Moving == nil && word.Peer == nil && word.PeerGone == nil && word.Keeper == nil && word.Stop == nil {
		p.delayed.words = append(p.delayed.words, heardWord{word, descriptors})
		return
	}
	switch {
	case word.Peer != nil && len(descriptors) == 1:
		p.meet(word.Peer.Slot, descriptors[0])
	case word.PeerGone != nil:
		p.part(word.PeerGone.Slot)
	case word.Serve != nil:
		p.serveBy = p.now + seconds(p.settings.PeerTime)
		p.serve()
	case word.Reply != nil:
		p.onReply(word.Reply)
		for n := range word.Replies {
			p.onReply(&word.Replies[n])
		}
	case word.House != nil:
		p.onHouse(word.House)
	case word.Room != nil:
		p.onRoom(word.Room)
	case word.RoomGone != nil:
		p.onRoomGone(word.RoomGone)
	case word.PutOut != nil:
		p.onPutOut(word.PutOut)
	case word.Client != nil:
		p.onClient(&word.Client.Identity)
	case word.Revoked != nil:
		p.onRevoked(word.Revoked)
	case word.Carried != nil && len(descriptors) == 1:
		p.onCarried(word.Carried, descriptors[0])
	case word.Hit != nil:
		p.onAPIHit(word.Hit)
	case word.HitDone != nil:
		p.onPassedDone(word.HitDone)
	case word.Expect != nil:
		p.onExpect(word.Expect)
	case word.Move != nil:
		p.onMove(word.Move)
	case word.MoveOff != nil:
		if p.move != nil && p.move.number == word.MoveOff.Number {
			p.refuseMove("it has failed elsewhere")
		}
	case word.Moving != nil:
		p.onMoving(word.Moving, descriptors)
	case word.Keeper != nil && len(descriptors) == 1:
		p.onNewKeeper(descriptors[0])
	case word.Freeze != nil:
		p.freeze()
	case word.Release != nil:
		p.release(time.Duration(word.Release.Drain))
	case word.Close != nil:
		p.say(ipc.FromPuddle{Closed: &ipc.Closed{Sequence: word.Close.Sequence, Found: p.putOut(word.Close)}})
	case word.Stop != nil:
		p.stop(time.Duration(word.Stop.Drain))
	}
}
