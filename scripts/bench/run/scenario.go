package main

import "strings"

// scenario is one kind of work, done on its sides in turns.
type scenario struct {
	name    string
	sides   []side // one or two; the ratio is the first to the second
	figures []figure
	puddles int    // 0: as -puddles says
	clients bool   // the house knows clients with passwords
	asked   bool   // only run when named
	peers   bool   // other servers can do it too
	noon    string // what is done to the server while the load's sockets rest
}

// side is one way to do a scenario's work.
type side struct {
	name   string // of its column
	server string
	up     []string // what the server is told beside
	before []string // a load that is not measured, before the one that is
	beside []string // a load that goes on while the other is measured
	flags  []string // the load that is measured
}

// words are a command line's.
func words(line string) []string { return strings.Fields(line) }

// ours is a load on Porthouse alone.
func ours(flags string) []side {
	return []side{{name: porthouse, server: porthouse, flags: words(flags)}}
}

// both is the same load on Porthouse and on gorilla.
func both(flags string) []side {
	return append(ours(flags), side{name: gorilla, server: gorilla, flags: words(flags)})
}

// mixed is a room of JSON values, where a third of the members and one of the
// senders each speak raw, JSON and msgpack envelopes; beside it all speak raw.
func mixed(flags string) []side {
	house := []string{"--defaults", `{"format":"json"}`}
	load := words("-mode broadcast -value -senders 3 -turns " + flags)
	return []side{
		{name: "mixed", server: porthouse, up: house, flags: append(words("-speak raw,json,msgpack"), load...)},
		{name: "raw only", server: porthouse, up: house, flags: load},
	}
}

// kept is a load in a house whose keepers hold all sockets, and in one without
// keepers.
func kept(flags string) []side {
	return []side{
		{name: "keepers", server: porthouse, flags: words(flags)},
		{name: "none", server: porthouse, up: []string{"--unkept"}, flags: words(flags)},
	}
}

// besideLarge is a load of small rooms beside one of 10,000 members that hears
// five messages a second, and the same alone.
func besideLarge(flags string) []side {
	return []side{
		{name: "beside", server: porthouse, beside: words("-mode chat -rooms 1 -members 10000 -senders 1 -rate 5 -room large-"), flags: words(flags)},
		{name: "alone", server: porthouse, flags: words(flags)},
	}
}

// ringed is a load in a house that sends to many with one call, and in one that
// calls for each.
func ringed(flags string) []side {
	return []side{
		{name: "io_uring", server: porthouse, flags: words(flags)},
		{name: "send", server: porthouse, up: []string{"--io-uring", "off"}, flags: words(flags)},
	}
}

// gathered is a load over two puddles in a house whose small rooms gather, and
// in one where they do not.
func gathered(flags string) []side {
	return []side{
		{name: "gather", server: porthouse, up: []string{"--gather", "64"}, flags: words("-settle 5s " + flags)},
		{name: "spread", server: porthouse, up: []string{"--gather", "0"}, flags: words("-settle 5s " + flags)},
	}
}

// crowded is a load beside which a crowd comes into small rooms, in a house
// where these gather and in one where they do not.
func crowded(flags string) []side {
	sides := gathered(flags)
	for n := range sides {
		sides[n].beside = words("-mode idle -rooms 600 -members 6 -room crowd- -settle 0s")
		sides[n].flags = words(flags)
	}
	return sides
}

// spread is a load over two puddles, and in one.
func spread(flags string) []side {
	return []side{
		{name: "two", server: porthouse, up: []string{"--puddles", "2"}, flags: words(flags)},
		{name: "one", server: porthouse, up: []string{"--puddles", "1"}, flags: words(flags)},
	}
}

// rested is 2,000 sockets in two rooms, of which one hears something after
// noon if nobody was lost by it.
const rested = "-mode idle -rooms 2 -members 1000 -settle 1s -hold 3s -say 20"

// Loads of who proves to be somebody: each client once, and over and over.
const (
	loginsOnce = "-mode handshakes -logins " + loginsFile + " -handshakes 100 -warmup 0s -duration 30s"
	loginsOver = "-mode handshakes -logins " + loginsFile
)

// stormed is a load in a house where nobody else comes, and in one whose
// passwords are guessed.
func stormed(flags string) []side {
	guesses := "-mode handshakes -logins " + guessesFile + " -refusals -rate 400 -sources 64 -flight 4000 -room storm- -warmup 0s"
	return []side{
		{name: "storm", server: porthouse, beside: words(guesses), flags: words(flags)},
		{name: "quiet", server: porthouse, flags: words(flags)},
	}
}

