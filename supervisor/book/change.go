package book

// Change is one thing that changed; exactly one of its fields is set.
type Change struct {
	ClientChanged    string // added, or its flags or settings changed
	ClientRemoved    string
	PasswordChanged  string // of a client: set, changed or taken away
	TOTPChanged      string // of a client, likewise
	TokenRevoked     Revoked
	RoomChanged      string // added, or its rules or owner changed
	RoomRemoved      string
	EndpointsChanged bool
}

// Revoked is a token that is none any more.
type Revoked struct{ Client, ID string }

// OnChange has f called with each change after it holds, one at a time, in
// their order, outside of the locks of lookups and writes, before Do returns.
// f may look up; it must not call Do or OnChange.
func (b *Book) OnChange(f func(Change)) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.heard = append(b.heard, f)
}

// alter runs what may change the book, one at a time, and then tells what did
// change. Nothing but work holds while others only look up.
func (b *Book) alter(work func() (any, error)) (any, error) {
	defer b.tell()
	b.writing.Lock()
	defer b.writing.Unlock()
	return work()
}

// remember puts into memory what the database already holds.
func (b *Book) remember(put func(), changes ...Change) {
	b.memory.Lock()
	defer b.memory.Unlock()
	put()
	b.untold = append(b.untold, changes...)
}

func (b *Book) tell() {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.memory.Lock()
	changes := b.untold
	b.untold = nil
	b.memory.Unlock()
	for _, change := range changes {
		for _, f := range b.heard {
			f(change)
		}
	}
}
