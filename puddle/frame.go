package puddle

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/porthouse/porthouse/schema"
)

// frameHeaderMost is the longest header of a frame that we send (RFC 6455
// section 5.2; ours have no mask).
const frameHeaderMost = 10

// controlMost is the longest payload of a control frame (section 5.5).
const controlMost = 125

// RSV1 says that a message is compressed (RFC 7692 section 6): in ws.Header, and
// in a frame's first byte.
const (
	rsv1    = 4
	rsv1Bit = 0x40
)

// parseHeader reads the header of a client's frame. size 0: it is not all
// there. fault is a close code if no more bytes can make it right. RSV1 of a
// data frame is judged elsewhere.
func parseHeader(b []byte) (h ws.Header, size int, fault schema.CloseCode) {
	if len(b) < 2 {
		return h, 0, 0
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]>>4&7, ws.OpCode(b[0]&0xf)
	h.Masked = b[1]&0x80 != 0
	short := int64(b[1] & 0x7f)
	control := h.OpCode.IsControl()
	switch {
	case h.Rsv&^rsv1 != 0, h.OpCode.IsReserved(), !h.Masked,
		h.Rsv != 0 && h.OpCode != ws.OpText && h.OpCode != ws.OpBinary, // RFC 7692 section 6: the first frame of a message tells
		control && (!h.Fin || short > controlMost):
		return h, 0, schema.CloseProtocol
	}
	size = 2
	switch short {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if len(b) < size {
		return h, 0, 0
	}
	switch short {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		if h.Length < 126 {
			return h, 0, schema.CloseProtocol // not the shortest form
		}
	case 127:
		length := binary.BigEndian.Uint64(b[2:])
		if length <= 0xffff || length>>63 != 0 {
			return h, 0, schema.CloseProtocol
		}
		h.Length = int64(length)
	default:
		h.Length = short
	}
	if len(b) < size+4 {
		return h, 0, 0
	}
	copy(h.Mask[:], b[size:])
	return h, size + 4, 0
}

// frameSize is how long the frame of a payload is when we send it.
func frameSize(payload int) int {
	switch {
	case payload < 126:
		return payload + 2
	case payload <= 0xffff:
		return payload + 4
	}
	return payload + frameHeaderMost
}

// putHeader writes the header of a whole, unmasked frame and returns what is
// left of b for its payload.
func putHeader(b []byte, op ws.OpCode, payload int) []byte {
	b[0] = 0x80 | byte(op)
	switch {
	case payload < 126:
		b[1] = byte(payload)
		return b[2:]
	case payload <= 0xffff:
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(payload))
		return b[4:]
	}
	b[1] = 127
	binary.BigEndian.PutUint64(b[2:], uint64(payload))
	return b[frameHeaderMost:]
}

// controlFrame is a control frame of ours.
func controlFrame(into []byte, op ws.OpCode, payload []byte) []byte {
	frame := into[:frameSize(len(payload))]
	copy(putHeader(frame, op, len(payload)), payload)
	return frame
}

// closePayload is a close frame's payload: code and reason (section 5.5.1).
func closePayload(into []byte, code schema.CloseCode, reason string) []byte {
	into = binary.BigEndian.AppendUint16(into[:0], uint16(code))
	for most := controlMost - 2; len(reason) > most; {
		for most > 0 && !utf8.RuneStart(reason[most]) {
			most-- // a reason is UTF-8 (section 5.5.1), also where it is cut
		}
		reason = reason[:most]
	}
	return append(into, reason...)
}

// closeOf reads the payload of a client's close frame and gives the code to
// answer with: its own, 1000 if it gave none, or what was wrong with it.
func closeOf(payload []byte) schema.CloseCode {
	switch {
	case len(payload) == 0:
		return schema.CloseDone
	case len(payload) == 1:
		return schema.CloseProtocol
	}
	code := schema.CloseCode(binary.BigEndian.Uint16(payload))
	if !code.MayArrive() {
		return schema.CloseProtocol
	}
	if !validText(payload[2:]) {
		return schema.CloseUTF8
	}
	return code
}

// scan is how far a fragmented message was looked at.
type scan struct {
	looked   int // bytes behind In that are whole frames, checked
	op       ws.OpCode
	size     int // payload so far
	frames   int
	controls int // control frames among them
	deflated bool
	text     partText
}

// message is a whole message as it came: its frames, with control frames
// among them perhaps.
type message struct {
	op     ws.OpCode
	frames []byte
	size   int
	text   bool   // it was found to be UTF-8 as it came
	plain  []byte // its payload, inflated; nil: it is in frames
}

// isText tells whether the payload, unmasked, is UTF-8.
func (m *message) isText(payload []byte) bool { return m.text || validText(payload) }

// copyTo writes the message's payload, unmasked.
func (m *message) copyTo(b []byte) {
	if m.plain != nil {
		copy(b, m.plain)
		return
	}
	for rest := m.frames; len(rest) > 0; {
		h, size, _ := parseHeader(rest)
		end := size + int(h.Length)
		if !h.OpCode.IsControl() {
			copy(b, rest[size:end])
			ws.Cipher(b[:h.Length], h.Mask, 0)
			b = b[h.Length:]
		}
		rest = rest[end:]
	}
}
