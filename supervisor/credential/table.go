package credential

import "time"

// dropOldest makes room in a table that is full: of some of its entries, as
// the map's order has them, it drops the oldest that may be dropped.
func dropOldest[K comparable, V any](table map[K]V, age func(V) (since time.Time, may bool)) {
	const looked = 32
	var oldest K
	var since time.Time
	seen, found := 0, false
	for k, entry := range table {
		if at, may := age(entry); may && (!found || at.Before(since)) {
			oldest, since, found = k, at, true
		}
		if seen++; seen == looked {
			break
		}
	}
	if found {
		delete(table, oldest)
	}
}
