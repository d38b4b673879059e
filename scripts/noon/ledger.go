package main

import (
	"maps"
	"slices"
)

// A ledger is what one receiver heard of one sender, whose messages are
// numbered from 0.
type ledger struct {
	next    uint32              // all before were heard, or are missing
	missing map[uint32]struct{} // those that later ones overtook
}

// A verdict is what becomes of one delivery.
type verdict int

const (
	inOrder verdict = iota
	reordered
	doubled
)

func (l *ledger) hear(number uint32) verdict {
	if number >= l.next {
		for ; l.next < number; l.next++ {
			l.miss(l.next)
		}
		l.next++
		return inOrder
	}
	if _, late := l.missing[number]; late {
		delete(l.missing, number)
		return reordered
	}
	return doubled
}

func (l *ledger) miss(number uint32) {
	if l.missing == nil {
		l.missing = map[uint32]struct{}{}
	}
	l.missing[number] = struct{}{}
}

// lost are the numbers not heard of a sender that sent so many.
func (l *ledger) lost(sent uint32) []uint32 {
	numbers := slices.Sorted(maps.Keys(l.missing))
	for number := l.next; number < sent; number++ {
		numbers = append(numbers, number)
	}
	return numbers
}
