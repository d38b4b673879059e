package main

import "container/heap"

// A timer is something that a socket is to do at a time.
type timer struct {
	at         int64 // CLOCK_MONOTONIC ns
	token      int32
	generation int32
	do         func(token int32)
}

// timers are a heap, the next one first.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

func (t *timers) set(at int64, s *socket, do func(int32)) {
	heap.Push(t, timer{at, s.token, s.generation, do})
}

// due takes a timer whose time has come.
func (t *timers) due(at int64) (timer, bool) {
	if len(*t) == 0 || (*t)[0].at > at {
		return timer{}, false
	}
	return heap.Pop(t).(timer), true
}

func (t timers) next() int64 {
	if len(t) == 0 {
		return never
	}
	return t[0].at
}
