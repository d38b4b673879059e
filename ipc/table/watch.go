package table

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/porthouse/porthouse/schema"
)

// The supervisor's side of a table: it looks at what another process serves.

// Seen is one live socket as another process sees it.
type Seen struct {
	ID      schema.SequenceID
	State   schema.State
	Room    string // empty: in none, or in more than one
	Moves   bool   // it is on its way to another slot, or has just come
	Address netip.AddrPort
	Since   time.Time
}

// News is one thing that the registry wants to know.
type News struct {
	Kind    Kind // Join, Stand, Leave, Gone, Hold, Release
	ID      schema.SequenceID
	State   schema.State
	Client  string // of Join and Stand; "" for an anonymous one
	Room    string // not of Stand
	Index   uint32 // the room's entry
	Address netip.AddrPort
	Since   time.Time
}

// SetHouse tells every process that serves the table what the house does.
func (t *Table) SetHouse(h House) { atomic.StoreUint32(&t.h.house, uint32(h)) }

// Heartbeat moves every second while the loop turns.
func (t *Table) Heartbeat() uint64 { return atomic.LoadUint64(&t.h.heartbeat) }

// DealtWith is the sequence that the process was dealing with alone; 0: none.
func (t *Table) DealtWith() schema.SequenceID {
	return schema.SequenceID(atomic.LoadUint64(&t.h.dealing))
}

// Generation counts the processes that have served the table.
func (t *Table) Generation() uint64 { return atomic.LoadUint64(&t.h.generation) }

// Sockets calls yield with each socket that is a sequence until it returns
// false. Each copy is consistent; the whole is as of no one instant.
func (t *Table) Sequences(yield func(Seen) bool) {
	for i := range t.Sockets {
		s := &t.Sockets[i]
		id := atomic.LoadUint64((*uint64)(&s.ID))
		if id == 0 {
			if s.Since == 0 && s.Room == 0 {
				return // never used, and none after it
			}
			continue
		}
		seen := Seen{ID: schema.SequenceID(id), State: s.State, Room: t.nameOf(s.Room), Moves: s.Moves != 0, Address: addressOf(s.Addr[:], s.Port), Since: time.UnixMilli(s.Since)}
		if atomic.LoadUint64((*uint64)(&s.ID)) != id {
			continue // it went while we looked
		}
		if !yield(seen) {
			return
		}
	}
}

func (t *Table) nameOf(room uint32) string {
	if int(room) >= len(t.Rooms) {
		return ""
	}
	r := &t.Rooms[room]
	if ref := atomic.LoadUint64(&r.Ref); ref != 0 {
		if int(r.Length) <= len(r.Text) {
			return r.Name()
		}
	}
	return ""
}

func addressOf(addr []byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(addr)).Unmap(), port)
}

// Extra of the records that are news: what the registry keeps of them, since
// the entry may be another's by the time it reads.
const joinExtra = 16 + 2 + 8 + 1

// PutJoin writes what the registry keeps of a join or a stand.
func (s *Socket) PutJoin(extra []byte, client string) {
	copy(extra, s.Addr[:])
	binary.LittleEndian.PutUint16(extra[16:], s.Port)
	binary.LittleEndian.PutUint64(extra[18:], uint64(s.Since))
	extra[joinExtra-1] = uint8(len(client))
	copy(extra[joinExtra:], client)
}

// JoinExtra is how many extra bytes a Join record needs for the names of a
// client and a room, a Stand record for the client's alone.
func JoinExtra(client, room string) int { return joinExtra + len(client) + len(room) }

// PutName writes a room's name behind what PutJoin wrote, or alone.
func PutName(extra []byte, name string) { copy(extra[len(extra)-len(name):], name) }

