package puddle

import (
	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/puddle/room"
	"github.com/porthouse/porthouse/schema/format"
)

// laid is a message as each protocol's frame, made once for all receivers.
type laid struct {
	message format.Message
	head    format.Head
	frames  [room.Lanes][]byte // empty: not made
	bodies  [room.Lanes][]byte // memory
	deflate *deflater
}

// lay begins a message; its frames are made when they are asked for.
func (p *Puddle) lay(m *format.Message, head format.Head) *laid {
	l := &p.laid
	l.message, l.head, l.deflate = *m, head, &p.deflate
	for lane := range l.frames {
		l.frames[lane] = l.frames[lane][:0]
	}
	return l
}

// inLane is the message as those in a lane hear it; shared tells whether that is
// the frame of the plain lane. It holds until the next lay.
func (l *laid) inLane(lane uint8) (frame []byte, shared bool) {
	plain := l.frame(format.Protocol(lane % room.Protocols))
	if lane < room.Protocols {
		return plain, false
	}
	if len(l.frames[lane]) > 0 {
		return l.frames[lane], false
	}
	body := frameBody(plain)
	if !l.deflate.worth(len(body)) {
		return plain, true
	}
	short := l.deflate.compress(body)
	if short == nil {
		return plain, true
	}
	l.frames[lane] = frameOf(l.frames[lane], ws.OpCode(plain[0]&0xf), short)
	l.frames[lane][0] |= rsv1Bit
	return l.frames[lane], false
}

// frame is the message as a protocol's frame; it holds until the next lay.
func (l *laid) frame(speaks format.Protocol) []byte {
	if len(l.frames[speaks]) > 0 {
		return l.frames[speaks]
	}
	body := l.message.Data
	if speaks != format.Raw {
		l.bodies[speaks] = format.AppendMessage(l.bodies[speaks][:0], speaks, &l.head, &l.message)
		body = l.bodies[speaks]
	}
	l.frames[speaks] = frameOf(l.frames[speaks], opcodeOf(speaks, l.message.Kind), body)
	return l.frames[speaks]
}

// frameOf writes a frame, into memory that it may use if that is large enough.
func frameOf(frame []byte, op ws.OpCode, body []byte) []byte {
	if size := frameSize(len(body)); cap(frame) < size {
		frame = make([]byte, size, 2*size)
	} else {
		frame = frame[:size]
	}
	copy(putHeader(frame, op, len(body)), body)
	return frame
}

func opcodeOf(speaks format.Protocol, kind format.Kind) ws.OpCode {
	if speaks.Binary(kind) {
		return ws.OpBinary
	}
	return ws.OpText
}

// frameBody is what one of our own frames carries.
func frameBody(frame []byte) []byte {
	switch {
	case len(frame) < 2:
		return nil
	case frame[1] == 126:
		return frame[min(4, len(frame)):]
	case frame[1] == 127:
		return frame[min(frameHeaderMost, len(frame)):]
	}
	return frame[2:]
}
