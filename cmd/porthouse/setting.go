package main

import (
	"fmt"
	"math/bits"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/supervisor"
)

// setting is one thing that can be set by a flag, by PORTHOUSE_… in the
// environment and by a key of the configuration file, all of one name.
type setting struct {
	name     string
	help     string // with what stands for its value in backquotes
	fallback string // as help shows it
	kind     settingKind
	set      func(c *configuration, text string) error
}

// settingKind is how a setting's flag is written.
type settingKind uint8

const (
	one    settingKind = iota // --name value
	many                      // several times, or with commas
	toggle                    // --name
	object                    // --name FILE|JSON, or a table in the file
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// settings are all of them, in the order of help.
func settings() []setting {
	d := supervisorDefaults()
	l := d.Settings
	return []setting{
		{"listen", "`ADDRESS` of the shared port; several by repeating or commas", strings.Join(d.Listen, ","), many, setListen},
		{"puddles", fmt.Sprintf("`N` worker processes, 1 to %d", supervisor.SlotsMost), "one a core", one,
			whole(1, supervisor.SlotsMost, func(c *configuration) *int { return &c.house.Puddles })},
		{"data", "`DIR` that holds database, lock and control socket", "./porthouse-data, or /var/lib/porthouse where only that exists", one, setData},
		{"admin", "`ADDRESS` of the console, /metrics and /api/, or " + supervisor.AdminOff, d.Admin, one, setAdmin},
		{"primary", "`HOST` that the house is known by, with clients' addresses below it", "any host", one, setPrimary},
		{"open", "anyone may make rooms by walking in; listens on loopback only unless --listen is given, takes only loopback or IP hosts unless --primary is given", "", toggle, setOpen},
		{"transient", "`WHO` may make a room by walking in: primary, authenticated, anyone, nobody", l.Transient, one, setTransient},
		{"defaults", "`RULES` of rooms where nobody said otherwise: a file, or JSON", "", object, setDefaults},
		{"ceilings", "`RULES` that nobody but an admin may exceed: a file, or JSON", "", object, setCeilings},
		{"proxies", "`NETWORKS` (CIDR) whose X-Forwarded-For and PROXY headers are believed", "none", many, setProxies},
		{"jwt-key", "`[KID=]ALG:FILE` with a key that JWTs are verified by: HS256 and a secret, or EdDSA, RS256, ES256 and a public key (PEM)", "", many, setKeys},
		{"jwks", "`FILE` with such keys as a JWKS", "", many, setKeySets},
		{"jwt-audience", "`NAME` that must be among a JWT's aud", "no aud", one, setAudience},
		{"jwt-issuer", "`NAME` that must be a JWT's iss", "any", one, setIssuer},
		{"page", "`on` or off: what a browser is shown of the house and its rooms", "on", one, setPage},
		{"io-uring", "`on`, where the kernel allows it, or off: a message to many members is one call into the kernel", "on", one, setRing},
		{"gather", "rooms of at most `N` members gather in one puddle; 0: they do not", "64", one, setGather},
		{"unkept", "no keepers: sockets end with their puddle, and reload is refused; to see what keepers cost", "", toggle, setUnkept},
		{"driver-addresses", "`NETWORKS` that drivers of rooms may connect to, and no others: public, private, loopback, CIDR", strings.Join(l.DriverAddresses, ","), many, setDriverAddresses},
		{"driver-requests", "`N` messages that may wait for one room's driver in one puddle", strconv.Itoa(l.DriverRequests), one,
			whole(1, 1<<20, func(c *configuration) *int { return &c.limits().DriverRequests })},
		{"driver-bytes", "`SIZE` of all that waits for, or comes from, drivers in one puddle", sizeText(l.DriverBytes), one,
			size(mib, tib, func(c *configuration) *int { return &c.limits().DriverBytes })},
		{"drain", "`TIME` that a stop waits for sockets to end", d.Drain.String(), one,
			span(0, time.Hour, func(c *configuration) *time.Duration { return &c.house.Drain })},
		{"log-level", "`LEVEL` of what is logged: debug, info, warn, error", "info", one, setLogLevel},

		{"ping", "`TIME` of silence after which a socket is pinged", l.PingEvery.String(), one,
			span(time.Second, time.Hour, func(c *configuration) *time.Duration { return &c.limits().PingEvery })},
		{"silent", "`TIME` without any answer after which a socket is closed", l.SilentAfter.String(), one,
			span(2*time.Second, 24*time.Hour, func(c *configuration) *time.Duration { return &c.limits().SilentAfter })},
		{"header-time", "`TIME` within which a request's head must be whole", l.HeaderTime.String(), one,
			span(time.Second, 10*time.Minute, func(c *configuration) *time.Duration { return &c.limits().HeaderTime })},
		{"close-time", "`TIME` within which a closing handshake must be done", l.CloseTime.String(), one,
			span(time.Second, 10*time.Minute, func(c *configuration) *time.Duration { return &c.limits().CloseTime })},
		{"peer-time", "`TIME` without an acknowledgement after which a puddle hangs, and is replaced", l.PeerTime.String(), one,
			span(time.Second, 10*time.Minute, func(c *configuration) *time.Duration { return &c.limits().PeerTime })},
		{"entry-timeout", "`TIME` within which what a room asks for must be answered", l.EntryTime.String(), one,
			span(time.Second, 10*time.Minute, func(c *configuration) *time.Duration { return &c.limits().EntryTime })},
		{"lobby-timeout", "`TIME` of silence after which a lobby is closed", l.LobbyTime.String(), one,
			span(time.Second, time.Hour, func(c *configuration) *time.Duration { return &c.limits().LobbyTime })},
		{"header-bytes", "`SIZE` of the longest head of a request", sizeText(l.HeaderBytes), one,
			size(kib, 64*kib, func(c *configuration) *int { return &c.limits().HeaderBytes })},
		{"message-bytes", "`SIZE` of the longest message", sizeText(l.MessageBytes), one,
			size(1, 8*mib, func(c *configuration) *int { return &c.limits().MessageBytes })},
		{"post-bytes", "`SIZE` of the longest body of a POST", sizeText(l.PostBytes), one,
			size(1, 64*mib, func(c *configuration) *int { return &c.limits().PostBytes })},
		{"command-rate", "`N` commands a second from one socket; four times as many at once", strconv.Itoa(l.CommandRate), one,
			whole(1, 1_000_000, func(c *configuration) *int { return &c.limits().CommandRate })},
		{"socket-rooms", "`N` rooms that one socket may be in", strconv.Itoa(l.SocketRooms), one,
			whole(1, 1<<16, func(c *configuration) *int { return &c.limits().SocketRooms })},
		{"fragments", "`N` frames that a message may have", strconv.Itoa(l.Fragments), one,
			whole(1, 1<<20, func(c *configuration) *int { return &c.limits().Fragments })},
		{"outbox", "`SIZE` of what may wait for one socket; beyond, it is closed as too slow (4503)", sizeText(l.OutboxBytes), one,
			size(4*kib, gib, func(c *configuration) *int { return &c.limits().OutboxBytes })},
		{"sockets", "`N` sockets of one puddle", strconv.Itoa(l.Sockets), one,
			whole(1, 1<<24, func(c *configuration) *int { return &c.limits().Sockets })},
		{"connections-per-address", "`N` connections that one address may have at once, in the whole house; 0: as many as it likes", "0", one,
			whole(0, 1<<24, func(c *configuration) *int { return &c.limits().AddressSockets })},
		{"handshakes-per-address", "`PACE` at which one address may open connections, such as 20/s or 100/m", "any", one, setAddressPace},
		{"deflate", "`SIZE` from which on a message is compressed for who has agreed to it (permessage-deflate); 0: nothing is agreed to", sizeText(l.DeflateLeast), one,
			size(0, 8*mib, func(c *configuration) *int { return &c.limits().DeflateLeast })},
		{"deflate-most", "`SIZE` of the longest message that is compressed", sizeText(l.DeflateMost), one,
			size(1, 8*mib, func(c *configuration) *int { return &c.limits().DeflateMost })},
		{"log-bytes", "`SIZE` of a puddle's log of what happens; a power of two", sizeText(l.LogBytes), one, setLogBytes},
		{"slab-bytes", "`SIZE` of all partial messages and outboxes of one puddle", sizeText(l.SlabBytes), one,
			size(64*kib, tib, func(c *configuration) *int { return &c.limits().SlabBytes })},
		{"slice", "`N` sends of one room before the others have a turn", strconv.Itoa(l.FanoutSlice), one,
			whole(1, 1<<20, func(c *configuration) *int { return &c.limits().FanoutSlice })},
	}
}

// supervisorDefaults is the house where nobody said otherwise.
func supervisorDefaults() supervisor.Config {
	return supervisor.Config{
		Listen:   []string{":8080"},
		Puddles:  min(runtime.GOMAXPROCS(0), supervisor.SlotsMost),
		Admin:    "127.0.0.1:8081",
		Settings: schema.DefaultSettings(),
		Drain:    5 * time.Second,
		Gather:   64,
	}
}

func setListen(c *configuration, text string) error {
	c.house.Listen = nil
	for address := range strings.SplitSeq(text, ",") {
		address = strings.TrimSpace(address)
		if err := supervisor.CheckListen(address); err != nil {
			return err
		}
		c.house.Listen = append(c.house.Listen, address)
	}
	return nil
}

func setData(c *configuration, text string) error {
	c.house.Data = text
	return nil
}

func setAdmin(c *configuration, text string) error {
	c.house.Admin = text
	return supervisor.CheckAdmin(text)
}

func setOpen(c *configuration, text string) (err error) {
	if c.open, err = strconv.ParseBool(text); err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

func setPage(c *configuration, text string) error {
	if text != "on" && text != "off" {
		return fmt.Errorf("%q is neither on nor off", text)
	}
	c.limits().Page = text == "on"
	return nil
}

func setRing(c *configuration, text string) error {
	if text != "on" && text != "off" {
		return fmt.Errorf("%q is neither on nor off", text)
	}
	c.limits().Ring = text == "on"
	return nil
}

func setUnkept(c *configuration, text string) (err error) {
	if c.house.Unkept, err = strconv.ParseBool(text); err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

func setTransient(c *configuration, text string) error {
	switch text {
	case schema.TransientPrimary, schema.TransientAuthenticated, schema.TransientAnyone, schema.TransientNobody:
		c.limits().Transient = text
		return nil
	}
	return fmt.Errorf("%q is none of primary, authenticated, anyone, nobody", text)
}

func setLogLevel(c *configuration, text string) error {
	if err := c.house.LogLevel.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is none of debug, info, warn, error", text)
	}
	return nil
}

func setAddressPace(c *configuration, text string) error {
	pace, ok := schema.ParsePace(text)
	if !ok {
		return fmt.Errorf("%q is no pace such as 20/s or 100/m", text)
	}
	c.limits().AddressPace = pace
	return nil
}

func setLogBytes(c *configuration, text string) error {
	err := size(64*kib, 4*gib, func(c *configuration) *int { return &c.limits().LogBytes })(c, text)
	if n := c.limits().LogBytes; err == nil && bits.OnesCount(uint(n)) != 1 {
		return fmt.Errorf("%s is no power of two", text)
	}
	return err
}

// whole sets a number.
func whole(least, most int, of func(*configuration) *int) func(*configuration, string) error {
	return func(c *configuration, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no whole number from %d to %d", text, least, most)
		}
		*of(c) = n
		return nil
	}
}

// span sets a duration.
func span(least, most time.Duration, of func(*configuration) *time.Duration) func(*configuration, string) error {
	return func(c *configuration, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return fmt.Errorf("%q is no time from %s to %s, such as 500ms, 25s or 1m30s", text, least, most)
		}
		*of(c) = d
		return nil
	}
}

// size sets a number of bytes.
func size(least, most int, of func(*configuration) *int) func(*configuration, string) error {
	return func(c *configuration, text string) error {
		n, err := parseSize(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no size from %s to %s, such as 65536, 64KiB or 1MiB", text, sizeText(least), sizeText(most))
		}
		*of(c) = n
		return nil
	}
}

// sizeUnits are those of a size; K, KB and KiB are 1024.
var sizeUnits = map[byte]int{'K': 10, 'M': 20, 'G': 30, 'T': 40}

func parseSize(text string) (int, error) {
	digits := strings.TrimRight(strings.ToUpper(strings.TrimSpace(text)), "KMGTIB ")
	unit := strings.ToUpper(strings.TrimSpace(strings.TrimSpace(text)[len(digits):]))
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no size", text)
	}
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	if unit == "" {
		return n, nil
	}
	shift, known := sizeUnits[unit[0]]
	if !known || len(unit) > 1 || n > 1<<62>>shift {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return n << shift, nil
}

func sizeText(n int) string {
	return strings.ReplaceAll(supervisor.Bytes(uint64(n)), " ", "")
}
