// Package schema holds the words that every part of Porthouse shares: names
// and addresses, sequence ids, states, close codes, error codes, counters and
// the settings a puddle runs under. It does no I/O and imports nothing of the
// house. wire.md beside it is the contract a client reads.
package schema
