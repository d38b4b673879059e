package supervisor

import (
	"slices"
	"time"
	"unique"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// takeOff moves the oldest entries, up to a chunk of rows, from the queue
// into flight. None that was queued after cutoff: its window is not over.
func (r *registry) takeOff(cutoff time.Time) (batch store.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rows := 0; rows < chunkRows; {
		front := r.queue.Front()
		if front == nil {
			break
		}
		e := front.Value.(entry)
		p := e.place()
		if p.since.After(cutoff) {
			break
		}
		r.queue.Remove(front)
		p.queued, p.flying, p.flownSince = nil, true, p.since
		r.flight = append(r.flight, e)
		rows += e.add(r, &batch)
	}
	return batch
}

// land ends a flight. Entries that were changed during it are queued already
// and stay so; repeating what was committed with them does no harm.
func (r *registry) land(batch *store.Batch, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failed == nil {
		r.hold(batch)
	}
	for _, e := range slices.Backward(r.flight) {
		p := e.place()
		p.flying = false
		if failed != nil { // back to where it was
			if p.queued != nil {
				r.queue.Remove(p.queued)
			}
			p.since = p.flownSince
			p.queued = r.queue.PushFront(e)
		}
		e.settle(r)
		if p.queued == nil || e.idle(r) {
			r.drop(e)
		}
	}
	clear(r.flight)
	r.flight = r.flight[:0]
	if len(r.sequences) == 0 && r.most > chunkRows { // a map that was large stays large
		r.sequences, r.most = make(map[schema.SequenceID]*sequenceEntry), 0
	}
}

// hold keeps what the database holds now.
func (r *registry) hold(batch *store.Batch) {
	for _, id := range batch.SequencesGone {
		delete(r.held, id)
	}
	for _, row := range batch.Sequences {
		held := r.held[row.ID]
		held.slot, held.client = int32(row.Slot), unique.Make(row.Client)
		r.held[row.ID] = held
	}
	for _, s := range batch.Left {
		if held, exists := r.held[s.Sequence]; exists {
			r.held[s.Sequence] = held.without(s.Room)
		}
	}
	for _, s := range batch.Joined {
		if held, exists := r.held[s.Sequence]; exists {
			r.held[s.Sequence] = held.with(s.Room)
		}
	}
	r.puddles.hold(batch.PuddlesGone, batch.Puddles, func(p store.Puddle) int { return p.Slot })
	r.rooms.hold(batch.RoomsGone, batch.Rooms, func(m store.Room) string { return m.Name })
}
