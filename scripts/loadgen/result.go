package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A result is what -json prints.
type result struct {
	Mode    string  `json:"mode"`
	Rooms   int     `json:"rooms"`
	Members int     `json:"members"`
	Senders int     `json:"senders"`
	Burst   int     `json:"burst"`
	Size    int     `json:"size_bytes"`
	Rate    float64 `json:"rate_per_sender"`
	Flight  int     `json:"flight"`
	Clients int     `json:"client_processes"`
	Speak   string  `json:"speak"`
	Turns   bool    `json:"turns"`

	OpenSeconds float64 `json:"open_seconds"` // until all sockets had their 101
	Seconds     float64 `json:"seconds"`      // of the measurement

	Messages            uint64  `json:"messages"` // in the measurement
	Deliveries          uint64  `json:"deliveries"`
	MessagesPerSecond   float64 `json:"messages_per_second"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`
	BytesPerSecond      float64 `json:"bytes_per_second"` // of bodies delivered

	Latency percentiles `json:"latency"` // from the intended time of sending to each receiver
	Round   percentiles `json:"round"`   // from sending until all receivers had it; closed loop
	Late    percentiles `json:"late"`    // our own: from the intended to the real time of sending

	Handshakes handshakes `json:"handshakes"`
	Server     cost       `json:"server"`
	ClientCPU  float64    `json:"client_cpu_cores"` // of our own, all processes

	Missing  uint64 `json:"missing"`         // deliveries, in the whole run
	Repeated uint64 `json:"repeated"`        // frames that a receiver had already, or after a later one
	Echoed   uint64 `json:"echoed"`          // frames that their own sender heard
	Foreign  uint64 `json:"foreign"`         // messages that nobody sent so, or not to that room
	Stray    string `json:"stray,omitempty"` // the first of them

	NoonSeconds float64 `json:"noon_seconds,omitempty"` // that the command took
	Lost        uint64  `json:"lost"`                   // open sockets that the server ended
	Loss        string  `json:"loss,omitempty"`         // how the first of them ended

	Error string `json:"error,omitempty"`
}

// percentiles are in ns.
type percentiles struct {
	Count uint64 `json:"count"`
	P50   int64  `json:"p50_ns"`
	P90   int64  `json:"p90_ns"`
	P99   int64  `json:"p99_ns"`
	Max   int64  `json:"max_ns"`
}

func (h *histogram) percentiles() percentiles {
	return percentiles{h.total, h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), h.most}
}

// handshakes are those of a storm; failures count in the whole run.
type handshakes struct {
	Done      uint64      `json:"done"` // 101s in the measurement
	PerSecond float64     `json:"per_second"`
	Latency   percentiles `json:"latency"` // from connect to 101
	Refused   int         `json:"refused"`
	Reset     int         `json:"reset"`
	Failed    int         `json:"failed"`  // answered, but not with 101
	Hung      int         `json:"hung"`    // no answer, or no end after the farewell
	Answers   map[int]int `json:"answers"` // by status, in the whole run; of others than 101 those that are no failures
	Failure   string      `json:"failure,omitempty"`

	mayFail bool // others than 101 are no failures, nor is no answer
}

// cost is the server's.
type cost struct {
	Processes        int     `json:"processes"`
	CPUCores         float64 `json:"cpu_cores"` // user and system, in the measurement
	CPUPerDelivery   float64 `json:"cpu_ns_per_delivery"`
	CPUPerHandshake  float64 `json:"cpu_ns_per_handshake"`
	Ended            int     `json:"processes_ended"` // in the measurement; their CPU is not counted
	PssEmpty         int64   `json:"pss_empty_bytes"`
	PssResting       int64   `json:"pss_resting_bytes"`
	PssPerSocket     float64 `json:"pss_bytes_per_socket"`           // resting, the empty server's share included
	PssMorePerSocket float64 `json:"pss_increment_bytes_per_socket"` // resting less empty
}

func (r *result) describe(p plan) {
	r.Mode, r.Rooms, r.Members, r.Senders = p.Mode, p.Rooms, p.Members, p.Senders
	r.Burst, r.Size, r.Rate, r.Flight, r.Clients = p.Burst, p.Size, p.Rate, p.Flight, p.Processes
	r.Speak, r.Turns = strings.Join(p.Speak, ","), p.Turns
	r.Handshakes.mayFail = p.Refusals
	r.Handshakes.Answers = map[int]int{}
}

func (r *result) weighSockets(n int) {
	r.Server.PssPerSocket = float64(r.Server.PssResting) / float64(n)
	r.Server.PssMorePerSocket = float64(r.Server.PssResting-r.Server.PssEmpty) / float64(n)
}

// account derives rates and costs from the readings around the measurement.
func (r *result) account(before, after reading) {
	r.Seconds = float64(after.at-before.at) / 1e9
	r.Messages = after.totals.messages - before.totals.messages
	r.Deliveries = after.totals.deliveries - before.totals.deliveries
	r.MessagesPerSecond = float64(r.Messages) / r.Seconds
	r.DeliveriesPerSecond = float64(r.Deliveries) / r.Seconds
	r.BytesPerSecond = float64(after.totals.bytes-before.totals.bytes) / r.Seconds
	r.ClientCPU = float64(after.clients-before.clients) / 1e9 / r.Seconds

	cpu, ended := spent(before.server, after.server)
	r.Server.Ended = ended
	r.Server.CPUCores = float64(cpu) / 1e9 / r.Seconds
	if r.Mode == modeHandshakes {
		r.Handshakes.Done = after.totals.open - before.totals.open
		r.Handshakes.PerSecond = float64(r.Handshakes.Done) / r.Seconds
		r.Server.CPUPerHandshake = float64(cpu) / float64(max(r.Handshakes.Done, 1))
	} else {
		r.Server.CPUPerDelivery = float64(cpu) / float64(max(r.Deliveries, 1))
	}
}

