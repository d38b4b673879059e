package credential

// queue is who waits for one thing. Addresses are served in turn, and who
// came from one address in the order in which they came. It is not locked.
type queue struct {
	most   int // who may wait
	share  int // who may wait of one address
	length int
	lines  []*line // by address, none empty, in the order of their turns
}

type line struct {
	from    string
	waiters []*waiter
}

// waiter is told once: nil when it is its turn, else why it waits no more.
type waiter struct {
	from string
	told chan error // holds one
}

// push adds a waiter. Where all places are taken the one that came last from
// the address with the most makes room, if that leaves it no fewer than the
// newcomer's has; it is returned as displaced.
func (q *queue) push(from string) (added, displaced *waiter, err error) {
	own := q.line(from)
	if own != nil && len(own.waiters) >= q.share {
		return nil, nil, errCrowded
	}
	if q.length >= q.most {
		if displaced = q.displace(own); displaced == nil {
			return nil, nil, errFull
		}
	}
	if own == nil {
		own = &line{from: from}
		q.lines = append(q.lines, own)
	}
	added = &waiter{from, make(chan error, 1)}
	own.waiters = append(own.waiters, added)
	q.length++
	return added, displaced, nil
}

func (q *queue) displace(own *line) *waiter {
	least := 1
	if own != nil {
		least = len(own.waiters) + 1
	}
	var longest *line
	for _, l := range q.lines {
		if len(l.waiters) > least && (longest == nil || len(l.waiters) > len(longest.waiters)) {
			longest = l
		}
	}
	if longest == nil {
		return nil
	}
	last := longest.waiters[len(longest.waiters)-1]
	q.remove(last)
	return last
}

// pop takes out whose turn it is: of the addresses with the lowest rank the
// one that waits longest for its turn. nil: nobody waits.
func (q *queue) pop(rank func(from string) int) *waiter {
	next, lowest := -1, 0
	for i, l := range q.lines {
		if r := rank(l.from); next < 0 || r < lowest {
			next, lowest = i, r
		}
	}
	if next < 0 {
		return nil
	}
	l := q.lines[next]
	first := l.waiters[0]
	q.remove(first)
	if len(l.waiters) > 0 { // to the end
		q.lines = append(append(q.lines[:next], q.lines[next+1:]...), l)
	}
	return first
}

// remove tells whether w waited.
func (q *queue) remove(w *waiter) bool {
	for i, l := range q.lines {
		if l.from != w.from {
			continue
		}
		for j, other := range l.waiters {
			if other != w {
				continue
			}
			l.waiters = append(l.waiters[:j], l.waiters[j+1:]...)
			if len(l.waiters) == 0 {
				q.lines = append(q.lines[:i], q.lines[i+1:]...)
			}
			q.length--
			return true
		}
	}
	return false
}

func (q *queue) line(from string) *line {
	for _, l := range q.lines {
		if l.from == from {
			return l
		}
	}
	return nil
}