// News calls f with everything that happened since it was last called.
// resync means that news were lost because the reader was too slow: then
// Sequences and the rooms in them are the truth, and what f heard may be
// forgotten.
func (t *Table) News(f func(News)) (resync bool) {
	// Behind the last news the log does not wait for us.
	head := atomic.LoadUint64(&t.h.newsTo)
	at := max(atomic.LoadUint64(&t.h.follow), atomic.LoadUint64(&t.h.newsFrom))
	for at < head {
		r := t.At(at)
		size, kind := uint64(r.Size), r.Kind
		var news News
		if kind.news() {
			news = t.newsOf(at, r)
		}
		if t.leftBehind() || size == 0 || size > head-at {
			break // it may have been overwritten while we looked
		}
		if kind.news() {
			f(news)
		}
		at += size
		atomic.StoreUint64(&t.h.follow, at)
	}
	if at >= head && !t.leftBehind() {
		return false
	}
	atomic.StoreUint64(&t.h.follow, atomic.LoadUint64(&t.h.head))
	atomic.StoreUint64(&t.h.followLost, 0)
	return true
}

func (t *Table) leftBehind() bool { return atomic.LoadUint64(&t.h.followLost) != 0 }

// Doze asks to be woken by the next news. It tells whether there are some
// already, which nobody will wake for.
func (t *Table) Doze() (news bool) {
	atomic.StoreUint64(&t.h.dozing, 1)
	return atomic.LoadUint64(&t.h.follow) < atomic.LoadUint64(&t.h.newsTo) || t.leftBehind()
}

func (t *Table) newsOf(at uint64, r *Record) News {
	news := News{Kind: r.Kind, ID: r.ID, State: r.State, Index: r.Room}
	from := at&uint64(len(t.log)-1) + uint64(recordSize)
	if from+uint64(r.Extra) > uint64(len(t.log)) {
		return news // overwritten while we looked
	}
	extra := t.log[from : from+uint64(r.Extra)]
	if (r.Kind == Join || r.Kind == Stand) && len(extra) >= joinExtra {
		news.Address = addressOf(extra[:16], binary.LittleEndian.Uint16(extra[16:]))
		news.Since = time.UnixMilli(int64(binary.LittleEndian.Uint64(extra[18:])))
		client := extra[joinExtra-1]
		extra = extra[joinExtra:]
		if int(client) <= len(extra) {
			news.Client, extra = string(extra[:client]), extra[client:]
		}
	}
	news.Room = string(extra)
	return news
}

// Presence is who is in a room in one slot.
type Presence struct{ Members, Anonymous, Placed, PlacedAnonymous uint32 }

// Present tells who is in the room of an entry, if it is still the one that
// ref names; ref 0 means whoever has it.
func (t *Table) Present(index uint32, ref uint64) (p Presence, ok bool) {
	if int(index) >= len(t.Rooms) {
		return p, false
	}
	r := &t.Rooms[index]
	now := atomic.LoadUint64(&r.Ref)
	if now == 0 || ref != 0 && now != ref {
		return p, false
	}
	// Placed first: a place that is counted as taken is in Members by then.
	p.PlacedAnonymous = atomic.LoadUint32(&r.PlacedAnonymous)
	p.Placed = atomic.LoadUint32(&r.Placed)
	p.Anonymous = atomic.LoadUint32(&r.Anonymous)
	p.Members = atomic.LoadUint32(&r.Members)
	return p, atomic.LoadUint64(&r.Ref) == now
}

// Reset makes the table as new for a process that starts with no socket. The
// counters that only grow stay; nobody may serve the table meanwhile.
func (t *Table) Reset() error {
	l := t.h.geometry.layout()
	atomic.StoreUint64(&t.h.head, 0)
	atomic.StoreUint64(&t.h.tail, 0)
	atomic.StoreUint64(&t.h.follow, 0)
	atomic.StoreUint64(&t.h.followLost, 0)
	atomic.StoreUint64(&t.h.newsFrom, 0)
	atomic.StoreUint64(&t.h.newsTo, 0)
	atomic.StoreUint64(&t.h.reading, 0)
	atomic.StoreUint64(&t.h.doing, 0)
	atomic.StoreUint64(&t.h.frozen, 0)
	t.h.peers = [Slots]Peer{}
	for c := firstGauge; c < behindGauges; c++ {
		atomic.StoreUint64(&t.h.counters[c], 0)
	}
	t.h.epoch = newEpoch()
	return errors.Join(forget(t.mem[l.sockets:l.end]))
}

func newEpoch() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:]) | 1
}