// sum adds up what the client processes counted.
func (r *result) sum(words []word) {
	var latency, round, late, upgraded histogram
	for _, w := range words {
		latency.merge(w.Report.Latency)
		round.merge(w.Report.Round)
		late.merge(w.Report.Late)
		upgraded.merge(w.Report.Upgrade)
		r.Missing += w.Report.Missing
		r.Repeated += w.Report.Repeated
		r.Echoed += w.Report.Echoed
		r.Foreign += w.Report.Foreign
		if r.Stray == "" {
			r.Stray = w.Report.Stray
		}
		h := &r.Handshakes
		h.Refused += w.Report.Refused
		h.Reset += w.Report.Reset
		h.Failed += w.Report.Failed
		h.Hung += w.Report.Hung
		for status, n := range w.Report.Answers {
			h.Answers[status] += n
		}
		if h.Failure == "" {
			h.Failure = w.Report.Failure
		}
		if r.Loss == "" {
			r.Loss = w.Report.Loss
		}
	}
	r.Latency, r.Round, r.Late = latency.percentiles(), round.percentiles(), late.percentiles()
	r.Handshakes.Latency = upgraded.percentiles()
}

// check says what did not come out.
func (r *result) check() error {
	var wrong []string
	count := func(n uint64, what string) {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", n, what))
		}
	}
	count(r.Missing, "deliveries are missing")
	count(r.Repeated, "deliveries came twice or out of order")
	count(r.Echoed, "messages came back to their sender")
	count(r.Foreign, "messages were changed, or came to a room that they were not sent to")
	if r.Stray != "" {
		wrong = append(wrong, "the first: "+r.Stray)
	}
	h := r.Handshakes
	count(uint64(h.Refused), "handshakes were refused")
	count(uint64(h.Reset), "handshakes were reset")
	count(uint64(h.Failed), "handshakes failed")
	if !h.mayFail {
		count(uint64(h.Hung), "handshakes hung")
	}
	if h.Failure != "" {
		wrong = append(wrong, "the first: "+h.Failure)
	}
	if r.Mode != modeIdle && r.Messages+r.Handshakes.Done == 0 {
		wrong = append(wrong, "nothing was done in the measured time")
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// print is the result for people.
func (r *result) print(line func(format string, a ...any)) {
	if r.Mode == modeHandshakes {
		line("%s: %d rooms, %d at once, %d client processes", r.Mode, r.Rooms, r.Flight, r.Clients)
	} else {
		line("%s: %d rooms x %d members, %d client processes", r.Mode, r.Rooms, r.Members, r.Clients)
	}
	if r.OpenSeconds > 0 {
		n := float64(r.Rooms * r.Members)
		line("open        %.0f sockets in %.2f s (%.0f/s)", n, r.OpenSeconds, n/r.OpenSeconds)
	}
	if r.Server.PssResting > 0 {
		s := r.Server
		line("memory      %.1f MB empty, %.1f MB resting in %d processes: %.0f B a socket, %.0f B more than empty",
			float64(s.PssEmpty)/1e6, float64(s.PssResting)/1e6, s.Processes, s.PssPerSocket, s.PssMorePerSocket)
	}
	if r.NoonSeconds > 0 {
		line("noon        %.2f s, %d sockets lost %s", r.NoonSeconds, r.Lost, r.Loss)
	}
	if h := r.Handshakes; r.Mode == modeHandshakes {
		line("handshakes  %.0f/s in %.2f s; refused %d, reset %d, failed %d, hung %d", h.PerSecond, r.Seconds, h.Refused, h.Reset, h.Failed, h.Hung)
		line("to the 101  %v", h.Latency)
		line("answers     %v", h.Answers)
	}
	if r.Seconds > 0 && r.Messages > 0 {
		line("messages    %.0f/s of %d B, %d senders a room, %d at once", r.MessagesPerSecond, r.Size, r.Senders, r.Burst)
		line("deliveries  %.0f/s, %d in %.2f s", r.DeliveriesPerSecond, r.Deliveries, r.Seconds)
	}
	if r.Latency.Count > 0 {
		line("latency     %v", r.Latency)
	}
	if r.Round.Count > 0 {
		line("all heard   %v", r.Round)
	}
	if r.Late.Count > 0 {
		line("sent late   %v", r.Late)
	}
	r.printCost(line)
}

func (r *result) printCost(line func(format string, a ...any)) {
	s := r.Server
	switch {
	case s.CPUPerDelivery > 0:
		line("server CPU  %.2f us a delivery, %.2f cores", s.CPUPerDelivery/1e3, s.CPUCores)
	case s.CPUPerHandshake > 0:
		line("server CPU  %.1f us a handshake, %.2f cores", s.CPUPerHandshake/1e3, s.CPUCores)
	}
	if s.Ended > 0 {
		line("            %d of its processes ended meanwhile; their CPU is not counted", s.Ended)
	}
	if r.Seconds > 0 {
		line("client CPU  %.2f cores", r.ClientCPU)
	}
}

func (p percentiles) String() string {
	short := func(ns int64) string { return time.Duration(ns).Round(100 * time.Nanosecond).String() }
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, max %s (%d)", short(p.P50), short(p.P90), short(p.P99), short(p.Max), p.Count)
}
