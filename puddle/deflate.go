package puddle

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/porthouse/porthouse/schema"
)

// deflater compresses and inflates messages, one at a time, for all sockets of
// a puddle. Its memory, about a megabyte, exists from the first message on that
// needs it.
type deflater struct {
	least, most int // bytes of a message that is compressed; least 0: none is

	writer *flate.Writer
	out    bytes.Buffer

	reader io.ReadCloser
	in     bytes.Reader
	masked []byte // what is inflated, unmasked, and the end that its sender left away
	plain  []byte
}

// flushed is what a flush ends with; it is left away on the wire (RFC 7692
// section 7.2.1). The empty last block behind it ends the stream for the
// reader.
var (
	flushEnd  = []byte{0x00, 0x00, 0xff, 0xff}
	streamEnd = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}
)

// worth tells whether a message of so many bytes is compressed.
func (d *deflater) worth(size int) bool { return d.least > 0 && size >= d.least && size <= d.most }

// compress compresses a message; nil if that makes it no shorter. The result
// holds until the next call.
func (d *deflater) compress(body []byte) []byte {
	if d.writer == nil {
		d.writer, _ = flate.NewWriterWindow(nil, 1<<windowBits)
	}
	d.out.Reset()
	d.writer.Reset(&d.out)
	d.writer.Write(body) // into memory: it cannot fail
	d.writer.Flush()
	if short := bytes.TrimSuffix(d.out.Bytes(), flushEnd); len(short) < len(body) {
		return short
	}
	return nil
}

// inflate gives a compressed message's payload, at most so many bytes of it; it
// holds until the next call. fault is why there is none.
func (d *deflater) inflate(m *message, most int) (plain []byte, fault schema.CloseCode) {
	if need := m.size + len(streamEnd); cap(d.masked) < need {
		d.masked = make([]byte, need, 2*need)
	} else {
		d.masked = d.masked[:need]
	}
	m.copyTo(d.masked[:m.size])
	copy(d.masked[m.size:], streamEnd)
	d.in.Reset(d.masked)
	if d.reader == nil {
		d.reader = flate.NewReader(&d.in)
	} else if err := d.reader.(flate.Resetter).Reset(&d.in, nil); err != nil {
		return nil, schema.CloseFault
	}
	d.plain = d.plain[:0]
	for {
		if len(d.plain) == cap(d.plain) {
			d.plain = append(d.plain, 0)[:len(d.plain)]
		}
		n, err := d.reader.Read(d.plain[len(d.plain):min(cap(d.plain), most+1)])
		d.plain = d.plain[:len(d.plain)+n]
		switch {
		case len(d.plain) > most:
			return nil, schema.CloseTooLarge
		case errors.Is(err, io.EOF):
			return d.plain, 0
		case err != nil:
			return nil, schema.CloseUTF8 // data of another kind than it says (RFC 6455 section 7.4.1, 1007)
		}
	}
}
