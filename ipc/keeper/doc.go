// Package keeper is a slot's keeper: a small process that holds a duplicate of
// each client's socket, and of what else the slot's puddle cannot do without,
// so that they outlive puddle and supervisor. It serves nobody. When a puddle
// is replaced, or killed, its successor gets every descriptor from the keeper.
//
// Link is the puddle's end, Feed a successor's, Master the supervisor's; Run is
// the keeper itself.
//
// A duplicate keeps its socket open: what a puddle closes stays connected until
// the keeper has heard of the Drop, and stays in the puddle's epoll set until
// it is taken out of it.
package keeper
