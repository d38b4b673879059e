package main

import "fmt"

// What is done to a server at noon, with sockets on it.
const (
	reload    = "reload"     // it reads its settings again
	newBinary = "new binary" // the one that is on disk is put to work
)

// atNoon is the shell command that does so as the server's own guide has it;
// "" where the server has none. Who can be given a new binary in no other way
// is stopped; that it is started again changes nothing for the sockets.
func (b *bench) atNoon(what, server string, pid int, folder string) string {
	switch {
	case server == porthouse && what == reload:
		return fmt.Sprintf("%s reload --data %s", b.path(porthouse), folder)
	case server == porthouse:
		return fmt.Sprintf("%s upgrade --data %s", b.path(porthouse), folder)
	case what == reload && (server == nchan || server == nats):
		return fmt.Sprintf("kill -HUP %d", pid)
	case what == reload:
		return ""
	case server == nchan: // nginx heeds USR2 as a daemon only; its old workers end as on HUP
		return ""
	}
	return fmt.Sprintf("kill -TERM %d", pid)
}

// possible tells whether a server can do a scenario's work.
func (b *bench) possible(s scenario, server string) bool {
	return s.noon == "" || b.atNoon(s.noon, server, 0, "") != ""
}
