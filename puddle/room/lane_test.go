package room

import (
	"math/rand/v2"
	"testing"
)

// Every member hears every message that was sent between its join and its
// leave once and in order, but its own, whatever comes between the slices of
// a fan-out.
func TestFanOutAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		play(t, rand.New(rand.NewPCG(seed, 1)))
	}
}

// member is what a puddle does for a socket: in step, or explicit with a place.
type member struct {
	seat     uint32
	place    uint64
	explicit bool
	want     []uint64 // starts of the messages that it should hear
	got      []uint64
}

func play(t *testing.T, random *rand.Rand) {
	r := &Lane{}
	members := map[uint32]*member{}
	next, at := uint32(0), uint64(0)
	catchUp := func(id uint32, m *member) {
		target := r.Place(m.seat)
		for _, e := range r.From(m.place) {
			if e.Start >= target {
				break
			}
			if e.Sender != id {
				m.got = append(m.got, e.Start)
			}
			m.place = e.End()
		}
		m.explicit = !r.InStep(id, m.seat, m.place)
	}
	serve := func(budget int) {
		for r.Pending() && budget > 0 {
			r.Begin(1 + random.IntN(100))
			batch := r.Batch()
			for ; budget > 0; budget-- {
				id, ok := r.Next()
				if !ok {
					break
				}
				m := members[id]
				if m.explicit {
					catchUp(id, m)
					continue
				}
				for _, e := range batch {
					m.got = append(m.got, e.Start)
				}
			}
		}
	}
	for range 400 {
		switch random.IntN(5) {
		case 0:
			m := &member{seat: r.Add(next), place: r.Count()}
			m.explicit = m.place != r.Place(m.seat)
			members[next] = m
			next++
		case 1:
			for id, m := range members {
				if m.explicit {
					m.place = r.Count() // it takes what it is owed with it
				}
				moves, n := r.Remove(m.seat)
				delete(members, id)
				for _, move := range moves[:n] {
					members[move.Member].seat = move.Seat
				}
				break
			}
		case 2, 3:
			for id, m := range members {
				if !m.explicit {
					m.place, m.explicit = r.Place(m.seat), true
				}
				for other, o := range members {
					if other != id {
						o.want = append(o.want, r.Count())
					}
				}
				at++
				r.Append(at, uint32(1+random.IntN(40)), id)
				break
			}
		case 4:
			serve(random.IntN(5))
		}
		for id, m := range members {
			if r.Member(m.seat) != id {
				t.Fatalf("seat %d is not member %d's", m.seat, id)
			}
		}
	}
	serve(1 << 20)
	for id, m := range members {
		if len(m.got) != len(m.want) {
			t.Fatalf("member %d heard %d messages; want %d: %v, %v", id, len(m.got), len(m.want), m.got, m.want)
		}
		for n := range m.got {
			if m.got[n] != m.want[n] {
				t.Fatalf("member %d heard %v; want %v", id, m.got, m.want)
			}
		}
	}
}

func TestTrim(t *testing.T) {
	r := &Lane{}
	for n := range uint64(1000) {
		r.Append(n*10, 5, NoSender)
	}
	r.Trim(5000)
	if first := r.From(0); len(first) != 500 || first[0].At != 5000 {
		t.Errorf("%d messages are left", len(first))
	}
	r.Trim(1 << 40)
	if len(r.From(0)) != 0 || r.Count() != 5000 {
		t.Error("a trimmed room forgets how far it is")
	}
}

func TestOldest(t *testing.T) {
	r := &Lane{}
	r.Add(1)
	if _, ok := r.Oldest(); ok {
		t.Error("an empty room needs something")
	}
	r.Append(100, 5, NoSender)
	r.Append(200, 5, NoSender)
	r.Begin(5)
	if at, _ := r.Oldest(); at != 100 {
		t.Errorf("needs %d; want 100", at)
	}
	r.Next()
	if at, _ := r.Oldest(); at != 200 {
		t.Errorf("needs %d; want 200", at)
	}
}
