package format

import (
	"encoding/base64"
	"math/bits"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// Head is what an envelope says of a message beside its data.
type Head struct {
	Room string      // "" of a direct message
	Meta schema.Meta // which of the following it says
	From bool        // it says From's part though Meta does not: a direct message

	Client    string // "" for who has no name
	Anonymous bool
	Sequence  schema.SequenceID // 0: a sender without a socket
	Time      int64             // ms since 1970
	ID        string
}

// timeLayout is RFC 3339 in UTC with ms.
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendMessage appends a message as a socket of the protocol hears it: raw
// the data alone, else the envelope. The same head, kind and data are always
// the same bytes, however the sender said them.
func AppendMessage(b []byte, p Protocol, h *Head, m *Message) []byte {
	switch p {
	case Raw:
		return append(b, m.Data...)
	case JSON:
		return appendJSONMessage(b, h, m)
	}
	return appendPackedMessage(b, h, m)
}

func (h *Head) says() schema.Meta {
	says := h.Meta & (schema.MetaFrom | schema.MetaTime | schema.MetaID)
	if h.From {
		says |= schema.MetaFrom
	}
	return says
}

func appendJSONMessage(b []byte, h *Head, m *Message) []byte {
	says := h.says()
	b = append(b, '{')
	if h.Room != "" {
		b = append(AppendString(append(b, `"room":`...), h.Room), ',')
	}
	if says&schema.MetaFrom != 0 {
		b = append(h.appendFrom(append(b, `"from":`...)), ',')
	}
	if says&schema.MetaTime != 0 {
		b = append(b, `"time":"`...)
		b = append(h.appendTime(b), `",`...)
	}
	if says&schema.MetaID != 0 {
		b = append(AppendString(append(b, `"id":`...), h.ID), ',')
	}
	switch m.Kind {
	case Text:
		b = AppendString(append(b, `"data":`...), m.Data)
	case Bytes:
		b = base64.StdEncoding.AppendEncode(append(b, `"bytes":"`...), m.Data)
		b = append(b, '"')
	default:
		b = append(append(b, `"data":`...), m.Data...)
	}
	return append(b, '}')
}

// appendFrom appends {"client":…,"sequence":…} as JSON.
func (h *Head) appendFrom(b []byte) []byte {
	b = append(b, `{"client":`...)
	if h.named() {
		b = AppendString(b, h.Client)
	} else {
		b = append(b, "null"...)
	}
	if h.Sequence == 0 {
		return append(b, `,"sequence":null}`...)
	}
	return append(h.Sequence.Append(append(b, `,"sequence":"`...)), `"}`...)
}

func (h *Head) named() bool { return !h.Anonymous && h.Client != "" }

func (h *Head) appendTime(b []byte) []byte {
	return time.UnixMilli(h.Time).UTC().AppendFormat(b, timeLayout)
}

func appendPackedMessage(b []byte, h *Head, m *Message) []byte {
	says := h.says()
	members := 1 + bits.OnesCount8(uint8(says))
	if h.Room != "" {
		members++
	}
	b = packMaps.head(b, members)
	if h.Room != "" {
		b = packText(packText(b, "room"), h.Room)
	}
	if says&schema.MetaFrom != 0 {
		b = h.packFrom(packText(b, "from"))
	}
	if says&schema.MetaTime != 0 {
		b = packText(b, "time")
		start := len(b)
		b = h.appendTime(append(b, 0))
		b = packStrings.seal(b, start, len(b)-start-1)
	}
	if says&schema.MetaID != 0 {
		b = packText(packText(b, "id"), h.ID)
	}
	b = packText(b, "data")
	switch m.Kind {
	case Text:
		return packText(b, m.Data)
	case Bytes:
		return append(packBytes.head(b, len(m.Data)), m.Data...)
	}
	return packJSON(b, m.Data)
}

func (h *Head) packFrom(b []byte) []byte {
	b = packText(packMaps.head(b, 2), "client")
	if h.named() {
		b = packText(b, h.Client)
	} else {
		b = append(b, packNil)
	}
	b = packText(b, "sequence")
	if h.Sequence == 0 {
		return append(b, packNil)
	}
	start := len(b)
	b = h.Sequence.Append(append(b, 0))
	return packStrings.seal(b, start, len(b)-start-1)
}

// AppendReply appends what the house says, a JSON object, as a socket of the
// protocol hears it: as it is, or under msgpack as a map.
func AppendReply(b []byte, p Protocol, json []byte) []byte {
	if p == Msgpack {
		return packJSON(b, json)
	}
	return append(b, json...)
}
