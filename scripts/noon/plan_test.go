package main

import "testing"

func TestWholeRoomsAreShared(t *testing.T) {
	for _, all := range []plan{
		{Sockets: 6, Members: 6, Rate: 10}, {Sockets: 45_000, Members: 6, Rate: 1000}, {Sockets: 15_006, Members: 6, Rate: 1}, {Sockets: 30_000, Members: 15_000, Rate: 5},
	} {
		next, rate := 0, 0.0
		for i, p := range shares(all) {
			if p.Index != i || p.First != next || p.Sockets%p.Members != 0 || p.Sockets == 0 || p.Sockets > socketsMost {
				t.Errorf("%+v: share %d is %+v", all, i, p)
			}
			next, rate = next+p.Sockets, rate+p.Rate
		}
		if next != all.Sockets || rate < all.Rate*0.999 || rate > all.Rate*1.001 {
			t.Errorf("%+v: shared %d sockets, %g messages/s", all, next, rate)
		}
	}
}
