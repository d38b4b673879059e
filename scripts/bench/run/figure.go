package main

// figure takes a number out of a load's result.
type figure struct {
	name string
	take func(load) float64

	counts bool // of which 0 is something, too
}

// load is what the load generator prints as JSON.
type load struct {
	Lost                float64 `json:"lost"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`
	OpenSeconds         float64 `json:"open_seconds"`
	Seconds             float64 `json:"seconds"`
	Latency             tally   `json:"latency"`
	Round               tally   `json:"round"`
	Late                tally   `json:"late"`
	Handshakes          struct {
		PerSecond float64     `json:"per_second"`
		Latency   tally       `json:"latency"`
		Answers   map[int]int `json:"answers"` // by status
	} `json:"handshakes"`
	Server struct {
		Cores        float64 `json:"cpu_cores"`
		PerDelivery  float64 `json:"cpu_ns_per_delivery"`
		PerHandshake float64 `json:"cpu_ns_per_handshake"`
		PerSocket    float64 `json:"pss_bytes_per_socket"`
		MorePer      float64 `json:"pss_increment_bytes_per_socket"`
	} `json:"server"`

	beside *load // that went on meanwhile
}

type tally struct {
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
}

var (
	lost        = figure{name: "sockets lost, of 2000", take: func(l load) float64 { return l.Lost }, counts: true}
	cpuDelivery = figure{name: "server CPU, us a delivery", take: func(l load) float64 { return l.Server.PerDelivery / 1e3 }}
	deliveries  = figure{name: "deliveries/s", take: func(l load) float64 { return l.DeliveriesPerSecond }}
	p50         = figure{name: "latency p50, us", take: func(l load) float64 { return l.Latency.P50 / 1e3 }}
	p99         = figure{name: "latency p99, us", take: func(l load) float64 { return l.Latency.P99 / 1e3 }}
	late99      = figure{name: "sent late by the client, p99, us", take: func(l load) float64 { return l.Late.P99 / 1e3 }}
	cores       = figure{name: "server CPU, cores", take: func(l load) float64 { return l.Server.Cores }}
	handshakes  = figure{name: "handshakes/s", take: func(l load) float64 { return l.Handshakes.PerSecond }}
	logins      = figure{name: "logins/s", take: func(l load) float64 { return l.Handshakes.PerSecond }}
	entered50   = figure{name: "to the 101 p50, ms", take: func(l load) float64 { return l.Handshakes.Latency.P50 / 1e6 }}
	entered99   = figure{name: "to the 101 p99, ms", take: func(l load) float64 { return l.Handshakes.Latency.P99 / 1e6 }}
	cpuHand     = figure{name: "server CPU, us a handshake", take: func(l load) float64 { return l.Server.PerHandshake / 1e3 }}
	bytesSocket = figure{name: "bytes a socket, all processes", take: func(l load) float64 { return l.Server.PerSocket }}
	bytesMore   = figure{name: "bytes a socket, more than empty", take: func(l load) float64 { return l.Server.MorePer }}
	opened      = figure{name: "seconds to open all", take: func(l load) float64 { return l.OpenSeconds }}
	heardAll    = figure{name: "all heard it after, p50, ms", take: func(l load) float64 { return l.Round.P50 / 1e6 }}
	tries       = answers("tries answered/s")
	judgedRight = answers("of them right, 101", 101)
	judgedWrong = answers("of them wrong, 401", 401)
	turnedAway  = answers("of them turned away, 429", 429)
	full        = answers("of them for want of places, 503", 503)
)

// answers are those that the load beside had, a second, with one of the
// statuses or, where none is named, any.
func answers(name string, statuses ...int) figure {
	return figure{name: name, take: func(l load) float64 {
		if l.beside == nil || l.beside.Seconds == 0 {
			return 0
		}
		sum := 0
		for status, n := range l.beside.Handshakes.Answers {
			if len(statuses) == 0 || status == statuses[0] {
				sum += n
			}
		}
		return float64(sum) / l.beside.Seconds
	}}
}
