package keeper

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// hearMaster does what the supervisor says.
func (k *keeper) hearMaster() {
	for k.master >= 0 && !k.dismissed {
		err := k.in.receive(k.master)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			k.complain("the supervisor's link ended", err)
			k.letGo(k.master)
			k.master = -1
			return
		}
		if len(k.in.body) >= 4 {
			number := binary.LittleEndian.Uint32(k.in.body)
			k.in.body = k.in.body[4:]
			k.obey(number)
		}
		k.in.close()
	}
}

// obey does one thing for the supervisor and answers.
func (k *keeper) obey(number uint32) {
	body := k.in.body
	pid := uint64(0)
	if len(body) >= 8 {
		pid = binary.LittleEndian.Uint64(body)
	}
	var err error
	var fd int
	switch k.in.what {
	case opHold:
		err = k.holdThings(body)
	case opServe:
		if fd, err = k.in.take(); err == nil {
			k.dropAll()
			k.serve(fd, pid)
		}
	case opPromote:
		if fd, err = k.in.take(); err == nil {
			k.endFeed()
			k.serve(fd, pid)
		}
	case opFeed:
		if fd, err = k.in.take(); err == nil {
			k.beginFeed(fd)
		}
	case opStopFeed:
		k.endFeed()
		if k.serving.linked() {
			k.hearPuddle(k.serving) // an End may wait there
		}
		if k.serving != nil {
			k.serving.said = false
		}
	case opPassSupervisor:
		err = k.passSupervisor()
	case opInventory:
		k.answerInventory(number)
		return
	case opSockets:
		k.answer(opDone, number, binary.LittleEndian.AppendUint64(nil, uint64(k.count)))
		return
	case opDismiss:
		k.dismissed = true
	default:
		err = errors.New("no such request")
	}
	if err != nil {
		k.answer(opRefused, number, []byte(err.Error()))
		return
	}
	k.answer(opDone, number, nil)
}

func (k *keeper) answer(what op, number uint32, body []byte, fds ...int32) {
	k.out.begin(what)
	k.out.body = append(binary.LittleEndian.AppendUint32(k.out.body, number), body...)
	for _, fd := range fds {
		k.out.descriptor(fd)
	}
	if err := k.out.send(k.master); err != nil {
		k.complain("the supervisor does not take an answer", err)
	}
}

// holdThings keeps what every successor and supervisor needs beside sockets.
func (k *keeper) holdThings(body []byte) error {
	if len(body) < 16 || k.in.lost {
		return errors.New("descriptors are missing, or who holds")
	}
	closeAll(k.held)
	k.slot, k.generation = binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:])
	k.executable = string(body[16:])
	k.held = append(k.held[:0], k.in.fds...)
	k.in.fds = k.in.fds[:0]
	return nil
}

func (k *keeper) answerInventory(number uint32) {
	i := Inventory{Slot: int(k.slot), Generation: k.generation, KeeperPid: unix.Getpid(), Executable: k.executable}
	if k.serving.linked() {
		k.hearPuddle(k.serving) // it may have gone this moment
	}
	if k.serving != nil {
		i.PuddlePid, i.PuddleLinked = int(k.serving.pid), k.serving.linked()
	}
	i.Sockets = k.count
	k.answer(opDone, number, i.append(nil), k.held...)
}

// passSupervisor gives the puddle a link to its new supervisor.
func (k *keeper) passSupervisor() error {
	fd, err := k.in.take()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !k.serving.linked() {
		return errors.New("no puddle is there")
	}
	k.out.begin(opWord)
	k.out.body = append(k.out.body, byte(NewSupervisor))
	k.out.descriptor(int32(fd))
	return k.out.send(k.serving.fd)
}