var scenarios = []scenario{
	{name: "broadcast", peers: true, sides: both("-mode broadcast"), figures: []figure{cpuDelivery, deliveries}},
	{name: "room-200", peers: true, sides: both("-mode broadcast -members 200"), figures: []figure{cpuDelivery, deliveries}},
	{name: "room-200-at-50", peers: true, sides: both("-mode broadcast -members 200 -rate 50"), figures: []figure{p50, p99, late99, cpuDelivery}},
	{name: "burst-16", peers: true, sides: both("-mode broadcast -burst 16"), figures: []figure{cpuDelivery, deliveries}},
	{name: "burst-64", sides: both("-mode broadcast -burst 64"), figures: []figure{cpuDelivery, deliveries}},
	{name: "chat", peers: true, sides: both("-mode chat"), figures: []figure{cpuDelivery, deliveries}},
	{name: "chat-4-a-second", peers: true, sides: both("-mode chat -rate 4"), figures: []figure{p50, p99, cpuDelivery}},
	{name: "handshakes", peers: true, sides: both("-mode handshakes"), figures: []figure{handshakes, cpuHand}},
	{name: "resting-10000", peers: true, sides: both("-mode idle -rooms 10 -members 1000"), figures: []figure{bytesSocket, bytesMore}},
	{name: "reload-2000", peers: true, noon: reload, sides: both(rested), figures: []figure{lost}},
	{name: "new-binary-2000", peers: true, noon: newBinary, sides: both(rested), figures: []figure{lost}},
	{name: "resting-18000", sides: both("-mode idle -rooms 18 -members 1000"), figures: []figure{bytesSocket, bytesMore}},
	{name: "kept", sides: kept("-mode broadcast"), figures: []figure{cpuDelivery, deliveries}},
	{name: "kept-handshakes", sides: kept("-mode handshakes"), figures: []figure{handshakes, cpuHand}},
	{name: "kept-resting", sides: kept("-mode idle -rooms 18 -members 1000"), figures: []figure{bytesSocket, bytesMore}},
	{name: "ring", sides: ringed("-mode broadcast"), figures: []figure{cpuDelivery, deliveries}},
	{name: "ring-burst-16", sides: ringed("-mode broadcast -burst 16"), figures: []figure{cpuDelivery, deliveries}},
	{name: "beside-10000", sides: besideLarge("-mode chat -rooms 20 -rate 4"), figures: []figure{p50, p99, late99}},
	{name: "mixed", sides: mixed(""), figures: []figure{cpuDelivery, deliveries}},
	{name: "mixed-burst-16", sides: mixed("-burst 16"), figures: []figure{cpuDelivery, deliveries}},
	{name: "logins", clients: true, figures: []figure{logins, cpuHand, entered50, entered99}, sides: []side{
		{name: "first", server: porthouse, flags: words(loginsOnce)},
		{name: "again", server: porthouse, before: words(loginsOnce), flags: words(loginsOver)},
	}},
	{name: "logins-again", clients: true, figures: []figure{logins, cpuHand, entered50, entered99}, sides: []side{
		{name: "again", server: porthouse, before: words(loginsOnce), flags: words(loginsOver)},
		{name: "nobody", server: porthouse, flags: words("-mode handshakes")},
	}},
	{name: "login-storm", clients: true, sides: stormed("-mode chat -rate 4"),
		figures: []figure{p50, p99, late99, cores, tries, judgedWrong, judgedRight, turnedAway, full}},
	{name: "two-puddles", sides: spread("-mode broadcast"), figures: []figure{cpuDelivery, deliveries}, asked: true},
	{name: "gather", sides: gathered("-mode chat"), figures: []figure{cpuDelivery, deliveries}, puddles: 2, asked: true},
	{name: "gather-4-a-second", sides: gathered("-mode chat -rate 4"), figures: []figure{p50, p99, cpuDelivery}, puddles: 2, asked: true},
	{name: "gather-crowd", sides: crowded("-mode chat -rate 4 -rooms 20 -members 70 -senders 5 -warmup 0s"), figures: []figure{p50, p99, late99}, puddles: 2, asked: true},
	{name: "hundred-thousand", sides: ours("-mode idle -rooms 100 -members 1000 -say 20"),
		figures: []figure{opened, bytesSocket, bytesMore, heardAll}, puddles: 6, asked: true},
}
