package supervisor

import (
	"net/netip"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

const (
	keyTries    = 20 // wrong keys of one address in a keySpan
	keySpan     = time.Minute
	keySources  = 1 << 16         // addresses that are remembered
	keyUnproven = 2 * time.Minute // a socket that nobody has heard of by then never came to be
)

// siblings knows which key opens which socket's sibling.
type siblings struct {
	keys map[[32]byte]mainSocket
	of   map[schema.SequenceID][][32]byte

	unproven []unproven // oldest first

	wrong map[string]int // keys by address, since
	since time.Time
}

// mainSocket is the socket that a sibling commands.
type mainSocket struct {
	sequence schema.SequenceID
	slot     int
}

// unproven is a sequence that may not come to be: it registers with its
// handshake.
type unproven struct {
	sequence schema.SequenceID
	at       time.Time
}

func newSiblings() *siblings {
	return &siblings{keys: map[[32]byte]mainSocket{}, of: map[schema.SequenceID][][32]byte{}, wrong: map[string]int{}}
}

// register takes a key for a socket; the first use wins.
func (s *siblings) register(ask *ipc.AskRegister, slot int, now time.Time) *schema.Refusal {
	if known, taken := s.keys[ask.Key]; taken {
		if known.sequence == ask.Sequence {
			return nil
		}
		return &schema.Refusal{Code: schema.Exists, Message: "this sibling key is in use: make a fresh random one for each socket"}
	}
	s.keys[ask.Key] = mainSocket{ask.Sequence, slot}
	s.of[ask.Sequence] = append(s.of[ask.Sequence], ask.Key)
	s.unproven = append(s.unproven, unproven{ask.Sequence, now})
	return nil
}

// moved notes where a socket is now.
func (s *siblings) moved(id schema.SequenceID, slot int) {
	for _, key := range s.of[id] {
		s.keys[key] = mainSocket{id, slot}
	}
}

// find is the reply to who brings a key. Wrong ones of an address are slowed.
func (s *siblings) find(ask *ipc.AskSibling, now time.Time) ipc.Reply {
	if found, known := s.keys[ask.Key]; known {
		return ipc.Reply{Slot: found.slot, Sequence: uint64(found.sequence)}
	}
	if now.Sub(s.since) >= keySpan || len(s.wrong) > keySources {
		clear(s.wrong)
		s.since = now
	}
	from := network(ask.Address)
	if s.wrong[from] >= keyTries {
		after := max(1, int((keySpan-now.Sub(s.since))/time.Second))
		return ipc.Reply{After: after, Refused: &schema.Refusal{
			Code: schema.Rate, Message: "too many wrong sibling keys came from your address: try again in a minute",
		}}
	}
	s.wrong[from]++
	return ipc.Reply{Refused: &schema.Refusal{
		Code: schema.Unauthorized, Message: "no socket has this sibling key: open the first socket with it, and the sibling while that lives",
	}}
}

// network is what counts as one address: of IPv6 a /64, which one network has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, _ := ip.WithZone("").Prefix(64) // no IPv6 address is shorter
	return prefix.String()
}

// gone drops the keys of a sequence that is no more.
func (s *siblings) gone(id schema.SequenceID) {
	for _, key := range s.of[id] {
		delete(s.keys, key)
	}
	delete(s.of, id)
}

// vacate drops the keys of a slot whose process is gone.
func (s *siblings) vacate(slot int) {
	for _, main := range s.keys {
		if main.slot == slot {
			s.gone(main.sequence)
		}
	}
}

// expire drops the keys of sockets that never became a sequence. Of one that
// did, the end is news.
func (s *siblings) expire(now time.Time, lives func(schema.SequenceID) bool) {
	for len(s.unproven) > 0 && now.Sub(s.unproven[0].at) >= keyUnproven {
		if id := s.unproven[0].sequence; !lives(id) {
			s.gone(id)
		}
		s.unproven = s.unproven[1:]
	}
}
