package supervisor

import "time"

// state is where a slot's process stands. "Started" is not "ready": it
// serves once it is linked with its peers and has said so.
type state uint8

const (
	down     state = iota // no process, and none is to come
	starting              // forked; its table is not mapped yet
	linking               // it meets its peers
	serving               // ready
	ending                // killed; it has not gone yet
	stopping              // asked to end
	backoff               // no process until the pause is over
	states
)

var stateNames = [states]string{"down", "starting", "linking", "serving", "ending", "stopping", "backoff"}

func (s state) String() string { return stateNames[s] }

// event is what can happen to a slot.
type event uint8

const (
	due     event = iota // it is time for a process
	started              // the process says so
	ready                // the process says so
	hung                 // it stands in the way: a peer, or its link, says so
	overdue              // the state, or the heartbeat, has lasted too long
	exited               // the process is gone
	stop                 // the house stops
	events
)

var eventNames = [events]string{"due", "started", "ready", "hung", "overdue", "exited", "stop"}

func (e event) String() string { return eventNames[e] }

// action is what the supervisor does about it.
type action uint8

const (
	nothing   action = iota
	launch           // start a process
	introduce        // link it with its peers, and let it serve
	announce         // it serves: the house may be up
	kill             // at once
	bury             // take what was its, then pause
	dismiss          // ask it to close its sockets and end
	clearUp          // take what was its; it was to end
	actions
)

var actionNames = [actions]string{"nothing", "launch", "introduce", "announce", "kill", "bury", "dismiss", "clearUp"}

func (a action) String() string { return actionNames[a] }

type step struct {
	next state
	do   action
}

// policy is what to do about what happens, whole.
var policy = [states][events]step{
	down: {
		due:     {starting, launch},
		started: {down, nothing},
		ready:   {down, nothing},
		hung:    {down, nothing},
		overdue: {down, nothing},
		exited:  {down, nothing},
		stop:    {down, nothing},
	},
	starting: {
		due:     {starting, nothing},
		started: {linking, introduce},
		ready:   {ending, kill}, // before it knew its peers
		hung:    {ending, kill},
		overdue: {ending, kill},
		exited:  {backoff, bury},
		stop:    {stopping, dismiss},
	},
	linking: {
		due:     {linking, nothing},
		started: {linking, nothing},
		ready:   {serving, announce},
		hung:    {ending, kill},
		overdue: {ending, kill},
		exited:  {backoff, bury},
		stop:    {stopping, dismiss},
	},
	serving: {
		due:     {serving, nothing},
		started: {serving, nothing},
		ready:   {serving, nothing},
		hung:    {ending, kill},
		overdue: {ending, kill},
		exited:  {backoff, bury},
		stop:    {stopping, dismiss},
	},
	ending: {
		due:     {ending, nothing},
		started: {ending, nothing},
		ready:   {ending, nothing},
		hung:    {ending, nothing},
		overdue: {ending, kill}, // again
		exited:  {backoff, bury},
		stop:    {stopping, nothing},
	},
	stopping: {
		due:     {stopping, nothing},
		started: {stopping, nothing},
		ready:   {stopping, nothing},
		hung:    {stopping, kill},
		overdue: {stopping, kill},
		exited:  {down, clearUp},
		stop:    {stopping, nothing},
	},
	backoff: {
		due:     {starting, launch},
		started: {backoff, nothing},
		ready:   {backoff, nothing},
		hung:    {backoff, nothing},
		overdue: {backoff, nothing},
		exited:  {backoff, nothing},
		stop:    {down, nothing},
	},
}

// How long a state may last before it is overdue, or due; 0: for ever.
const (
	startTime = 10 * time.Second
	linkTime  = 10 * time.Second // beside Settings.PeerTime, for hanging peers
	killTime  = 5 * time.Second  // from a kill to the next

	stillMost = 10 // seconds that a heartbeat may stand still

	pauseFirst  = 50 * time.Millisecond
	pauseMost   = 5 * time.Second
	pauseServed = 250 * time.Millisecond // the most after it has served: connections wait at its listener
	steadyTime  = 10 * time.Second       // served for so long, failures are forgotten

	trialMost = 3 // failures of a slot that was never ready, until the house gives up its start
)

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	d := pauseFirst
	for range failures - 1 {
		if d *= 2; d >= pauseMost {
			return pauseMost
		}
	}
	return d
}
