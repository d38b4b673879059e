package ipc

import "github.com/porthouse/porthouse/schema"

// LinkDescriptor is the descriptor at which a puddle finds its link to the
// supervisor; everything else it is given comes over that.
const LinkDescriptor = 3

// ToPuddle is one word of the supervisor to a puddle: exactly one field is set.
type ToPuddle struct {
	Start    *Start    `msgpack:",omitempty"`
	Peer     *Peer     `msgpack:",omitempty"`
	PeerGone *PeerGone `msgpack:",omitempty"`
	Serve    *Serve    `msgpack:",omitempty"`
	Close    *Close    `msgpack:",omitempty"`
	Stop     *Stop     `msgpack:",omitempty"`

	Reply    *Reply    `msgpack:",omitempty"`
	Replies  []Reply   `msgpack:",omitempty"` // several at once
	House    *House    `msgpack:",omitempty"`
	Room     *Room     `msgpack:",omitempty"` // its rules or its owner changed
	RoomGone *RoomGone `msgpack:",omitempty"`
	PutOut   *PutOut   `msgpack:",omitempty"`
	Client   *Client   `msgpack:",omitempty"`
	Revoked  *Revoked  `msgpack:",omitempty"`
	Carried  *Carried  `msgpack:",omitempty"`
	Hit      *Hit      `msgpack:",omitempty"`
	HitDone  *HitDone  `msgpack:",omitempty"` // answers a Hit that the puddle passed on

	Expect  *Expect  `msgpack:",omitempty"`
	Move    *Move    `msgpack:",omitempty"`
	MoveOff *MoveOff `msgpack:",omitempty"`
	Moving  *Moving  `msgpack:",omitempty"`

	Keeper  *Keeper  `msgpack:",omitempty"`
	Freeze  *Freeze  `msgpack:",omitempty"`
	Release *Release `msgpack:",omitempty"`
}

// descriptors is how many come with a word that a puddle hears in its loop.
func (w *ToPuddle) descriptors() int {
	if w.Peer != nil || w.Carried != nil || w.Keeper != nil {
		return 1
	}
	if w.Moving != nil {
		return len(w.Moving.Sockets)
	}
	return 0
}

// Start is the first word. Its descriptors are, in this order: the table's
// memfd, the eventfd that tells the supervisor of news in the log, the
// puddle's link to the keeper, with Adopt its feed, and the slot's listeners.
type Start struct {
	Slot     int
	Fetch    int  // about how many sockets a feed has at once
	Adopt    bool // the table has sockets: take them over when the feed has ended
	Settings schema.Settings
	LogLevel int  // a slog.Level
	LogJSON  bool // text otherwise

	Expel    schema.SequenceID // of those taken over: it ends who serves it, and is closed with 1011; 0: none
	CloseAll bool              // take nothing over: nobody could. Close all with 1012, and end
}

// Peer brings one end of a fresh link to another puddle, as its descriptor.
type Peer struct {
	Slot int
}

// PeerGone says that the process in Slot is dead and its sockets with it.
type PeerGone struct {
	Slot int
}

// Serve says that the puddle has been given every peer there is and may
// accept; it answers Ready when it does.
type Serve struct{}

// Close asks for one sequence to be closed.
type Close struct {
	Sequence schema.SequenceID
	Code     schema.CloseCode
	Reason   string
}

// Stop says: accept no more, close everybody with 1001, flush, exit.
type Stop struct {
	Drain int64 // at most so many nanoseconds
}

// FromPuddle is one word of a puddle to the supervisor: exactly one field is set.
type FromPuddle struct {
	Started *Started `msgpack:",omitempty"`
	Fetched *Fetched `msgpack:",omitempty"`
	Frozen  *Frozen  `msgpack:",omitempty"`
	Adopted *Adopted `msgpack:",omitempty"`
	Held    *Held    `msgpack:",omitempty"`
	Stand   *Stand   `msgpack:",omitempty"`
	Unkept  *Unkept  `msgpack:",omitempty"`
	Ready   *Ready   `msgpack:",omitempty"`
	Hung    *Hung    `msgpack:",omitempty"`
	Closed  *Closed  `msgpack:",omitempty"`

	Questions []Question `msgpack:",omitempty"`
	Released  []Released `msgpack:",omitempty"`
	Came      []string   `msgpack:",omitempty"` // addresses of connections that have moved here
	Left      []string   `msgpack:",omitempty"` // addresses of connections that have ended (AskCall)
	Carry     *Carry     `msgpack:",omitempty"`
	Moving    *Moving    `msgpack:",omitempty"`
	MoveDone  *MoveDone  `msgpack:",omitempty"`
	HitDone   *HitDone   `msgpack:",omitempty"`
	Hit       *Hit       `msgpack:",omitempty"` // of one that has frozen: for its successor
}

// Started says that the table is mapped and the loop runs.
type Started struct {
	Pid int
}

// Ready says that the puddle is linked with its peers and accepts.
type Ready struct{}

// Hung says that a peer acknowledged nothing for longer than
// Settings.PeerTime and stands in others' way.
type Hung struct {
	Slot int
}

// Closed answers Close: whether such a sequence was here.
type Closed struct {
	Sequence schema.SequenceID
	Found    bool
}
