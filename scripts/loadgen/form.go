package main

import (
	"bytes"
	"encoding/hex"
)

// What a socket may speak.
const (
	speakRaw     = "raw"
	speakJSON    = "json"
	speakMsgpack = "msgpack"
)

// protocolPrefix stands before it in Sec-WebSocket-Protocol.
const protocolPrefix = "porthouse.v1."

// valueLeast is the shortest message that is a JSON value, in bytes: an
// object with the stamp in hexadecimal digits.
const valueLeast = len(valueOpen) + 2*bodyLeast + len(valueFill) + len(valueEnd)

const (
	valueOpen = `{"s":"`
	valueFill = `","f":"`
	valueEnd  = `"}`
)

// A form is how messages stand in the frames of one kind of socket: a stamp,
// between bytes that are the same in all.
type form struct {
	opcode        byte
	before, after []byte
	digits        bool // the stamp is written in hexadecimal digits
}

// bodyForm is that of raw sockets whose messages are size bytes.
func bodyForm(size int) form {
	return form{opcode: opBinary, after: filler(size - bodyLeast)}
}

// valueForm is that of raw sockets whose messages are JSON values of size
// bytes.
func valueForm(size int) form {
	return form{
		opcode: opText,
		before: []byte(valueOpen),
		after:  []byte(valueFill + string(filler(size-valueLeast)) + valueEnd),
		digits: true,
	}
}

// jsonForm is the same value in a JSON envelope of its room.
func jsonForm(room string, size int) form {
	f := valueForm(size)
	f.before = append([]byte(`{"room":"`+room+`","data":`), f.before...)
	f.after = append(f.after, '}')
	return f
}

// msgpackForm is the same value in a msgpack envelope of its room.
func msgpackForm(room string, size int) form {
	f := form{opcode: opBinary, digits: true}
	f.before = append(f.before, 0x82)
	f.before = appendPacked(f.before, "room", room, "data")
	f.before = append(f.before, 0x82)
	f.before = appendPacked(f.before, "s")
	f.before = append(f.before, 0xd9, 2*bodyLeast) // str 8
	f.after = appendPacked(nil, "f", string(filler(size-valueLeast)))
	return f
}

// appendPacked appends strings as msgpack has them.
func appendPacked(dst []byte, texts ...string) []byte {
	for _, text := range texts {
		switch n := len(text); {
		case n < 32:
			dst = append(dst, 0xa0|byte(n))
		case n < 1<<8:
			dst = append(dst, 0xd9, byte(n))
		case n < 1<<16:
			dst = append(dst, 0xda, byte(n>>8), byte(n))
		default:
			dst = append(dst, 0xdb, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		}
		dst = append(dst, text...)
	}
	return dst
}

// filler is what fills a message up to its size.
func filler(size int) []byte {
	return bytes.Repeat([]byte("porthouse"), size/9+1)[:size]
}

// stampLength is how long the stamp is in the form, in bytes.
func (f *form) stampLength() int {
	if f.digits {
		return 2 * bodyLeast
	}
	return bodyLeast
}

// blank is a body whose stamp is still to be written.
func (f *form) blank() []byte {
	body := append([]byte(nil), f.before...)
	body = append(body, make([]byte, f.stampLength())...)
	return append(body, f.after...)
}

// write writes m's stamp over the one that at begins with.
func (f *form) write(at []byte, m message, tag uint32) {
	if !f.digits {
		m.stamp(at, tag)
		return
	}
	var stamp [bodyLeast]byte
	m.stamp(stamp[:], tag)
	hex.Encode(at, stamp[:])
}

// read reads a body; ok is false when it is not byte for byte one of the
// run's.
func (f *form) read(body []byte, tag uint32) (m message, ok bool) {
	if len(body) != len(f.before)+f.stampLength()+len(f.after) {
		return m, false
	}
	end := len(body) - len(f.after)
	if !bytes.Equal(body[:len(f.before)], f.before) || !bytes.Equal(body[end:], f.after) {
		return m, false
	}
	stamp := body[len(f.before):end]
	if !f.digits {
		return readStamp(stamp, tag)
	}
	var plain [bodyLeast]byte
	if _, err := hex.Decode(plain[:], stamp); err != nil {
		return m, false
	}
	return readStamp(plain[:], tag)
}

// forms are those of the plan's sockets: by what they speak, and where that
// names the room, by room.
func (p *plan) forms() [][]form {
	var all [][]form
	for _, speaks := range p.Speak {
		var forms []form
		switch {
		case dialects[speaks] != nil:
			forms = p.roomForms(dialects[speaks].hears)
		case speaks == speakRaw && p.Value:
			forms = []form{valueForm(p.Size)}
		case speaks == speakRaw:
			forms = []form{bodyForm(p.Size)}
		default:
			for room := range p.Rooms {
				name := p.roomName(room)
				if speaks == speakJSON {
					forms = append(forms, jsonForm(name, p.Size))
				} else {
					forms = append(forms, msgpackForm(name, p.Size))
				}
			}
		}
		all = append(all, forms)
	}
	return all
}

// roomForms are one for each room.
func (p *plan) roomForms(make func(room string, size int) form) []form {
	var forms []form
	for room := range p.Rooms {
		forms = append(forms, make(p.roomName(room), p.Size))
	}
	return forms
}

// saidForms are those that messages are sent in: as they are heard, but where
// a dialect has others.
func (p *plan) saidForms() [][]form {
	all := p.forms()
	for i, speaks := range p.Speak {
		if d := dialects[speaks]; d != nil {
			all[i] = p.roomForms(d.says)
		}
	}
	return all
}
